public import Metadata
public import Postgres
public import Primitives

/// What the audit tells people: runs, steps, batches, cursors, rejects. Reads only.
public struct AuditQueries: Sendable {
    private let pool: PostgresPool

    /// Questions to the database behind the pool.
    public init(pool: PostgresPool) { self.pool = pool }

    /// The newest runs first; of one system, or of all.
    public func runs(of system: SystemID? = nil, limit: Int) async throws -> [RunRow] {
        try await runs("\(system?.rawValue)::text IS NULL OR r.system_id = \(system?.rawValue)", limit: limit)
    }

    /// The run with that id, or the one whose id begins with the text.
    /// - Throws: `UsageError` when there is none, or more than one.
    public func run(matching text: String) async throws -> RunRow {
        let prefix = text.lowercased()
        let found = try await runs("starts_with(r.run_id::text, \(prefix))", limit: 4)
        guard let run = found.first, !prefix.isEmpty else {
            throw UsageError("no run '\(text)'; see medallion runs list")
        }
        guard found.count == 1 else {
            throw UsageError(
                "'\(text)' is the beginning of several runs: "
                    + found.map(\.run.id.description).joined(separator: ", ") + "; give more of the id")
        }
        return run
    }

    private func runs(_ condition: SQLText, limit: Int) async throws -> [RunRow] {
        try await query(
            """
            SELECT r.run_id, r.run_timestamp, r.system_id, r.status, r.trigger_type, r.trigger_ref, r.started_at,
                r.finished_at, r.nr_entities_succeeded, r.nr_entities_failed, r.nr_entities_skipped, r.host, r.pid,
                r.app_version, r.error_message, \(fragment: AuditQueries.isLocked) AS is_locked
            FROM audit.system_run r WHERE \(fragment: condition)
            ORDER BY r.started_at DESC, r.run_timestamp DESC, r.run_id DESC LIMIT \(limit)
            """
        ).map { row in
            RunRow(
                run: try identity(row), system: SystemID(rawValue: try row.get("system_id")),
                status: try row.get("status"), trigger: try row.get("trigger_type"),
                triggerReference: try row.get("trigger_ref"), startedAt: try row.get("started_at"),
                finishedAt: try row.get("finished_at"), succeeded: try row.get("nr_entities_succeeded"),
                failed: try row.get("nr_entities_failed"), skipped: try row.get("nr_entities_skipped"),
                host: try row.get("host"), processID: try row.get("pid"), appVersion: try row.get("app_version"),
                error: try row.get("error_message"), isLocked: try row.get("is_locked"))
        }
    }

    /// True where a session of this database holds the lock of the system of row `r` (see `RunLease`).
    static let isLocked: SQLText = """
        EXISTS (SELECT FROM pg_catalog.pg_locks l,
            (SELECT pg_catalog.hashtextextended('medallion/system/' || r.system_id, 0) AS key) k
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            AND l.classid = ((k.key >> 32) & 4294967295)::oid AND l.objid = (k.key & 4294967295)::oid)
        """

    /// Every step of a run, in the order in which it began.
    public func steps(of run: UUIDValue) async throws -> [StepRow] {
        try await steps(
            """
            SELECT e.*, NULL::timestamptz AS last_succeeded_at FROM audit.entity_layer_run e WHERE e.run_id = \(run)
            ORDER BY e.started_at, e.entity_name, e.attempt
            """)
    }

    /// The last step of each entity and layer, skips without input left out where there is an older one.
    public func lastSteps() async throws -> [StepRow] {
        try await steps(
            """
            SELECT DISTINCT ON (e.system_id, e.entity_name, e.layer) e.*,
                max(e.finished_at) FILTER (WHERE e.status = 'succeeded')
                    OVER (PARTITION BY e.system_id, e.entity_name, e.layer) AS last_succeeded_at
            FROM audit.entity_layer_run e
            ORDER BY e.system_id, e.entity_name, e.layer, e.skip_reason IS NOT DISTINCT FROM 'no_input',
                e.run_timestamp DESC, e.attempt DESC, e.started_at DESC
            """)
    }

    private func steps(_ sql: SQLText) async throws -> [StepRow] {
        try await query(sql).compactMap { row in
            guard let layer = Layer(rawValue: try row.get("layer")) else { return nil }
            return StepRow(
                entity: try entity(row), layer: layer, attempt: try row.get("attempt"), status: try row.get("status"),
                skipReason: try row.get("skip_reason"), loadType: try row.get("load_type"), counts: try counts(row),
                startedAt: try row.get("started_at"), finishedAt: try row.get("finished_at"),
                recordsPerSecond: try row.get("records_per_second"), bytesPerSecond: try row.get("bytes_per_second"),
                usage: try usage(row), lastSucceededAt: try row.get("last_succeeded_at"),
                cursorFrom: try row.get("cursor_from"),
                cursorTo: try row.get("cursor_to"), errorKind: try row.get("error_kind"),
                error: try row.get("error_message"))
        }
    }

