internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// `audit.raw_batch`, `raw_file`, `load_cursor` and `rejected_record`: what was landed and how far it got.
enum BatchLedger {
    /// Registers a batch whose manifest is durable, with its files and its cursor. Repeating it changes nothing.
    static func insert(
        _ manifest: Manifest, sha256: String, of entity: EntityID, at now: Instant, on connection: PostgresConnection
    ) async throws {
        let recordedAt = cursorTime(of: entity, now)
        let inserted = try await connection.execute(
            """
            INSERT INTO audit.raw_batch (run_id, system_id, entity_name, run_timestamp, load_type, nr_files, nr_records,
                nr_bytes, manifest_sha256, same_as, state, metadata_hash, landed_at)
            VALUES (\(manifest.runID), \(entity.system.rawValue), \(entity.name), \(manifest.instant),
                \(manifest.loadType.rawValue), \(manifest.files.count), \(manifest.recordCount), \(manifest.byteCount),
                \(sha256), \(manifest.sameAs), 'landed', \(manifest.metadataHash), \(now))
            ON CONFLICT (run_id, system_id, entity_name) DO NOTHING
            """)
        guard inserted == 1 else { return }
        let numbers = Array(1...max(1, manifest.files.count))
        if !manifest.files.isEmpty {
            try await connection.execute(
                """
                INSERT INTO audit.raw_file (run_id, system_id, entity_name, file_no, file_name, nr_bytes, nr_records, sha256)
                SELECT \(manifest.runID), \(entity.system.rawValue), \(entity.name), f.no, f.name, f.bytes, f.records, f.sha
                FROM unnest(\(numbers), \(manifest.files.map(\.name)), \(manifest.files.map(\.bytes)),
                    \(manifest.files.map(\.records)), \(manifest.files.map(\.sha256))) AS f (no, name, bytes, records, sha)
                """)
        }
        guard let cursor = manifest.cursorTo else {
            // A full load without a cursor still does what a reset asked for.
            try await connection.execute(
                """
                INSERT INTO audit.load_cursor (system_id, entity_name, run_id, run_timestamp, set_by, recorded_at)
                SELECT system_id, entity_name, \(manifest.runID), \(manifest.instant), 'run', \(fragment: recordedAt)
                FROM audit.v_current_cursor
                WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name) AND reset
                    AND \(manifest.loadType.rawValue) = 'full'
                """)
            return
        }
        try await connection.execute(
            """
            INSERT INTO audit.load_cursor (system_id, entity_name, run_id, run_timestamp, cursor_value, set_by, recorded_at)
            VALUES (\(entity.system.rawValue), \(entity.name), \(manifest.runID), \(manifest.instant), \(cursor), 'run',
                \(fragment: recordedAt))
            """)
    }

    /// When a cursor is recorded: now, and later than every cursor of the entity before, whatever the clock did.
    static func cursorTime(of entity: EntityID, _ now: Instant) -> SQLText {
        """
        (SELECT greatest(\(now), max(c.recorded_at) + INTERVAL '1 microsecond') FROM audit.load_cursor c
            WHERE c.system_id = \(entity.system.rawValue) AND c.entity_name = \(entity.name))
        """
    }

    /// Where the next delta load of an entity begins.
    enum Cursor {
        /// Nothing was loaded yet: at the metadata's `initial`, if it has one.
        case none
        /// An operator asked for everything.
        case reset
        /// At this value.
        case at(String)
    }

    /// Where the next delta load begins.
    static func cursor(of entity: EntityID, on connection: PostgresConnection) async throws -> Cursor {
        let rows = try await connection.query(
            """
            SELECT cursor_value, reset FROM audit.v_current_cursor
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
            """)
        guard let row = rows.first else { return .none }
        if try row.get("reset") { return .reset }
        return try row.get("cursor_value", as: String?.self).map { .at($0) } ?? .none
    }

