internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// Writes a run's audit rows: at the start and at the end of the run, of each layer and of each attempt of an entity.
///
/// Failure, skip and cancellation are written here and nowhere else. Success is written by `Step.commit`, inside the
/// transaction of the data, so that data and audit are either both there or both not.
actor RunLedger {
    nonisolated let pool: PostgresPool
    nonisolated let clock: any WallClock
    nonisolated let observer: any RunObserver
    /// What no row and no report may show.
    nonisolated let known: KnownSecrets
    /// The run whose rows are written.
    nonisolated let run: RunIdentity
    /// The system of the run.
    nonisolated let system: SystemID
    nonisolated let fence: Int64
    /// The layer rows, each made once however many entities begin the layer at once.
    private var layerRuns: [Layer: Task<UUIDValue, any Error>] = [:]
    /// What became of the last attempt of each step.
    private var outcomes: [StepName: RunStatus] = [:]
    private var reports: [StepReport] = []
    private var metInfrastructureFailure = false
    private var generator = SystemRandomNumberGenerator()

    init(
        pool: PostgresPool, run: RunIdentity, system: SystemID, fence: Int64, known: KnownSecrets,
        clock: any WallClock, observer: any RunObserver
    ) {
        self.pool = pool
        self.run = run
        self.system = system
        self.fence = fence
        self.clock = clock
        self.observer = observer
        self.known = known
    }

    /// Runs one step of one entity with its audit row; transient failures are tried again, a row each.
    ///
    /// `body` must commit the step it is given exactly once as the last thing it does.
    /// - Throws: `LayerFailure`, wrapped once, after the failure was written; `CancellationError` after `cancelled` was.
    nonisolated func record(
        _ layer: Layer, _ entity: EntityID, retries: Int = 0, _ body: (Step) async throws -> Void
    ) async throws {
        var attempt = 1
        while true {
            let step = try await start(layer, entity, attempt: attempt)
            do {
                try await body(step)
                return await finished(step, .succeeded, error: nil)
            } catch {
                // After a connection lost at COMMIT only the row can tell; a closed row is a success.
                if await uncancelled({ await self.wasCommitted(step) }) {
                    return await finished(step, .succeeded, error: nil)
                }
                let failure = LayerFailure(wrapping: error, layer: layer, entity: entity, run: run.id).masked(by: known)
                let status: RunStatus = failure.kind == .cancelled ? .cancelled : .failed
                let closed = await uncancelled { await self.close(step, status, failure) }
                await finished(step, status, error: failure)
                if failure.kind == .cancelled { throw CancellationError() }
                if let closed {
                    throw LayerFailure(wrapping: closed, layer: layer, entity: entity, run: run.id).masked(by: known)
                }
                guard failure.isTransient, attempt <= retries else { throw failure }
                attempt += 1
                // Back-off doubles: 1, 2, 4 … at most 30 seconds.
                try await Task.sleep(for: .seconds(min(30, 1 << (attempt - 2))))
            }
        }
    }

    /// Records a step that does nothing.
    func skip(_ layer: Layer, _ entity: EntityID, _ reason: SkipReason) async throws {
        let layerRun = try await layerRunID(layer)
        let id = newID()
        let now = clock.now()
        try await pool.withConnection { connection in
            try await connection.execute(
                """
                INSERT INTO audit.entity_layer_run (entity_layer_run_id, system_layer_run_id, run_id, run_timestamp,
                    system_id, layer, entity_name, status, started_at, finished_at, skip_reason)
                VALUES (\(id), \(layerRun), \(self.run.id), \(self.run.timestamp), \(self.system.rawValue),
                    \(layer.rawValue), \(entity.name), 'skipped', \(now), \(now), \(reason.rawValue))
                """)
        }
        note(
            StepReport(
                layer: layer, entity: entity, status: .skipped, counts: RowCounts(), skipReason: reason, seconds: 0))
    }

    /// Closes every layer row and the run's row, and says what the run came to.
    func finish(cancelled: Bool, error unmasked: String?) async throws -> RunReport {
        let error = unmasked.map { known.mask($0) }
        let outcomes = Set(outcomes.values)
        let status: RunStatus =
            if cancelled || outcomes.contains(.cancelled) {
                .cancelled
            } else if error != nil || outcomes.contains(.failed) {
                .failed
            } else {
                .succeeded
            }
        let now = clock.now()
        try await pool.withConnection { connection in
            try await connection.transaction {
                try await connection.execute(
                    """
                    UPDATE audit.system_layer_run l SET status = (\(RunLedger.ranks))[o.worst + 1], finished_at = \(now),
                        nr_entities_succeeded = o.succeeded, nr_entities_failed = o.failed, nr_entities_skipped = o.skipped
                    FROM (SELECT r.layer, coalesce(max(e.rank), 0) AS worst, \(fragment: RunLedger.counts)
                        FROM audit.system_layer_run r LEFT JOIN (\(fragment: self.ranked)) e ON e.layer = r.layer
                        WHERE r.run_id = \(self.run.id) GROUP BY r.layer) o
                    WHERE l.run_id = \(self.run.id) AND l.layer = o.layer AND l.status = 'running'
                    """)
                try await connection.execute(
                    """
                    UPDATE audit.system_run SET status = \(status.rawValue), finished_at = \(now),
                        nr_entities_succeeded = o.succeeded, nr_entities_failed = o.failed, nr_entities_skipped = o.skipped,
                        error_message = \(error)
                    FROM (SELECT \(fragment: RunLedger.counts) FROM (
                        SELECT max(rank) AS rank FROM (\(fragment: self.ranked)) e GROUP BY entity_name) e) o
                    WHERE run_id = \(self.run.id) AND status = 'running'
                    """)
            }
        }
        var report = RunReport(system: system, run: run, status: status, steps: reports, error: error)
        report.isInfrastructure = metInfrastructureFailure
        observer.observe(.runFinished(report))
        return report
    }

    /// What each entity came to in each layer, by its last attempt. The rows are counted, not what this process knows of
    /// them: so a run's counts and its rows always add up, whatever became of its connections.
    private nonisolated var ranked: SQLText {
        """
        SELECT DISTINCT ON (layer, entity_name) layer, entity_name, CASE status WHEN 'skipped' THEN 0
            WHEN 'succeeded' THEN 1 WHEN 'cancelled' THEN 3 ELSE 2 END AS rank
        FROM audit.entity_layer_run WHERE run_id = \(run.id) ORDER BY layer, entity_name, attempt DESC
        """
    }

    private struct StepName: Hashable {
        let layer: Layer
        let entity: EntityID
    }

    /// What `ranked` numbers, the worst last: an entity counts once, by its worst layer.
    private static let ranks = ["skipped", "succeeded", "failed", "cancelled"]
    private static let counts: SQLText = """
        count(*) FILTER (WHERE rank = 1) AS succeeded, count(*) FILTER (WHERE rank > 1) AS failed,
        count(*) FILTER (WHERE rank = 0) AS skipped
        """

    /// The attempts so far, in the order in which they ended.
    var stepReports: [StepReport] { reports }

    // MARK: -

    private func newID() -> UUIDValue { UUIDValue.version7(at: clock.now(), using: &generator) }

    private func layerRunID(_ layer: Layer) async throws -> UUIDValue {
        if let known = layerRuns[layer] { return try await known.value }
        let id = newID()
        let now = clock.now()
        let inserting = Task {
            // A statement whose connection was lost may have been done.
            let known = try await pool.withConnection { connection in
                try await connection.query(
                    """
                    INSERT INTO audit.system_layer_run (system_layer_run_id, run_id, run_timestamp, system_id, layer,
                        status, started_at)
                    VALUES (\(id), \(self.run.id), \(self.run.timestamp), \(self.system.rawValue), \(layer.rawValue),
                        'running', \(now))
                    ON CONFLICT (run_id, layer) DO UPDATE SET layer = excluded.layer RETURNING system_layer_run_id
                    """)
            }
            return try known[0].get(0, as: UUIDValue.self)
        }
        layerRuns[layer] = inserting
        do { return try await inserting.value } catch {
            if layerRuns[layer] == inserting { layerRuns[layer] = nil }
            throw error
        }
    }

    private func start(_ layer: Layer, _ entity: EntityID, attempt: Int) async throws -> Step {
        let step = Step(
            id: newID(), layer: layer, entity: entity, attempt: attempt, run: run, system: system, fence: fence,
            startedAt: clock.now(), known: known, clock: clock, observer: observer)
        do {
            try await write(step)
        } catch {
            let failure = LayerFailure(wrapping: error, layer: layer, entity: entity, run: run.id).masked(by: known)
            if failure.kind == .cancelled {
                // The row may have been written.
                _ = await uncancelled { await self.close(step, .cancelled, failure) }
                throw CancellationError()
            }
            // It does not begin; the row that says so gets a connection of its own. Without a server it has to do without.
            await uncancelled { try? await self.write(step, failed: failure) }
            finished(step, .failed, error: failure)
            throw failure
        }
        observer.observe(.stepStarted(layer, entity, attempt: attempt))
        return step
    }

    /// Writes the row of a step that begins, or of one that could not.
    private func write(_ step: Step, failed failure: LayerFailure? = nil) async throws {
        let layerRun = try await layerRunID(step.layer)
        let status: RunStatus = failure == nil ? .running : .failed
        try await pool.withConnection { connection in
            try await connection.execute(
                """
                INSERT INTO audit.entity_layer_run AS e (entity_layer_run_id, system_layer_run_id, run_id, run_timestamp,
                    system_id, layer, entity_name, attempt, status, started_at, finished_at, error_kind, error_message)
                VALUES (\(step.id), \(layerRun), \(self.run.id), \(self.run.timestamp), \(self.system.rawValue),
                    \(step.layer.rawValue), \(step.entity.name), \(step.attempt), \(status.rawValue), \(step.startedAt),
                    \(failure == nil ? nil : step.startedAt), \(failure?.kind.rawValue), \(failure?.message))
                ON CONFLICT (entity_layer_run_id) DO UPDATE SET status = excluded.status,
                    finished_at = excluded.finished_at, error_kind = excluded.error_kind,
                    error_message = excluded.error_message WHERE e.status = 'running'
                """)
        }
    }

    private func wasCommitted(_ step: Step) async -> Bool {
        // No answer is no success: the failure is then reported, and the next run looks the batch up again.
        let rows = try? await pool.withConnection { connection in
            try await connection.query(
                "SELECT 1 FROM audit.entity_layer_run WHERE entity_layer_run_id = \(step.id) AND status = 'succeeded'")
        }
        return rows?.isEmpty == false
    }

    private func close(_ step: Step, _ status: RunStatus, _ failure: LayerFailure) async -> (any Error)? {
        let now = clock.now()
        let usage = step.measure()
        do {
            try await pool.withConnection { connection in
                try await connection.execute(
                    """
                    UPDATE audit.entity_layer_run SET status = \(status.rawValue), finished_at = \(now),
                        peak_memory_bytes = \(usage.peakMemoryBytes), cpu_ms = \(usage.cpuMilliseconds),
                        error_kind = \(failure.kind.rawValue), error_message = \(failure.message)
                    WHERE entity_layer_run_id = \(step.id) AND status = 'running'
                    """)
            }
            return nil
        } catch {
            return error
        }
    }

    private func finished(_ step: Step, _ status: RunStatus, error: LayerFailure?) {
        if error?.isInfrastructure == true { metInfrastructureFailure = true }
        note(
            StepReport(
                layer: step.layer, entity: step.entity, status: step.skipReason == nil ? status : .skipped,
                counts: step.totals, skipReason: step.skipReason,
                error: error?.message,
                seconds: Double(clock.now().microseconds - step.startedAt.microseconds) / 1_000_000,
                warnings: step.warnings, usage: step.skipReason == nil ? step.usage : nil))
    }

    private func note(_ report: StepReport) {
        outcomes[StepName(layer: report.layer, entity: report.entity)] = report.status
        reports.append(report)
        observer.observe(.stepFinished(report))
    }
}

