import ArgumentParser
import Pipeline

/// `medallion sql`.
struct SQLCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "Print SQL over histories, for psql or for sql/gold.",
        discussion: """
            Nothing is run; no database is needed.

            Examples:
              medallion sql temporal-join shop.orders shop.customers
              medallion sql asof shop.customers --at 2025-03-04T21:00:00Z
              medallion sql current shop.customers
            """,
        subcommands: [Join.self, AsOf.self, Current.self])

    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "temporal-join",
            abstract: "Two histories, joined wherever both were true at the same time.",
            discussion: """
                Without --on the columns are joined that the metadata links by 'references'. The text is a whole gold
                script: put it into sql/gold, take out the columns that you do not want.

                Examples:
                  medallion sql temporal-join shop.orders shop.customers | medallion db psql
                  medallion sql temporal-join shop.orders shop.customers --outer > sql/gold/orders_over_time.sql
                  medallion sql temporal-join silver.shop_order_lines silver.shop_products --on product_id=id
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(
            help: "The table whose rows lead, as silver.TABLE or system.entity.", completion: TableArgument.completion)
        var left: String

        @Argument(help: "The table that is joined to it.", completion: TableArgument.completion)
        var right: String

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Columns that are equal; default: the metadata's references.", valueName: "left=right"))
        var on: [String] = []

        @Flag(help: "Keep the stretches in which the right table has nothing.")
        var outer = false

        mutating func run() async throws {
            let catalog = try Composition(options: options).loadCatalog()
            let join = try TemporalJoin(
                NamedTable(left, in: catalog), NamedTable(right, in: catalog), on: on,
                isOuter: outer)
            print(join.text, terminator: "")
        }
    }

    struct AsOf: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "asof", abstract: "What was true at an instant.",
            discussion: "Example:\n  medallion sql asof shop.customers --at 2025-03-04T21:00:00Z | medallion db psql")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The table, as silver.TABLE or system.entity.", completion: TableArgument.completion)
        var table: String

        @Option(help: ArgumentHelp("The instant, ISO 8601, or a day.", valueName: "T"))
        var at: String

        mutating func run() async throws {
            let catalog = try Composition(options: options).loadCatalog()
            let instant = try readInstant(at, of: "--at")
            print(HistorySQL(try NamedTable(table, in: catalog)).asOf(instant), terminator: "")
        }
    }

    struct Current: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "current", abstract: "What is true now.",
            discussion: "Example:\n  medallion sql current shop.customers | medallion db psql")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The table, as silver.TABLE or system.entity.", completion: TableArgument.completion)
        var table: String

        mutating func run() async throws {
            let catalog = try Composition(options: options).loadCatalog()
            print(HistorySQL(try NamedTable(table, in: catalog)).current, terminator: "")
        }
    }
}
