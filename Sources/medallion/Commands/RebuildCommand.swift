import ArgumentParser
import Metadata
import Pipeline

/// `medallion rebuild`.
struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Derive an entity's history again from bronze or raw, and level what is there with it.",
        discussion: """
            Every batch is replayed with today's metadata into a shadow table, through the same code as every run. What
            differs is changed in one transaction; table, grants, views and indexes stay. --verify changes nothing.

            Examples:
              medallion rebuild shop.customers --verify
              medallion rebuild shop.customers
              medallion rebuild shop.customers --from raw
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The entity, as system.entity.")
    var entity: String

    enum Origin: String, ExpressibleByArgument, CaseIterable {
        case raw, bronze
    }

    @Option(help: "raw: the landed files, bronze is derived again as well; bronze: its log of changes.")
    var from = Origin.bronze

    @Flag(help: "Only compare: exit code 1 when something differs.")
    var verify = false

    mutating func run() async throws {
        let (name, source, verifies) = (entity, from == .raw ? Rebuild.Source.raw : .bronze, verify)
        let composition = Composition(options: options)
        let report = try await Interruption.guarding {
            try await composition.withWorkspace(showsSources: true) { workspace in
                let entity = try workspace.catalog.named(name)
                return try await Rebuild(workspace: workspace, entity: entity, from: source, verifies: verifies).run()
            }
        }
        RebuildDisplay(report: report, entity: name, verifies: verifies).show()
        let status = ExitStatus(of: [report.run] + (report.gold.map { [$0] } ?? []))
        if status != .done { throw ExitCode(status.rawValue) }
        if verifies, report.differs { throw ExitCode(ExitStatus.someFailed.rawValue) }
    }
}
