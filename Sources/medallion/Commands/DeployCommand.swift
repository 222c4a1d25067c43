import ArgumentParser
import Metadata
import Pipeline
import Postgres

/// `medallion deploy`.
struct DeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Mirror the metadata into the database and make the tables that it needs, in one transaction.",
        discussion: """
            A run does the same when the metadata is new; deploy ahead of it where runs may not make tables (--no-ddl).

            Example:
              medallion deploy && medallion run --no-ddl
            """)

    @OptionGroup var options: GlobalOptions

    mutating func run() async throws {
        let composition = Composition(options: options)
        let (plan, changes) = try await Interruption.guarding {
            try await composition.withWorkspace { try await Deployment(workspace: $0).deploy() }
        }
        for change in changes { print(change) }
        for (entity, change) in plan.changes { print("\(entity): \(PlanCommand.line(of: change))") }
        if changes.isEmpty, plan.statements.isEmpty, plan.differences.isEmpty {
            print("nothing to do: the database is up to date")
        }
        PlanCommand.showRefusals(of: plan)
        if !plan.differences.isEmpty { throw ExitCode(ExitStatus.usage.rawValue) }
    }
}
