import ArgumentParser
import JSON
import Metadata
import Pipeline
import Primitives

/// `medallion runs`.
struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "What ran, when and with which counts; end a run that is under way.",
        discussion: """
            A run is named by its id, or by a beginning of it that no other run has.

            Examples:
              medallion runs list --system shop --limit 5
              medallion runs show 019a93c5
              medallion runs cancel 019a93c5
            """,
        subcommands: [List.self, RunsShowCommand.self, RunsCancelCommand.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The newest runs.",
            discussion: """
                Examples:
                  medallion runs list
                  medallion runs list --system gold --limit 50
                  medallion runs list --json | jq -r '.[0].run_id'
                """)

        @OptionGroup var options: GlobalOptions

        @Option(help: ArgumentHelp("Only this system; gold for builds.", valueName: "id"))
        var system: String?

        @Option(help: ArgumentHelp("How many.", valueName: "n"))
        var limit = 20

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit is at least 1") }
        }

        mutating func run() async throws {
            let (wanted, limit) = (system.map { SystemID(rawValue: $0) }, limit)
            let runs = try await Composition(options: options).withDatabase { pool in
                try await AuditQueries(pool: pool).runs(of: wanted, limit: limit)
            }
            if json { return JSONOutput.print(runs.map { .object($0.members) }) }
            var table = TextTable("run", "system", "status", "started", "time", "ok", "failed", "skipped", "trigger")
            for run in runs {
                table.add(
                    "\(run.run.id)", "\(run.system)", run.status, shortTime(run.startedAt),
                    duration(from: run.startedAt, to: run.finishedAt), String(run.succeeded), String(run.failed),
                    String(run.skipped), run.trigger)
            }
            let none = "no runs" + (system.map { " of '\($0)'" } ?? "") + " yet"
            print(table.rows.isEmpty ? none : table.text)
        }
    }
}
