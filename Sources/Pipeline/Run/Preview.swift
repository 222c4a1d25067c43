internal import ConnectorKit
public import Metadata
internal import Postgres
internal import Primitives

/// What the landed batches of an entity would change, found by doing it in a transaction that is rolled back.
public struct Preview: Sendable {
    /// One batch on its way.
    public struct BatchOutcome: Sendable {
        /// The run that landed it.
        public var run: RunIdentity
        /// What became of its records; nil where they are in bronze already.
        public var bronze: RowCounts?
        /// What became of its changes.
        public var silver: RowCounts
        /// Why a run would block it.
        public var objection: String?
        /// The first changed rows of silver, a line each.
        public var samples: [String]
    }

    private let workspace: Workspace
    private let entity: Entity

    /// A preview of one entity.
    public init(workspace: Workspace, entity: Entity) {
        self.workspace = workspace
        self.entity = entity
    }

    /// Applies the pending batches, oldest first, and takes everything back.
    /// - Returns: Empty where no batch is pending.
    /// - Throws: `SystemBusy` while the system runs; `PostgresError`; `StepError`.
    public func run() async throws -> [BatchOutcome] {
        guard let system = workspace.catalog.system(entity.id.system) else {
            throw UsageError("entity '\(entity.id)' has no system")
        }
        return try await RunLease.whileIdle(system.id, in: workspace) { try await preview(system) }
    }

    /// Carries the outcomes out of the transaction that it ends.
    private struct Done: Error {
        var outcomes: [BatchOutcome]
    }

    private func preview(_ system: SourceSystem) async throws -> [BatchOutcome] {
        let plan = try await Deployment(workspace: workspace).plan(for: [entity])
        if let lines = plan.differences[entity.id] { throw Deployment.refusal(lines) }
        let step = Step(
            id: .zero, layer: .silver, entity: entity.id, attempt: 1,
            run: RunIdentity(id: .zero, timestamp: workspace.clock.now()), system: system.id, fence: 0,
            startedAt: workspace.clock.now(), known: workspace.secrets.known, clock: workspace.clock,
            observer: workspace.observer)
        do {
            return try await workspace.pool.withConnection { connection in
                try await connection.transaction {
                    for statement in plan.statements.flatMap(\.sql) { try await connection.execute(statement) }
                    throw Done(outcomes: try await apply(system, step: step, on: connection))
                }
            }
        } catch let done as Done {
            return done.outcomes
        }
    }

    private func apply(
        _ system: SourceSystem, step: Step, on connection: PostgresConnection
    ) async throws -> [BatchOutcome] {
        let bronze = BronzeTable(entity, schema: system.schemas.bronze)
        let silver = SilverTable(entity, schema: system.schemas.silver)
        let layer = BronzeLayer(
            store: workspace.store, pool: workspace.pool, catalog: workspace.catalog, allowsDeletes: false,
            acceptsRejects: false)
        let merge = SilverLayer(
            pool: workspace.pool, catalog: workspace.catalog, acceptsChecks: true, readsOwnChanges: true)
        var outcomes: [BatchOutcome] = []
        if let parent = entity.explosion?.parent {
            try await ItemBatches(child: entity.id, parent: parent).register(at: step.now, on: connection)
        }
        let pending = try await BatchLedger.batches(
            of: entity.id, in: ["landed", "blocked", "normalized"], on: connection)
        // What an exploded entity has not read of the same bytes, only reading them tells.
        for (known, state, _) in pending where known.sameAs == nil || entity.explosion != nil {
            var batch = known
            var outcome = BatchOutcome(run: batch.run, bronze: nil, silver: RowCounts(), objection: nil, samples: [])
            if state != "normalized" {
                let (counts, objection, missing) = try await layer.replay(
                    batch, entity, of: system, into: bronze, step: step, on: connection)
                outcome.bronze = counts
                outcome.objection = objection?.description
                batch.missingColumns = missing
            }
            outcome.silver = try await merge.merge(
                batch, of: system, from: bronze, into: silver, step: step, on: connection)
            outcome.samples = try await samples(silver, batch, on: connection)
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// The first rows that the batch touched: what happened, the row without its unchanging parts.
    private func samples(
        _ table: SilverTable, _ batch: Batch, on connection: PostgresConnection
    ) async throws -> [String] {
        let shown = entity.storedColumns.map { column -> SQLText in
            column.pii == .none
                ? """
                \(literal: column.name + "=") || coalesce(left(t.\(identifier: column.name)::text, 40), 'NULL')
                """ : "\(literal: column.name + "=‹personal data›")"
        }
        func instant(_ column: SQLText) -> SQLText {
            "to_char(t.\(fragment: column) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        }
        return try await connection.query(
            """
            SELECT rpad(CASE WHEN t._is_deleted THEN 'deleted' WHEN t._valid_to IS NOT NULL THEN 'closed'
                    WHEN t._run_id = \(batch.run.id) THEN 'opened' ELSE 'overwritten' END, 12)
                || array_to_string(ARRAY[\(fragment: shown.joined(separator: ", "))]::text[], ' ') || '  '
                || \(fragment: instant("_valid_from")) || '..' || coalesce(\(fragment: instant("_valid_to")), '')
            FROM \(fragment: table.history) t WHERE t._updated_by_run_id = \(batch.run.id)
                AND \(fragment: table.isKnown("t"))
            ORDER BY t._key_hash, t._valid_from LIMIT 20
            """
        ).map { try $0.get(0, as: String.self) }
    }
}