/// Does a last piece of book-keeping although the task may have been cancelled.
func uncancelled<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
    await Task.detached { await body() }.value
}

extension LayerFailure {
    /// The failure as it may be written and shown.
    func masked(by known: KnownSecrets) -> LayerFailure {
        var failure = self
        failure.message = known.mask(message)
        return failure
    }

    /// Sorts an error and gives it layer, entity and run; a failure stays as it is.
    init(wrapping error: any Error, layer: Layer, entity: EntityID, run: UUIDValue) {
        if let failure = error as? LayerFailure {
            self = failure
            return
        }
        let (kind, isTransient): (ErrorKind, Bool) =
            switch error {
            case is CancellationError: (.cancelled, false)
            case let error as StepError: (error.kind, false)
            case let error as ConnectorError:
                (ErrorKind(rawValue: error.kind.rawValue) ?? .connector, error.isTransient)
            case let error as PostgresError: (.sql, error.isTransient)
            default: (.internal, false)
            }
        var message = error is CancellationError ? "stopped before it was done; run again to go on" : "\(error)"
        // https://www.postgresql.org/docs/15/limits.html: a row fits on a page, and each long value takes at least 18 bytes of it.
        if let error = error as? PostgresError, error.message.hasPrefix("row is too big") {
            message +=
                #"; \#(entity) fills more columns than a row holds: read some with "stored": false, or several as one json"#
        }
        self.init(layer: layer, entity: entity, runID: run, kind: kind, message: message, isTransient: isTransient)
        isInfrastructure =
            switch error {
            case is DurableFileError: true
            case let error as PostgresError: error.isInfrastructure
            case let error as StepError: error.isInfrastructure
            default: false
            }
    }
}
