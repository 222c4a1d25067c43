import ArgumentParser
import JSON
import Metadata
import Pipeline

/// `medallion quarantine`.
struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "Records that were rejected: list them, look at them, try them again.",
        discussion: """
            Examples:
              medallion quarantine list
              medallion quarantine show 019a93c5 shop.orders
              medallion quarantine retry shop.orders      after the metadata was mended
            """,
        subcommands: [List.self, QuarantineShowCommand.self, QuarantineRetryCommand.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Rejected records with their reasons, newest first.",
            discussion: """
                Examples:
                  medallion quarantine list --entity shop.orders
                  medallion quarantine list --run 019a93c5 --all --json
                """)

        @OptionGroup var options: GlobalOptions

        @Option(help: ArgumentHelp("Only this entity.", valueName: "system.entity"))
        var entity: String?

        @Option(help: ArgumentHelp("Only what this run landed: its id, or a beginning of it.", valueName: "run"))
        var run: String?

        @Flag(help: "Resolved ones too.")
        var all = false

        @Option(help: ArgumentHelp("At most so many.", valueName: "number"))
        var limit = 100

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        mutating func run() async throws {
            let (name, text, all, limit) = (entity, self.run, all, limit)
            guard limit > 0 else { throw ValidationError("--limit takes a number from 1") }
            let records = try await Composition(options: options).withWorkspace { workspace in
                let audit = AuditQueries(pool: workspace.pool)
                let entity = try name.map { try workspace.catalog.named($0).id }
                var run: RunRow?
                if let text { run = try await audit.run(matching: text) }
                return try await audit.quarantine(of: entity, run: run?.run.id, all: all, limit: limit)
            }
            if json { return JSONOutput.print(records.map(\.json)) }
            print(QuarantineReport.text(records, limit: limit))
        }
    }
}