    private func usage(_ row: PostgresRow) throws -> ProcessUsage? {
        guard let memory: Int = try row.get("peak_memory_bytes"), let cpu: Int = try row.get("cpu_ms") else {
            return nil
        }
        return ProcessUsage(peakMemoryBytes: memory, cpuMilliseconds: cpu)
    }

    private func counts(_ row: PostgresRow) throws -> RowCounts {
        var counts = RowCounts()
        counts.input = try row.get("nr_records_in")
        counts.inserted = try row.get("nr_records_inserted")
        counts.updated = try row.get("nr_records_updated")
        counts.deleted = try row.get("nr_records_deleted")
        counts.absent = try row.get("nr_records_absent")
        counts.unchanged = try row.get("nr_records_unchanged")
        counts.duplicate = try row.get("nr_records_duplicate")
        counts.late = try row.get("nr_records_late")
        counts.rejected = try row.get("nr_records_rejected")
        counts.bytes = try row.get("bytes_in")
        return counts
    }

    /// Batches, newest last: those on their way to silver, or all.
    public func batches(all: Bool = false) async throws -> [BatchRow] {
        try await query(
            """
            SELECT run_id, run_timestamp, system_id, entity_name, load_type, state, state_reason, nr_files, nr_records,
                manifest_sha256, same_as, landed_at
            FROM audit.raw_batch WHERE \(all ? "all" : "pending") = 'all' OR state IN ('landed', 'normalized', 'blocked')
            ORDER BY system_id, entity_name, run_timestamp
            """
        ).map { row in
            BatchRow(
                run: try identity(row), entity: try entity(row), loadType: try row.get("load_type"),
                state: try row.get("state"), reason: try row.get("state_reason"), files: try row.get("nr_files"),
                records: try row.get("nr_records"), manifestSHA256: try row.get("manifest_sha256"),
                sameAs: try row.get("same_as"), landedAt: try row.get("landed_at"))
        }
    }

    /// The batch of the entity that was landed by the run with that id, or by the one whose id begins with the text.
    /// - Throws: `UsageError` when there is none, or more than one.
    public func batch(of entity: EntityID, matching text: String) async throws -> BatchRow {
        let prefix = text.lowercased()
        let found = try await batches(all: true).filter {
            $0.entity == entity && $0.run.id.description.hasPrefix(prefix)
        }
        guard let batch = found.first else {
            throw UsageError("no run '\(text)' landed a batch of \(entity); see medallion batch list --all")
        }
        guard found.count == 1 else {
            throw UsageError("'\(text)' is the beginning of several runs that landed \(entity); give more of the id")
        }
        return batch
    }

    /// The cursor in force of each entity that has or had one.
    public func cursors() async throws -> [CursorRow] {
        try await query(
            """
            SELECT system_id, entity_name, cursor_value, reset, set_by, run_id, recorded_at FROM audit.v_current_cursor
            ORDER BY system_id, entity_name
            """
        ).map { row in
            CursorRow(
                entity: try entity(row), value: try row.get("cursor_value"), isReset: try row.get("reset"),
                setBy: try row.get("set_by"), run: try row.get("run_id"), recordedAt: try row.get("recorded_at"))
        }
    }

    /// Rejected records by entity and reason: all of one run, or those of all runs that are not resolved.
    public func rejects(of run: UUIDValue? = nil) async throws -> [RejectRow] {
        try await query(
            """
            SELECT system_id, entity_name, layer, column_name, reason, count(*) AS nr,
                min(raw_file || ', record ' || record_no) AS place
            FROM audit.rejected_record WHERE run_id = \(run) OR \(run)::uuid IS NULL AND resolved_at IS NULL
            GROUP BY system_id, entity_name, layer, column_name, reason
            ORDER BY system_id, entity_name, count(*) DESC, reason
            """
        ).map { row in
            RejectRow(
                entity: try entity(row), layer: try row.get("layer"), column: try row.get("column_name"),
                reason: try row.get("reason"), records: try row.get("nr"),
                firstPlace: "file \(try row.get("place", as: String.self))")
        }
    }

    // MARK: -

    func query(_ sql: SQLText) async throws -> PostgresResult {
        try await pool.withConnection { try await $0.query(sql) }
    }

    private func identity(_ row: PostgresRow) throws -> RunIdentity {
        RunIdentity(id: try row.get("run_id"), timestamp: try row.get("run_timestamp"))
    }

    func entity(_ row: PostgresRow) throws -> EntityID {
        EntityID(system: SystemID(rawValue: try row.get("system_id")), name: try row.get("entity_name"))
    }
}
