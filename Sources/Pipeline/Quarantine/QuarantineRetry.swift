internal import ConnectorKit
public import Metadata
internal import Postgres
public import Primitives

/// Reads rejected records once more under today's metadata; what is accepted is landed again, as a batch of a run of its
/// own with trigger `retry`, and goes on as every batch does. See Decisions/0011.
public struct QuarantineRetry: Sendable {
    /// What became of one entity's records.
    public struct Outcome: Sendable {
        /// The entity.
        public var entity: EntityID
        /// Landed again.
        public var accepted = 0
        /// Something newer of their keys was known: resolved without effect.
        public var superseded = 0
        /// They stay in quarantine.
        public var stillRejected = 0
        /// Accepted, but of another notation than the newest ones: the next retry takes them.
        public var postponed = 0
    }

    private let workspace: Workspace

    /// A retry in the workspace.
    public init(workspace: Workspace) { self.workspace = workspace }

    /// Retries the records of one entity or of all, rejected in one run or in any.
    /// - Throws: `SystemBusy` while a system runs; `PostgresError`; `CancellationError`. Failures of entities are in the
    ///   reports.
    public func run(
        _ entity: EntityID? = nil, rejectedIn run: UUIDValue? = nil
    ) async throws -> (outcomes: [Outcome], reports: [RunReport]) {
        if let entity, let parent = workspace.catalog.entity(entity)?.explosion?.parent {
            throw UsageError(
                "the items of '\(entity)' lie within records of '\(parent)' and cannot be landed alone; once the metadata is "
                    + "mended, 'medallion rebuild \(entity) --from raw' reads them again")
        }
        let due = try await workspace.pool.withConnection { try await RetryLedger.entities(of: run, on: $0) }
        var outcomes: [Outcome] = []
        var reports: [RunReport] = []
        for system in workspace.catalog.systems {
            let entities = workspace.catalog.entities(of: system.id)
                .filter { due.contains($0.id) && (entity == nil || entity == $0.id) && $0.explosion == nil }
            guard !entities.isEmpty else { continue }
            let (found, report) = try await RunLease.whileIdle(system.id, in: workspace) {
                try await retry(entities, of: system, rejectedIn: run)
            }
            outcomes += found
            reports.append(report)
        }
        if !reports.isEmpty {
            let gold = try await GoldRun(workspace: workspace, request: RunRequest(), sources: reports).run()
            if let gold { reports.append(gold) }
        }
        return (outcomes, reports)
    }

    private func retry(
        _ entities: [Entity], of system: SourceSystem, rejectedIn run: UUIDValue?
    ) async throws -> ([Outcome], RunReport) {
        let start = RunStart(workspace: workspace, system: system.id)
        var refusals = try await Deployment(workspace: workspace)
            .prepare(entities + entities.flatMap(items), applies: true)
            .mapValues(Deployment.refusal)
        _ = try await start.closeAbandoned()
        refusals.merge(try await start.adoptBatches(of: entities).problems) { first, _ in first }
        var request = RunRequest()
        request.entities = entities.map(\.id)
        var outcomes: [Outcome] = []
        let report = try await start.conduct(
            request, at: try await start.nextInstant(), trigger: .retry,
            reference: run.map(\.description) ?? "quarantine",
            ifStopped: "stopped before it was done; 'medallion run' brings in what has landed, another retry the rest"
        ) { ledger in
            for entity in entities {
                let outcome = try await retry(entity, system, rejectedIn: run, refusals[entity.id], ledger)
                guard let outcome else { continue }
                outcomes.append(outcome)
                guard outcome.accepted > 0 else { continue }
                for child in items(of: entity) { try await explode(child, system, refusals[child.id], ledger) }
            }
        }
        return (outcomes, report)
    }

    /// What is exploded from an entity's batches, and so from that of a retry.
    private func items(of entity: Entity) -> [Entity] {
        workspace.catalog.entities(of: entity.id.system).filter { $0.explosion?.parent == entity.id && $0.isActive }
    }

    /// Brings in the items of what was landed again.
    private func explode(
        _ child: Entity, _ system: SourceSystem, _ refusal: StepError?, _ ledger: RunLedger
    ) async throws {
        try await ledger.skip(.raw, child.id, .noInput)
        do {
            try await ledger.record(.bronze, child.id) { step in
                if let refusal { throw refusal }
                try await bronze.normalize(child, of: system, step: step)
            }
            try await ledger.record(.silver, child.id) { try await silver.merge(child, of: system, step: $0) }
        } catch let failure as LayerFailure {
            if failure.layer == .bronze { try await ledger.skip(.silver, child.id, .upstreamFailed) }
        }
    }

    private var bronze: BronzeLayer {
        BronzeLayer(
            store: workspace.store, pool: workspace.pool, catalog: workspace.catalog, allowsDeletes: false,
            acceptsRejects: false)
    }

