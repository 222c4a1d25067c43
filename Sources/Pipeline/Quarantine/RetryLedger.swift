internal import Metadata
internal import Postgres
internal import Primitives

/// What a retry reads from `audit.rejected_record`, and writes back.
enum RetryLedger {
    /// Records of one retry: what is more comes with the next one.
    static let most = 100_000

    /// Entities with records that bronze rejected and nobody resolved.
    static func entities(of run: UUIDValue?, on connection: PostgresConnection) async throws -> Set<EntityID> {
        let rows = try await connection.query(
            """
            SELECT DISTINCT system_id, entity_name FROM audit.rejected_record
            WHERE layer = 'bronze' AND resolved_at IS NULL AND (\(run)::uuid IS NULL OR run_id = \(run))
            """)
        return Set(try rows.map { EntityID(system: SystemID(rawValue: try $0.get(0)), name: try $0.get(1)) })
    }

    /// The instant of the entity's newest full batch that bronze has.
    static func newestFull(of entity: EntityID, on connection: PostgresConnection) async throws -> Instant? {
        try await connection.query(
            """
            SELECT max(run_timestamp) FROM audit.raw_batch WHERE system_id = \(entity.system.rawValue)
                AND entity_name = \(entity.name) AND load_type = 'full' AND state IN ('normalized', 'merged')
            """)[0].get(0, as: Instant?.self)
    }

    /// The entity's unresolved records, newest first; not those of batches on which bronze has not decided.
    static func entries(
        of entity: EntityID, run: UUIDValue?, on connection: PostgresConnection
    ) async throws -> [RetrySelection.Entry] {
        try await connection.query(
            """
            SELECT r.run_id, r.run_timestamp, r.raw_file, r.record_no, b.state IN ('superseded', 'discarded')
            FROM audit.rejected_record r JOIN audit.raw_batch b USING (run_id, system_id, entity_name)
            WHERE r.system_id = \(entity.system.rawValue) AND r.entity_name = \(entity.name) AND r.layer = 'bronze'
                AND r.resolved_at IS NULL AND (\(run)::uuid IS NULL OR r.run_id = \(run))
                AND b.state NOT IN ('landed', 'blocked')
            ORDER BY r.run_timestamp DESC, r.raw_file, r.record_no LIMIT \(most)
            """
        ).map { row in
            RetrySelection.Entry(
                run: RunIdentity(id: try row.get(0), timestamp: try row.get(1)),
                place: RecordPicker.Place(file: try row.get(2), record: try row.get(3)),
                isGivenUp: try row.get(4))
        }
    }

    /// Says what became of records.
    static func resolve(
        _ entries: [RetrySelection.Entry], of entity: EntityID, as resolution: String, step: Step,
        on connection: PostgresConnection
    ) async throws {
        guard !entries.isEmpty else { return }
        try await connection.execute(
            """
            UPDATE audit.rejected_record r SET resolved_at = \(step.now), resolved_by_run_id = \(step.run.id),
                resolution = \(resolution)
            FROM unnest(\(entries.map(\.run.id)), \(entries.map(\.place.file)), \(entries.map(\.place.record)))
                AS e (run_id, file, record)
            WHERE r.run_id = e.run_id AND r.raw_file = e.file AND r.record_no = e.record AND r.layer = 'bronze'
                AND r.system_id = \(entity.system.rawValue) AND r.entity_name = \(entity.name)
            """)
    }

    /// A retry comes after everything that is landed: what waits must be decided and normalized first.
    static func refuseWaiting(_ entity: EntityID, on connection: PostgresConnection) async throws {
        let waiting = try await BatchLedger.batches(of: entity, in: ["landed", "blocked"], on: connection)
        guard let first = waiting.first else { return }
        throw StepError(
            .guarded,
            "the batch of run \(first.batch.run.id) is \(first.state) and may hold newer records: bring it to silver with "
                + "'medallion run --entity \(entity)', or see 'medallion batch list', then retry")
    }
}
