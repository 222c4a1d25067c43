internal import Metadata
internal import Postgres
internal import Primitives

/// The work of a rebuild: replays an entity's batches into a shadow, compares, and levels the live tables with it.
struct Replay: Sendable {
    /// What was found and, unless it was only to be verified, mended.
    struct Findings: Sendable {
        var counts = HistoryDifference.Counts()
        var samples: [String] = []
    }

    /// The schemas of the shadows; nobody else's, emptied before and after.
    private static let (bronzeSchema, silverSchema) = ("rebuild_bronze", "rebuild_silver")

    let workspace: Workspace
    let entity: Entity
    let system: SourceSystem
    let source: Rebuild.Source
    let verifies: Bool
    /// Every row gets another key: the columns of the old one may be NULL, those of the new one may not.
    let isKeyChange: Bool

    private var rejected: SQLText { "\(table: Replay.bronzeSchema, entity.id.table + "__rejected")" }
    private var liveBronze: BronzeTable { BronzeTable(entity, schema: system.schemas.bronze) }
    private var shadowBronze: BronzeTable { BronzeTable(entity, schema: Replay.bronzeSchema) }
    private var live: SilverTable { SilverTable(entity, schema: system.schemas.silver) }
    private var shadow: SilverTable { SilverTable(entity, schema: Replay.silverSchema) }

    /// Replays; the live tables change in one transaction with the audit rows, or not at all.
    func run(with ledger: RunLedger) async throws -> Findings {
        try await dropShadows()
        do {
            var (found, replayed): (Findings, ReplayedBatches?) = (Findings(), nil)
            if source == .raw {
                try await ledger.record(.bronze, entity.id) { replayed = try await replayRaw(step: $0) }
            }
            try await ledger.record(.silver, entity.id) { found = try await replayBronze(replayed, step: $0) }
            try await dropShadows()
            return found
        } catch {
            // What failed is told; shadows that stay behind are dropped by the next rebuild.
            try? await dropShadows()
            throw error
        }
    }

    private func batches(_ states: [String], on connection: PostgresConnection) async throws -> [Batch] {
        try await BatchLedger.batches(of: entity.id, in: states, on: connection).map(\.batch)
    }

    private func dropShadows() async throws {
        try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                for schema in [Replay.bronzeSchema, Replay.silverSchema] {
                    try await connection.execute("CREATE SCHEMA IF NOT EXISTS \(identifier: schema)")
                }
                for table in [shadowBronze.log, shadowBronze.last, shadow.history, rejected] {
                    try await connection.execute("DROP TABLE IF EXISTS \(fragment: table)")
                }
            }
        }
    }

    // MARK: Raw to bronze

    /// Fills the shadow log, a batch a transaction; the live log is levelled together with silver.
    private func replayRaw(step: Step) async throws -> ReplayedBatches {
        var replayed = ReplayedBatches(entity.id, metadataHash: workspace.catalog.hash, rejected: rejected)
        let layer = BronzeLayer(
            store: workspace.store, pool: workspace.pool, catalog: workspace.catalog, allowsDeletes: true,
            acceptsRejects: true)
        try await workspace.pool.withConnection { connection in
            for statement in shadowBronze.definition { try await connection.execute(statement) }
            try await replayed.make(on: connection)
            for batch in try await batches(["normalized", "merged"], on: connection) where batch.sameAs == nil {
                try await connection.transaction {
                    let outcome = try await layer.replay(
                        batch, entity, of: system, into: shadowBronze, rejected: rejected, step: step, on: connection)
                    replayed.add(batch, rejected: outcome.counts.rejected, missing: outcome.missing)
                }
            }
            let found = try await LogDifference(live: liveBronze, shadow: shadowBronze).counts(on: connection)
            try await connection.transaction {
                try await step.commit(counts(of: found), closes: true, on: connection)
            }
        }
        return replayed
    }

    // MARK: Bronze to silver

    private func replayBronze(_ replayed: ReplayedBatches?, step: Step) async throws -> Findings {
        let bronze = source == .raw ? shadowBronze : liveBronze
        let layer = SilverLayer(
            pool: workspace.pool, catalog: workspace.catalog, acceptsChecks: true, readsOwnHistory: true)
        return try await workspace.pool.withConnection { writer in
            do {
                return try await writer.transaction {
                    for statement in shadow.bareDefinition { try await writer.execute(statement) }
                    try await replayed?.note(on: writer)
                    for batch in try await batches(["merged"], on: writer) where batch.sameAs == nil {
                        _ = try await layer.merge(batch, of: system, from: bronze, into: shadow, step: step, on: writer)
                    }
                    let difference = HistoryDifference(live: live, shadow: shadow)
                    var found = Findings(counts: try await difference.counts(on: writer))
                    found.samples = try await difference.samples(10, on: writer)
                    if verifies { throw Verified(found: found) }
                    try await require(false, on: writer)
                    try await difference.level(on: writer)
                    try await require(true, on: writer)
                    if source == .raw {
                        try await LogDifference(live: liveBronze, shadow: shadowBronze).level(on: writer)
                        try await AcceptedDocuments.forget(entity.id, on: writer)
                        try await LogDefinitions(entity, timezone: system.timezone).note(on: writer)
                    }
                    // The rows are by today's definitions now.
                    let shape = RecordedShape(EntityShape(of: entity, timezone: system.timezone))
                    try await shape.write(for: entity.id, at: step.now, on: writer)
                    try await step.commit(counts(of: found.counts), closes: true, on: writer)
                    return found
                }
            } catch let verified as Verified {
                let found = verified.found
                try await writer.transaction {
                    try await step.commit(counts(of: found.counts, isApplied: false), closes: true, on: writer)
                }
                return found
            }
        }
    }

    /// Frees the columns that are no key any more, or binds those that are.
    private func require(_ isRequired: Bool, on writer: PostgresConnection) async throws {
        guard isKeyChange else { return }
        for column in entity.storedColumns where (column.isKey || !column.isNullable) == isRequired {
            try await writer.execute(
                """
                ALTER TABLE \(fragment: live.history) ALTER COLUMN \(identifier: column.name)
                \(verbatim: isRequired ? "SET NOT NULL" : "DROP NOT NULL")
                """)
        }
    }

    /// Ends the transaction of a comparison: nothing of it may stay.
    private struct Verified: Error {
        var found: Findings
    }

    private func counts(of found: HistoryDifference.Counts, isApplied: Bool = true) -> RowCounts {
        var counts = RowCounts()
        counts.input = found.same + found.total
        guard isApplied else {
            counts.unchanged = counts.input
            return counts
        }
        (counts.inserted, counts.updated, counts.deleted) = (found.missing, found.changed, found.surplus)
        counts.unchanged = found.same
        return counts
    }
}