    private var silver: SilverLayer {
        SilverLayer(pool: workspace.pool, catalog: workspace.catalog, acceptsChecks: false)
    }

    /// Returns nil when nothing could be landed.
    private func retry(
        _ entity: Entity, _ system: SourceSystem, rejectedIn run: UUIDValue?, _ refusal: StepError?, _ ledger: RunLedger
    ) async throws -> Outcome? {
        let id = entity.id
        var selection = RetrySelection(entity, timezone: system.timezone)
        do {
            try await ledger.record(.raw, id) { step in
                if let refusal { throw refusal }
                try await workspace.pool.withConnection { connection in
                    try await RetryLedger.refuseWaiting(id, on: connection)
                    let entries = try await RetryLedger.entries(of: id, run: run, on: connection)
                    let full = try await RetryLedger.newestFull(of: id, on: connection)
                    try selection.read(entries, newestFull: full, from: workspace.store)
                    try await selection.dropSuperseded(
                        BronzeTable(entity, schema: system.schemas.bronze), newestFull: full, on: connection)
                    try await land(selection, entity, step: step, on: connection)
                }
            }
            try await ledger.record(.bronze, id) { try await normalize(selection, entity, system, step: $0) }
            if selection.accepted.isEmpty {
                try await ledger.skip(.silver, id, .noInput)
            } else {
                try await ledger.record(.silver, id) { try await silver.merge(entity, of: system, step: $0) }
            }
        } catch let failure as LayerFailure {
            for layer in [Layer.bronze, .silver] where layer > failure.layer {
                try await ledger.skip(layer, id, .upstreamFailed)
            }
            if failure.layer == .raw { return nil }
        }
        return Outcome(
            entity: id, accepted: selection.accepted.count, superseded: selection.superseded.count,
            stillRejected: selection.stillRejected, postponed: selection.postponed)
    }

    /// Lands the accepted records as a delta batch of this run; with its registration they are resolved.
    private func land(
        _ selection: RetrySelection, _ entity: Entity, step: Step, on connection: PostgresConnection
    ) async throws {
        guard !selection.accepted.isEmpty else { return try await step.skip(.noInput, on: connection) }
        let store = workspace.store
        let folder = try store.prepareFolder(of: entity.id, run: step.run.id)
        do {
            var writer = RawWriter(
                folder: folder, shape: selection.shape, compresses: entity.rawCompression == .zstd)
            try selection.write(into: &writer)
            let runs = Set(selection.accepted.map(\.entry.run.id)).sorted().map(\.description)
            var manifest = Manifest(
                runID: step.run.id, runTimestamp: step.run.timestamp, entity: entity.id, loadType: .delta,
                cursorFrom: nil, cursorTo: nil, request: "retry of records rejected in \(runs.joined(separator: ", "))",
                shape: selection.shape, metadataHash: workspace.catalog.hash, sameAs: nil, files: writer.files)
            // The next delta load goes on from where the source stands, retry or not.
            let raw = RawLayer(
                store: store, pool: workspace.pool, metadataHash: workspace.catalog.hash,
                catalog: workspace.catalog)
            manifest.state = try await raw.lastState(of: entity.id)
            let sha256 = try store.publish(manifest, of: entity.id, &writer)
            var counts = RowCounts()
            counts.input = manifest.recordCount
            counts.inserted = manifest.recordCount
            counts.bytes = manifest.byteCount
            try await connection.transaction {
                try await BatchLedger.insert(manifest, sha256: sha256, of: entity.id, at: step.now, on: connection)
                try await RetryLedger.resolve(
                    selection.accepted.map(\.entry), of: entity.id, as: "retried", step: step, on: connection)
                try await step.commit(counts, load: (.delta, nil, nil), closes: true, on: connection)
            }
        } catch {
            // Without a manifest the batch never existed; with one the next run adopts it.
            if !store.runs(of: entity.id).contains(step.run.id) { store.removeFiles(of: entity.id, run: step.run.id) }
            throw error
        }
    }

    /// Normalizes what was landed; records that were read without being landed count here, so that "in" is what was
    /// retried.
    private func normalize(
        _ selection: RetrySelection, _ entity: Entity, _ system: SourceSystem, step: Step
    ) async throws {
        var counts = RowCounts()
        counts.duplicate = selection.superseded.count
        counts.rejected = selection.stillRejected
        counts.input = counts.duplicate + counts.rejected
        try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                try await RetryLedger.resolve(
                    selection.superseded, of: entity.id, as: "superseded", step: step, on: connection)
                try await step.commit(
                    counts, load: (.delta, nil, nil), closes: selection.accepted.isEmpty, on: connection)
            }
        }
        guard !selection.accepted.isEmpty else { return }
        try await bronze.normalize(entity, of: system, step: step)
    }
}
