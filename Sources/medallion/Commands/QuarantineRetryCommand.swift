import ArgumentParser
import Metadata
import Pipeline

/// `medallion quarantine retry`.
struct QuarantineRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Read rejected records once more under today's metadata, and bring what is accepted to silver.",
        discussion: """
            Mend the metadata first (a type, a format, a default, nullable), then retry. What today's metadata accepts is
            landed again as a batch of a run of its own. A record whose key has something newer since is resolved
            without effect; what is still rejected stays.

            Examples:
              medallion quarantine retry shop.orders
              medallion quarantine retry shop.orders --run 019a93c5
              medallion quarantine retry                          every entity
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The entity, as system.entity; all without.")
    var entity: String?

    @Option(help: ArgumentHelp("Only what this run landed: its id, or a beginning of it.", valueName: "run"))
    var run: String?

    mutating func run() async throws {
        let (name, text) = (entity, self.run)
        let composition = Composition(options: options)
        let (outcomes, reports) = try await Interruption.guarding {
            try await composition.withWorkspace(showsSources: true) { workspace in
                let entity = try name.map { try workspace.catalog.named($0).id }
                var run: RunRow?
                if let text { run = try await AuditQueries(pool: workspace.pool).run(matching: text) }
                return try await QuarantineRetry(workspace: workspace).run(entity, rejectedIn: run?.run.id)
            }
        }
        print(QuarantineReport.text(outcomes, reports))
        let status = ExitStatus(of: reports)
        if status != .done { throw ExitCode(status.rawValue) }
    }
}
