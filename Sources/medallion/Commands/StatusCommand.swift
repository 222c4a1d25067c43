import ArgumentParser
import JSON
import Metadata
import Pipeline
import Primitives

/// `medallion status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "The last run of each entity and layer, waiting batches and cursors.",
        discussion: """
            Examples:
              medallion status
              medallion status --system shop
              medallion status --json | jq '.[] | select(.silver.status != "succeeded")'
            """)

    @OptionGroup var options: GlobalOptions

    @Option(help: ArgumentHelp("Only this system.", valueName: "id"))
    var system: String?

    @Flag(help: "Print JSON instead of tables.")
    var json = false

    mutating func run() async throws {
        let composition = Composition(options: options)
        let wanted = system.map { SystemID(rawValue: $0) }
        let lines = try await Interruption.guarding {
            try await composition.withWorkspace { workspace in
                let known = workspace.catalog.systems.map(\.id) + [.gold]
                if let wanted, !known.contains(wanted) { throw UsageError.noSystem(wanted.rawValue, among: known) }
                return try await StatusReport.read(in: workspace)
            }
        }.filter { wanted == nil || $0.entity.system == wanted }
        if json { return JSONOutput.print(lines.map(\.json)) }
        print(StatusReport.text(lines))
    }
}