    /// The entity's batches in these states, oldest first.
    static func batches(
        of entity: EntityID, in states: [String], on connection: PostgresConnection
    ) async throws -> [(batch: Batch, state: String, reason: String?)] {
        try await connection.query(
            """
            SELECT run_id, run_timestamp, load_type, same_as, nr_records, nr_bytes, allow_deletes, accept_rejects,
                missing_columns, state, state_reason
            FROM audit.raw_batch
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name) AND state = ANY (\(states))
            ORDER BY run_timestamp
            """
        ).map { row in
            let batch = Batch(
                run: RunIdentity(id: try row.get("run_id"), timestamp: try row.get("run_timestamp")), entity: entity,
                loadType: try row.get("load_type") == "full" ? .full : .delta, sameAs: try row.get("same_as"),
                records: try row.get("nr_records"), bytes: try row.get("nr_bytes"),
                allowsDeletes: try row.get("allow_deletes"), acceptsRejects: try row.get("accept_rejects"),
                missingColumns: try row.get("missing_columns"))
            return (batch, try row.get("state"), try row.get("state_reason"))
        }
    }

    /// A batch older than the last applied one would write the past anew.
    static func refuseOlder(_ batch: Batch, than applied: [String], on connection: PostgresConnection) async throws {
        let newer = try await connection.query(
            """
            SELECT run_id, state FROM audit.raw_batch
            WHERE system_id = \(batch.entity.system.rawValue) AND entity_name = \(batch.entity.name)
                AND state = ANY (\(applied)) AND run_timestamp > \(batch.run.timestamp)
            ORDER BY run_timestamp DESC LIMIT 1
            """)
        guard let row = newer.first else { return }
        throw StepError(
            .merge,
            "out_of_order: the batch of run \(batch.run.id) (\(batch.run.timestamp)) is older than the batch of run "
                + "\(try row.get("run_id", as: UUIDValue.self)), which is \(try row.get("state", as: String.self)) "
                + "already; give it up with 'medallion batch discard \(batch.run.id) \(batch.entity)'")
    }

    /// Moves a batch on.
    static func advance(
        _ batch: Batch, to state: String, by run: UUIDValue, reason: String? = nil, rejected: Int = 0,
        missing: [String] = [], on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE audit.raw_batch SET state = \(state),
                state_reason = CASE WHEN \(state) = 'merged' THEN state_reason ELSE \(reason) END,
                normalized_by_run_id = CASE WHEN \(state) = 'normalized' THEN \(run) ELSE normalized_by_run_id END,
                merged_by_run_id = CASE WHEN \(state) = 'merged' THEN \(run) ELSE merged_by_run_id END,
                nr_rejected = CASE WHEN \(state) = 'merged' THEN nr_rejected ELSE 0 END + \(rejected),
                missing_columns = CASE WHEN \(state) = 'normalized' THEN \(missing) ELSE missing_columns END
            WHERE run_id = \(batch.run.id) AND system_id = \(batch.entity.system.rawValue)
                AND entity_name = \(batch.entity.name)
            """)
    }

    /// Gives up the blocked batches of these loads before a full one; returns their runs.
    static func supersede(
        _ loads: [LoadType], before batch: Batch, on connection: PostgresConnection
    ) async throws -> [UUIDValue] {
        try await connection.query(
            """
            UPDATE audit.raw_batch SET state = 'superseded', state_reason = 'a newer full batch arrived'
            WHERE system_id = \(batch.entity.system.rawValue) AND entity_name = \(batch.entity.name) AND state = 'blocked'
                AND run_timestamp < \(batch.run.timestamp) AND load_type = ANY (\(loads.map(\.rawValue)))
            RETURNING run_id
            """
        ).map { try $0.get(0) }
    }

    /// Records what an operator allowed for a batch, so that a rebuild repeats the decision.
    static func permit(
        _ batch: Batch, deletes: Bool, rejects: Bool, on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE audit.raw_batch SET allow_deletes = allow_deletes OR \(deletes),
                accept_rejects = accept_rejects OR \(rejects)
            WHERE run_id = \(batch.run.id) AND system_id = \(batch.entity.system.rawValue)
                AND entity_name = \(batch.entity.name)
            """)
    }
}
