internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// One run for one system: the main path from a source to silver. Gold follows once, after all systems (`GoldRun`).
struct SystemRun: Sendable {
    let workspace: Workspace
    let system: SourceSystem
    let request: RunRequest

    /// Runs the selected entities; one failed entity stops only its own later layers.
    func run() async throws -> RunReport {
        let (lease, holder) = try await RunLease.take(system.id, in: workspace)
        guard let lease else {
            return try await skip(.alreadyRunning, "system '\(system.id)' is being run by \(holder)")
        }
        return try await lease.releasing(conduct)
    }

    private func conduct() async throws -> RunReport {
        let start = RunStart(workspace: workspace, system: system.id)
        let entities = workspace.catalog.entities(of: system.id).filter(request.selects)
        let differences = try await Deployment(workspace: workspace).prepare(entities, applies: request.appliesDDL)
        let abandoned = try await start.closeAbandoned()
        let (adopted, damaged) = try await start.adoptBatches(of: entities)
        if abandoned > 0 { workspace.observer.observe(.notice("\(system.id): \(abandoned) abandoned run closed")) }
        if adopted > 0 { workspace.observer.observe(.notice("\(system.id): \(adopted) landed batches taken up")) }
        guard let instant = try await start.instant(request) else {
            return try await skip(.alreadySucceeded, "a run of this instant succeeded before")
        }
        var news = try await news(of: entities)
        news.refusals = differences.mapValues(Deployment.refusal).merging(damaged) { first, _ in first }
        let known = news
        return try await start.conduct(
            request, at: instant, trigger: request.resume == nil ? request.trigger : .retry
        ) { ledger in
            let connector = try await workspace.connectors.connect(
                to: system, sources: entities,
                context: ConnectorContext(
                    system: system.id, projectFolder: workspace.projectFolder, environment: workspace.environment,
                    secrets: workspace.secrets, budget: RateBudget(system.rateLimit), logger: workspace.logger))
            do {
                try await withTimeout { try await runEntities(entities, connector, ledger, known) }
            } catch {
                await connector.close()
                throw error
            }
            await connector.close()
        }
    }

    /// The three arrows of one entity. This is the line that data takes.
    private func runLayers(
        of entity: Entity, _ connector: AnyConnector, _ ledger: RunLedger, landsAgain: Bool
    ) async throws {
        let raw = RawLayer(
            store: workspace.store, pool: workspace.pool, metadataHash: workspace.catalog.hash,
            catalog: workspace.catalog)
        let bronze = BronzeLayer(
            store: workspace.store, pool: workspace.pool, catalog: workspace.catalog,
            allowsDeletes: request.allowsDeletes,
            acceptsRejects: request.acceptsRejects, usesShortcuts: workspace.shortcuts != .never)
        let silver = SilverLayer(
            pool: workspace.pool, catalog: workspace.catalog, acceptsChecks: request.acceptsChecks)
        let companion =
            request.layers.isSuperset(of: [.bronze, .silver])
            ? CompanionMerge(entity, of: system, on: workspace.pool, workspace.shortcuts) : nil
        let follower = LandingFollower(
            entity, of: system, into: request.layers.contains(.bronze) ? bronze : nil, companion: companion,
            workspace.shortcuts, workspace.logger)
        try await follower.closing {
            if request.layers.contains(.raw) {
                if entity.explosion != nil {
                    try await ledger.skip(.raw, entity.id, .noInput)
                } else if landsAgain {
                    let loadType = request.loadType ?? entity.loadType
                    try await ledger.record(.raw, entity.id, retries: system.retries) { step in
                        try await raw.land(
                            entity, timezone: system.timezone, with: connector, loadType: loadType,
                            follower: follower, step: step)
                    }
                } else {
                    try await ledger.skip(.raw, entity.id, .alreadySucceeded)
                }
            }
            if request.layers.contains(.bronze) {
                try await ledger.record(.bronze, entity.id, retries: system.retries) { step in
                    try await bronze.normalize(entity, of: system, companion: companion, follower: follower, step: step)
                }
            }
            if request.layers.contains(.silver) {
                try await ledger.record(.silver, entity.id, retries: system.retries) { step in
                    try await silver.merge(entity, of: system, companion: companion, step: step)
                }
            }
        }
    }

    /// Entities at once: a merge holds two connections, the audit needs one in between.
    private var width: Int { max(1, min(system.concurrency, (workspace.connections - 2) / 2)) }

