internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// What a run does before its first step, with the system's lock in hand: clean up after others, take an instant,
/// write its row.
struct RunStart {
    let workspace: Workspace
    let system: SystemID

    /// An id for a run that begins now.
    func newID() -> UUIDValue {
        var generator = SystemRandomNumberGenerator()
        return UUIDValue.version7(at: workspace.clock.now(), using: &generator)
    }

    /// Closes what a vanished process left as running.
    func closeAbandoned() async throws -> Int {
        let now = workspace.clock.now()
        let message = "its process vanished; what it landed is taken up by the next run"
        // The connection may have been lost that was to close a step, and another one have closed its run.
        let isOver: SQLText = """
            (r.status = 'running' OR r.run_id = (SELECT run_id FROM audit.system_run
                WHERE system_id = \(system.rawValue) AND status <> 'skipped' AND status <> 'running'
                ORDER BY run_timestamp DESC LIMIT 1))
            """
        return try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                try await connection.execute(
                    """
                    UPDATE audit.entity_layer_run e SET status = 'abandoned', finished_at = \(now),
                        error_message = \(message)
                    FROM audit.system_run r WHERE r.run_id = e.run_id AND r.system_id = \(system.rawValue)
                        AND \(fragment: isOver) AND e.status = 'running'
                    """)
                try await connection.execute(
                    """
                    UPDATE audit.system_layer_run l SET status = 'abandoned', finished_at = \(now),
                        error_message = \(message)
                    FROM audit.system_run r WHERE r.run_id = l.run_id AND r.system_id = \(system.rawValue)
                        AND \(fragment: isOver) AND l.status = 'running'
                    """)
                return try await connection.execute(
                    """
                    UPDATE audit.system_run SET status = 'abandoned', finished_at = \(now), error_message = \(message)
                    WHERE system_id = \(system.rawValue) AND status = 'running'
                    """)
            }
        }
    }

    /// Clears what a killed landing left, and registers batches that are durable in raw but unknown to the database:
    /// their process died in between.
    /// - Returns: How many, and why those of some entities cannot be: these entities fail, their siblings go on.
    func adoptBatches(of entities: [Entity]) async throws -> (count: Int, problems: [EntityID: StepError]) {
        var adopted = 0
        var problems: [EntityID: StepError] = [:]
        for entity in entities {
            workspace.store.removeUnfinished(of: entity.id)
            let landed = workspace.store.runs(of: entity.id)
            guard !landed.isEmpty else { continue }
            let unknown = try await workspace.pool.withConnection { connection in
                try await connection.query(
                    """
                    SELECT r.id FROM unnest(\(landed)) AS r (id) WHERE NOT EXISTS (
                        SELECT FROM audit.raw_batch b WHERE b.run_id = r.id AND b.system_id = \(system.rawValue)
                            AND b.entity_name = \(entity.id.name)) ORDER BY 1
                    """
                ).map { try $0.get(0, as: UUIDValue.self) }
            }
            do {
                for run in unknown {
                    let (manifest, sha256) = try workspace.store.manifest(of: entity.id, run: run)
                    let now = workspace.clock.now()
                    try await workspace.pool.withConnection { connection in
                        try await connection.transaction {
                            try await BatchLedger.insert(
                                manifest, sha256: sha256, of: entity.id, at: now, on: connection)
                        }
                    }
                    adopted += 1
                }
            } catch let error as StepError {
                problems[entity.id] = error
            }
        }
        return (adopted, problems)
    }

    /// The logical instant of the run: max(now, last + 1 µs), or the one that was asked for.
    /// - Returns: nil when the requested instant succeeded before.
    /// - Throws: `UsageError` naming the last instant when the requested one is not later.
    func instant(_ request: RunRequest) async throws -> Instant? {
        let now = workspace.clock.now()
        let last = try await workspace.pool.withConnection { connection in
            try await connection.query(
                """
                SELECT max(t) FROM (
                    SELECT max(run_timestamp) AS t FROM audit.system_run
                    WHERE system_id = \(system.rawValue) AND status <> 'skipped'
                    UNION ALL SELECT max(run_timestamp) FROM audit.raw_batch WHERE system_id = \(system.rawValue)) x
                """)[0].get(0, as: Instant?.self)
        }
        let next = max(now, last?.advanced(byMicroseconds: 1) ?? now)
        guard let asked = request.runTimestamp else { return next }
        if let last, asked <= last {
            let same = try await workspace.pool.withConnection { connection in
                try await connection.query(
                    """
                    SELECT 1 FROM audit.system_run WHERE system_id = \(system.rawValue) AND run_timestamp = \(asked)
                        AND status = 'succeeded'
                    """)
            }
            if !same.isEmpty { return request.force ? next : nil }
            throw UsageError(
                "--run-timestamp \(asked) is not later than the last run of system '\(system)' (\(last)); "
                    + "history is written forwards only: give a later instant, or none")
        }
        guard asked <= now.advanced(byMicroseconds: 600_000_000) else {
            throw UsageError(
                "--run-timestamp \(asked) is more than 10 minutes ahead of now (\(now)); give an earlier instant")
        }
        return asked
    }

    /// Writes the run's row and hands out its ledger.
    func open(
        _ run: RunIdentity, _ request: RunRequest, trigger: TriggerType, triggerReference: String? = nil
    ) async throws -> RunLedger {
        let now = workspace.clock.now()
        let fence = try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                let fence = try await connection.query(
                    "SELECT coalesce(max(fence), 0) + 1 FROM audit.system_run WHERE system_id = \(system.rawValue)")[0]
                    .get(0, as: Int64.self)
                try await insert(
                    run, request, status: "running", fence: fence, trigger: trigger, reference: triggerReference,
                    at: now,
                    error: nil, on: connection)
                return fence
            }
        }
        workspace.observer.observe(.runStarted(system, run))
        return RunLedger(
            pool: workspace.pool, run: run, system: system, fence: fence, known: workspace.secrets.known,
            clock: workspace.clock, observer: workspace.observer)
    }

    /// Records a run that did nothing because of another one.
    func recordSkipped(_ run: RunIdentity, _ request: RunRequest, because reason: String) async throws {
        let now = workspace.clock.now()
        try await workspace.pool.withConnection { connection in
            try await insert(
                run, request, status: "skipped", fence: 0, trigger: request.trigger, reference: nil, at: now,
                error: reason, on: connection)
        }
    }

    private func insert(
        _ run: RunIdentity, _ request: RunRequest, status: String, fence: Int64, trigger: TriggerType,
        reference: String?, at now: Instant, error: String?, on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            INSERT INTO audit.system_run (run_id, run_timestamp, system_id, status, started_at, finished_at, trigger_type,
                trigger_ref, requested_load_type, requested_layers, requested_entities, force, retry_of_run_id,
                metadata_hash, app_version, host, pid, heartbeat_at, fence, error_message)
            VALUES (\(run.id), \(run.timestamp), \(system.rawValue), \(status), \(now),
                \(status == "running" ? nil : now as Instant?), \(trigger.rawValue), \(reference),
                \(request.loadType?.rawValue ?? "auto"), \(request.layers.sorted().map(\.rawValue)),
                \(request.entities.map(\.description)), \(request.force), \(request.resume),
                \(workspace.catalog.hash), \(workspace.appVersion), \(workspace.host), \(workspace.processID), \(now),
                \(fence), \(error))
            """)
    }
}
