import ArgumentParser
import Pipeline

/// `medallion trace`.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Where the values of a row come from: versions, changes, runs, raw records.",
        discussion: """
            Every version of one key, oldest first: when it was true, which run brought it, which columns changed, and the
            record of the raw file that says so. What had no effect or was rejected is there too. A key is written as the
            source writes it, or as silver shows it. Nothing is changed.

            Examples:
              medallion trace silver.shop_customers --key id=5
              medallion trace shop.customers --key id=5 --at 2025-03-04T21:00:00Z
              medallion trace shop.order_lines --key order_id=7 product_id=3
              medallion trace shop.customers --key id=5 --json | jq '.versions[].run'
            A row of a table without key, by its hash:
              medallion trace log.events --key _key_hash=0f343b09-31af-5dd5-…
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The table, as silver.TABLE or system.entity.", completion: TableArgument.completion)
    var table: String

    @Option(
        parsing: .upToNextOption, help: ArgumentHelp("The key: each of its columns once.", valueName: "column=value"))
    var key: [String]

    @Option(help: ArgumentHelp("Only what was true at this instant, ISO 8601.", valueName: "T"))
    var at: String?

    @Flag(help: "Whole records and values instead of what fits into a line.")
    var full = false

    @Flag(help: "Show personal data too.")
    var raw = false

    @Flag(help: "Print JSON instead of text.")
    var json = false

    mutating func run() async throws {
        let instant = try at.map { try readInstant($0, of: "--at") }
        let (name, key, showsAll) = (table, key, raw)
        let composition = Composition(options: options)
        let trace = try await Interruption.guarding {
            try await composition.withWorkspace(showsSources: true) { workspace in
                let table = try NamedTable(name, in: workspace.catalog, gold: workspace.gold)
                return try await TraceQuery(
                    table, store: workspace.store, pool: workspace.pool, showsPersonalData: showsAll
                ).trace(key)
            }
        }
        if json { return JSONOutput.print(trace.json(at: instant)) }
        print(
            TraceReport(
                trace: trace, instant: instant, folder: options.projectFolder, width: full ? nil : Terminal.width
            ).text)
    }
}
