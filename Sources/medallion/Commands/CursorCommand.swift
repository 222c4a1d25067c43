import ArgumentParser
import Metadata
import Pipeline
import Primitives

/// `medallion cursor`.
struct CursorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cursor",
        abstract: "Where the next delta load of an entity begins.",
        discussion: """
            Examples:
              medallion cursor show
              medallion cursor set shop.orders 2026-01-31T00:00:00Z
              medallion cursor reset shop.orders
            """,
        subcommands: [Show.self, Set.self, Reset.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "The cursors in force.",
            discussion: "Examples:\n  medallion cursor show\n  medallion cursor show shop.orders --json")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "An entity, as system.entity; all without.")
        var entity: String?

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        mutating func run() async throws {
            let wanted = entity
            let cursors = try await Composition(options: options).withWorkspace { workspace in
                let id = try wanted.map { try workspace.catalog.named($0).id }
                return try await AuditQueries(pool: workspace.pool).cursors().filter { id == nil || $0.entity == id }
            }
            if json { return JSONOutput.print(cursors.map(\.json)) }
            var table = TextTable("entity", "cursor", "set by", "at", "run")
            for cursor in cursors {
                table.add(
                    "\(cursor.entity)", cursor.isReset ? "none: reset" : cursor.value ?? "", cursor.setBy,
                    shortTime(cursor.recordedAt), "\(cursor.run)")
            }
            print(table.rows.isEmpty ? "no cursor is set" : table.text)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Let the next delta load begin at a value.",
            discussion: """
                The value is sent to the source as it is written here. Records that are loaded again change nothing.

                Examples:
                  medallion cursor set shop.orders 2026-01-31T00:00:00Z
                  medallion cursor set shop.events 41200
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The entity, as system.entity.")
        var entity: String

        @Argument(help: "The value: an instant, a date or a number, as the cursor column has it.")
        var value: String

        mutating func run() async throws {
            let (name, value) = (entity, value)
            let composition = Composition(options: options)
            let entity = try await Interruption.guarding {
                try await composition.withWorkspace { workspace in
                    let entity = try workspace.catalog.named(name)
                    guard !value.isEmpty else { throw UsageError("a cursor is not empty; see medallion cursor reset") }
                    try await OperatorLedger(workspace: workspace).setCursor(of: entity, to: value)
                    return entity
                }
            }
            print("the next delta load of \(entity.id) begins at \(value)")
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset", abstract: "Forget the cursor; the same as 'medallion reset'.",
            discussion: "Example:\n  medallion cursor reset shop.orders")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The entity, as system.entity.")
        var entity: String

        mutating func run() async throws { print(try await resetEntity(entity, options)) }
    }
}
