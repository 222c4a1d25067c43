internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives
internal import Synchronization

/// One attempt of one entity in one layer: hands the counts to the audit row in the transaction of the data.
final class Step: Sendable {
    let id: UUIDValue
    let layer: Layer
    let entity: EntityID
    let attempt: Int
    let run: RunIdentity
    let startedAt: Instant
    /// What no text of the step may show.
    let known: KnownSecrets
    private let system: SystemID
    private let fence: Int64
    private let clock: any WallClock
    private let observer: any RunObserver
    private let measurement = UsageMeter.process.begin()
    private let state = Mutex(
        (counts: RowCounts(), skip: SkipReason?.none, warnings: [String](), usage: ProcessUsage?.none))

    init(
        id: UUIDValue, layer: Layer, entity: EntityID, attempt: Int, run: RunIdentity, system: SystemID, fence: Int64,
        startedAt: Instant, known: KnownSecrets, clock: any WallClock, observer: any RunObserver
    ) {
        self.id = id
        self.layer = layer
        self.entity = entity
        self.attempt = attempt
        self.run = run
        self.system = system
        self.fence = fence
        self.startedAt = startedAt
        self.known = known
        self.clock = clock
        self.observer = observer
    }

    /// What was committed so far.
    var totals: RowCounts { state.withLock(\.counts) }

    /// Why the step did nothing, if it did.
    var skipReason: SkipReason? { state.withLock(\.skip) }

    /// What people should know even where they did not watch, in the order in which it was found.
    var warnings: [String] { state.withLock(\.warnings) }

    /// What the process had used when it was measured last, as the row tells it.
    var usage: ProcessUsage? { state.withLock(\.usage) }

    /// Measures what the process has used since the step began. It costs microseconds: not for each record.
    func measure() -> ProcessUsage {
        let usage = measurement.read()
        state.withLock { $0.usage = usage }
        return usage
    }

    /// Something that people should know, at once and in the run's summary.
    func warn(_ text: String) {
        state.withLock { $0.warnings.append(known.mask(text)) }
        notice(text)
    }

    /// Wall-clock time for the audit's own columns; never for data.
    var now: Instant { clock.now() }

    /// The process has read so many records so far.
    func progress(records: Int) { observer.observe(.progress(layer, entity, records: records)) }

    /// Something that people should know.
    func notice(_ text: String) { observer.observe(.notice("\(layer.rawValue) \(entity): \(known.mask(text))")) }

    /// Adds a batch's counts to the row, and closes it when nothing is left to do. Call it last in the transaction.
    ///
    /// - Throws: `StepError` when another run has taken the system over: nothing of the transaction may stay then.
    func commit(
        _ counts: RowCounts, load: (type: LoadType, from: String?, to: String?)? = nil, closes: Bool,
        on connection: PostgresConnection
    ) async throws {
        try await checkFence(on: connection)
        let finishedAt: Instant? = closes ? clock.now() : nil
        let usage = measure()
        let rows = try await connection.execute(
            """
            UPDATE audit.entity_layer_run SET status = \(closes ? "succeeded" : "running"), finished_at = \(finishedAt),
                nr_records_in = nr_records_in + \(counts.input),
                nr_records_inserted = nr_records_inserted + \(counts.inserted),
                nr_records_updated = nr_records_updated + \(counts.updated),
                nr_records_deleted = nr_records_deleted + \(counts.deleted),
                nr_records_absent = nr_records_absent + \(counts.absent),
                nr_records_unchanged = nr_records_unchanged + \(counts.unchanged),
                nr_records_duplicate = nr_records_duplicate + \(counts.duplicate),
                nr_records_late = nr_records_late + \(counts.late),
                nr_records_rejected = nr_records_rejected + \(counts.rejected),
                bytes_in = bytes_in + \(counts.bytes), peak_memory_bytes = \(usage.peakMemoryBytes),
                cpu_ms = \(usage.cpuMilliseconds),
                load_type = coalesce(\(load?.type.rawValue), load_type),
                cursor_from = coalesce(\(load?.from), cursor_from), cursor_to = coalesce(\(load?.to), cursor_to)
            WHERE entity_layer_run_id = \(id) AND status = 'running'
            """)
        guard rows == 1 else { throw lostLease() }
        state.withLock { $0.counts += counts }
    }

    /// Closes the row as skipped.
    func skip(_ reason: SkipReason, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE audit.entity_layer_run SET status = 'skipped', skip_reason = \(reason.rawValue),
                finished_at = \(clock.now())
            WHERE entity_layer_run_id = \(id) AND status = 'running'
            """)
        state.withLock { $0.skip = reason }
    }

    /// The run must still be the system's running one with its own fencing number.
    ///
    /// `commit` checks it; a transaction that ends otherwise calls it itself.
    func checkFence(on connection: PostgresConnection) async throws {
        let row = try await connection.query(
            """
            SELECT 1 FROM audit.system_run
            WHERE run_id = \(run.id) AND fence = \(fence) AND status = 'running' FOR KEY SHARE
            """)
        if row.isEmpty { throw lostLease() }
    }

    private func lostLease() -> StepError {
        StepError(
            .internal,
            "run \(run.id) of system '\(system)' was taken over by another run while it was stopped; "
                + "nothing of this batch was written, the newer run goes on")
    }
}
