import ArgumentParser
import Metadata
import Pipeline

/// `medallion quarantine show`.
struct QuarantineShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The rejected records of a run, as they were received.",
        discussion: """
            Read from the raw file; a row of a CSV file is shown as a JSON object. Values of columns with personal data are
            hidden without --raw.

            Examples:
              medallion quarantine show 019a93c5 shop.orders
              medallion quarantine show 019a93c5 shop.orders --file 1 --record 17 --raw
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The run that landed them: its id, or a beginning of it.")
    var run: String

    @Argument(help: "The entity, as system.entity.")
    var entity: String

    @Option(help: ArgumentHelp("Only this raw file, from 1.", valueName: "number"))
    var file: Int?

    @Option(help: ArgumentHelp("Only this record of the file, from 1.", valueName: "number"))
    var record: Int?

    @Flag(help: "Show personal data.")
    var raw = false

    mutating func run() async throws {
        let (text, name, file, record, masks) = (self.run, entity, file, record, !raw)
        let shown = try await Composition(options: options).withWorkspace(showsSources: true) { workspace in
            let entity = try workspace.catalog.named(name)
            let audit = AuditQueries(pool: workspace.pool)
            let run = try await audit.run(matching: text)
            let records = try await audit.quarantine(of: entity.id, run: run.run.id, all: true, limit: 100_000)
                .filter { (file ?? $0.file) == $0.file && (record ?? $0.record) == $0.record }
            guard !records.isEmpty else {
                throw UsageError(
                    "run \(run.run.id) has no such rejected record of \(entity.id); see medallion quarantine list --all"
                )
            }
            return try QuarantineReader(workspace: workspace).texts(of: records, entity, masks: masks)
        }
        for (record, text) in shown { print("\(QuarantineReport.head(record))\n\(text)") }
    }
}