    /// Runs entities side by side, at most `width` at once; failures are collected, siblings go on. An entity
    /// waits for the one that it is made of or asked for, and is skipped where that one failed.
    private func runEntities(
        _ entities: [Entity], _ connector: AnyConnector, _ ledger: RunLedger, _ news: EntityNews
    ) async throws {
        let known = Set(entities.map(\.id))
        try await withThrowingTaskGroup(of: (EntityID, Bool).self) { group in
            var waiting = entities
            var (running, halted) = (0, false)
            var succeeded: [EntityID: Bool] = [:]
            func parent(of entity: Entity) -> EntityID? {
                entity.parent.flatMap { known.contains($0) ? $0 : nil }
            }
            func startReady() {
                while running < width,
                    let place = waiting.firstIndex(where: { parent(of: $0).map { succeeded[$0] != nil } ?? true })
                {
                    let entity = waiting.remove(at: place)
                    let isStopped = halted || parent(of: entity).map { succeeded[$0] == false } ?? false
                    running += 1
                    group.addTask {
                        (entity.id, try await runEntity(entity, connector, ledger, news, isHalted: isStopped))
                    }
                }
            }
            startReady()
            while let (entity, isDone) = try await group.next() {
                running -= 1
                succeeded[entity] = isDone
                if !isDone, system.onFailure == .halt { halted = true }
                startReady()
            }
        }
    }

    /// Returns false when the entity failed; throws only when the whole run is to end.
    private func runEntity(
        _ entity: Entity, _ connector: AnyConnector, _ ledger: RunLedger, _ news: EntityNews, isHalted: Bool
    ) async throws -> Bool {
        let layers = [Layer.raw, .bronze, .silver].filter(request.layers.contains)
        let reason: SkipReason? =
            !entity.isActive
            ? .inactive
            : news.succeeded.contains(entity.id) ? .alreadySucceeded : isHalted ? .upstreamFailed : nil
        if let reason {
            for layer in layers { try await ledger.skip(layer, entity.id, reason) }
            return true
        }
        do {
            // Refused before the source is asked for anything.
            if let refusal = news.refusals[entity.id], let first = layers.first {
                try await ledger.record(first, entity.id) { _ in throw refusal }
            }
            try await runLayers(
                of: entity, connector, ledger, landsAgain: !news.landed.contains(entity.id))
            return true
        } catch let failure as LayerFailure {
            for layer in layers where layer > failure.layer {
                try await ledger.skip(layer, entity.id, .upstreamFailed)
            }
            return false
        }
    }

    private func skip(_ reason: SkipReason, _ message: String) async throws -> RunReport {
        let start = RunStart(workspace: workspace, system: system.id)
        let instant = request.runTimestamp ?? workspace.clock.now()
        let identity = RunIdentity(id: newID(), timestamp: instant)
        try await start.recordSkipped(identity, request, because: message)
        let report = RunReport(
            system: system.id, run: identity, status: .skipped, steps: [], error: message, skipReason: reason)
        workspace.observer.observe(.runFinished(report))
        return report
    }

    private func withTimeout(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let seconds = system.timeoutSeconds
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw StepError(
                    .timeout,
                    "system '\(system.id)' took longer than its timeout_s of \(seconds) s; what was landed is "
                        + "kept, run again to go on, or raise timeout_s")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// What is known of the entities before they run: what a resumed run has done, and what keeps some from running.
    struct EntityNews {
        var refusals: [EntityID: StepError] = [:]
        var landed: Set<EntityID> = []
        var succeeded: Set<EntityID> = []
    }

    private func news(of entities: [Entity]) async throws -> EntityNews {
        guard let earlier = request.resume else { return EntityNews() }
        let rows = try await workspace.pool.withConnection { connection in
            try await connection.query(
                """
                SELECT e.entity_name,
                    bool_or(e.layer = 'raw' AND (e.status = 'succeeded' OR coalesce(e.skip_reason, '') = 'already_succeeded'))
                        AND (SELECT b.state FROM audit.raw_batch b
                            WHERE b.system_id = \(system.id.rawValue) AND b.entity_name = e.entity_name
                            ORDER BY b.run_timestamp DESC LIMIT 1) IS DISTINCT FROM 'discarded' AS landed,
                    bool_or(e.layer = 'silver' AND e.status IN ('succeeded', 'skipped')
                        AND coalesce(e.skip_reason, '') <> 'upstream_failed') AS merged
                FROM audit.entity_layer_run e WHERE e.run_id = \(earlier) AND e.system_id = \(system.id.rawValue)
                GROUP BY e.entity_name
                """)
        }
        var work = EntityNews()
        for row in rows {
            let id = EntityID(system: system.id, name: try row.get("entity_name"))
            if try row.get("landed") { work.landed.insert(id) }
            if try row.get("merged") { work.succeeded.insert(id) }
        }
        return work
    }

    private func newID() -> UUIDValue {
        var generator = SystemRandomNumberGenerator()
        return UUIDValue.version7(at: workspace.clock.now(), using: &generator)
    }
}
