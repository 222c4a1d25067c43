import ArgumentParser
import Metadata
import Pipeline
import Primitives

/// `medallion batch`.
struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "What was landed and is not yet in silver; give a batch up.",
        discussion: """
            Examples:
              medallion batch list
              medallion batch discard 019a93c5 shop.products
            """,
        subcommands: [List.self, Discard.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Batches on their way to silver, and why blocked ones are.",
            discussion: """
                A blocked batch goes on with 'medallion run --entity E --allow-deletes' or '--accept-rejects', or is given
                up with 'medallion batch discard RUN E'.

                Examples:
                  medallion batch list
                  medallion batch list --all --json
                """)

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Merged, superseded and discarded ones too.")
        var all = false

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        mutating func run() async throws {
            let all = all
            let batches = try await Composition(options: options).withDatabase { pool in
                try await AuditQueries(pool: pool).batches(all: all)
            }
            if json { return JSONOutput.print(batches.map(\.json)) }
            var table = TextTable("entity", "run", "state", "load", "landed", "files", "records", "reason")
            for batch in batches {
                table.add(
                    "\(batch.entity)", "\(batch.run.id)", batch.state, batch.loadType, shortTime(batch.landedAt),
                    String(batch.files), grouped(batch.records),
                    batch.reason ?? batch.sameAs.map { "same files as run \($0)" } ?? "")
            }
            print(table.rows.isEmpty ? (all ? "no batches yet" : "no batch is waiting") : table.text)
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "discard", abstract: "Give a landed or blocked batch up; its raw files stay.",
            discussion: """
                The cursor stays where the batch set it: 'medallion reset ENTITY' makes the next load a full one, if what
                the batch brought is still wanted.

                Example:
                  medallion batch discard 019a93c5 shop.products
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The run that landed it: its id, or a beginning of it.")
        var run: String

        @Argument(help: "The entity, as system.entity.")
        var entity: String

        mutating func run() async throws {
            let (text, name) = (run, entity)
            let wanted = try parseEntity(name)
            let composition = Composition(options: options)
            let (id, cursor) = try await Interruption.guarding {
                try await composition.withWorkspace { workspace in
                    let audit = AuditQueries(pool: workspace.pool)
                    let known = Set(try await audit.batches(all: true).map(\.entity)).union(
                        workspace.catalog.entities.map(\.id))
                    guard known.contains(wanted) else { throw UsageError.noEntity(name, among: known.sorted()) }
                    let batch = try await audit.batch(of: wanted, matching: text)
                    try await OperatorLedger(workspace: workspace).discard(batch.run.id, of: wanted)
                    let cursor = try await audit.cursors().first { $0.entity == wanted && $0.run == batch.run.id }
                    return (batch.run.id, cursor)
                }
            }
            print("discarded: the batch of run \(id) of \(wanted); its raw files stay")
            guard let value = cursor?.value else { return }
            print("the cursor stays at \(value), behind what was given up; to load it again: medallion reset \(wanted)")
        }
    }
}
