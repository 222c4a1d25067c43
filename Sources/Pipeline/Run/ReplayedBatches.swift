internal import Metadata
internal import Postgres
internal import Primitives

/// What an entity's batches came to when they were read again from raw, by today's metadata: which records were rejected, which
/// columns no record had. The audit is told with the tables, or not at all.
struct ReplayedBatches {
    private struct Outcome {
        let run: UUIDValue
        let rejected: Int
        let missing: [String]
    }

    let entity: EntityID
    let metadataHash: UUIDValue
    /// Where the rejected records wait.
    let rejected: SQLText
    private var outcomes: [Outcome] = []

    init(_ entity: EntityID, metadataHash: UUIDValue, rejected: SQLText) {
        self.entity = entity
        self.metadataHash = metadataHash
        self.rejected = rejected
    }

    func make(on connection: PostgresConnection) async throws {
        try await connection.execute("CREATE TABLE \(fragment: rejected) (LIKE audit.rejected_record)")
    }

    mutating func add(_ batch: Batch, rejected: Int, missing: [String]) {
        outcomes.append(Outcome(run: batch.run.id, rejected: rejected, missing: missing))
    }

    /// Has the audit say of these batches what they are now. What silver rejected and what became of records that are rejected
    /// still stays; a file of the same bytes is compared with a batch that was read by today's metadata.
    func note(on connection: PostgresConnection) async throws {
        let (system, name) = (entity.system.rawValue, entity.name)
        try await connection.execute(
            """
            DELETE FROM audit.rejected_record r WHERE r.system_id = \(system) AND r.entity_name = \(name)
                AND r.layer = 'bronze' AND r.run_id = ANY (\(outcomes.map(\.run)))
                AND NOT EXISTS (SELECT FROM \(fragment: rejected) n WHERE n.run_id = r.run_id AND n.raw_file = r.raw_file
                    AND n.record_no = r.record_no)
            """)
        try await connection.execute(
            """
            INSERT INTO audit.rejected_record SELECT * FROM \(fragment: rejected)
            ON CONFLICT (run_id, system_id, entity_name, layer, raw_file, record_no)
                DO UPDATE SET column_name = excluded.column_name, reason = excluded.reason
            """)
        for outcome in outcomes {
            try await connection.execute(
                """
                UPDATE audit.raw_batch b SET missing_columns = \(outcome.missing), metadata_hash = \(metadataHash),
                    nr_rejected = \(outcome.rejected) + (SELECT count(*) FROM audit.rejected_record r
                        WHERE r.run_id = b.run_id AND r.system_id = b.system_id AND r.entity_name = b.entity_name
                            AND r.layer = 'silver')
                WHERE b.run_id = \(outcome.run) AND b.system_id = \(system) AND b.entity_name = \(name)
                """)
        }
    }
}
