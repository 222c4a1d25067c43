internal import Metadata
internal import Postgres
internal import Primitives

/// The batches of an exploded entity: one for each of its parent's that is in bronze, with that one's run and instant.
///
/// So guards, rejects, giving up and rebuilding work as for every entity. Records, bytes and files in the ledger are the
/// parent's; those of the audited step are the items.
struct ItemBatches {
    let child: EntityID
    let parent: EntityID

    /// Registers the parent's batches that the child does not know yet, as landed.
    func register(at now: Instant, on connection: PostgresConnection) async throws {
        let missing: SQLText = """
            p.system_id = \(parent.system.rawValue) AND p.entity_name = \(parent.name)
                AND NOT EXISTS (SELECT FROM audit.raw_batch c WHERE c.run_id = p.run_id AND c.system_id = p.system_id
                    AND c.entity_name = \(child.name))
            """
        try await connection.execute(
            """
            INSERT INTO audit.raw_batch (run_id, system_id, entity_name, run_timestamp, load_type, nr_files, nr_records,
                nr_bytes, manifest_sha256, same_as, state, metadata_hash, landed_at)
            SELECT p.run_id, p.system_id, \(child.name), p.run_timestamp, p.load_type, p.nr_files, p.nr_records,
                p.nr_bytes, p.manifest_sha256, p.same_as, 'landed', p.metadata_hash, \(now)
            FROM audit.raw_batch p WHERE p.state IN ('normalized', 'merged') AND \(fragment: missing)
            """)
        try await connection.execute(
            """
            INSERT INTO audit.raw_file (run_id, system_id, entity_name, file_no, file_name, nr_bytes, nr_records, sha256)
            SELECT f.run_id, f.system_id, \(child.name), f.file_no, f.file_name, f.nr_bytes, f.nr_records, f.sha256
            FROM audit.raw_file f JOIN audit.raw_batch c ON c.run_id = f.run_id AND c.system_id = f.system_id
                AND c.entity_name = \(child.name)
            WHERE f.system_id = \(parent.system.rawValue) AND f.entity_name = \(parent.name)
                AND NOT EXISTS (SELECT FROM audit.raw_file g WHERE g.run_id = f.run_id AND g.system_id = f.system_id
                    AND g.entity_name = \(child.name) AND g.file_no = f.file_no)
            """)
    }

    /// True where the batch brings the bytes of the one before it, and that one was applied to the child as a whole.
    ///
    /// Otherwise the child reads the same bytes again, and its batch is no longer `same_as` another one.
    func isUnchanged(_ batch: Batch, on connection: PostgresConnection) async throws -> Bool {
        let last = try await connection.query(
            """
            SELECT c.state IN ('normalized', 'merged') AND c.nr_rejected = 0
                AND coalesce(p.same_as, p.run_id) = \(batch.sameAs) AS is_known
            FROM audit.raw_batch c JOIN audit.raw_batch p ON p.run_id = c.run_id AND p.system_id = c.system_id
                AND p.entity_name = \(parent.name)
            WHERE c.system_id = \(child.system.rawValue) AND c.entity_name = \(child.name)
                AND c.run_timestamp < \(batch.run.timestamp)
            ORDER BY c.run_timestamp DESC LIMIT 1
            """)
        if try last.first?.get("is_known") == true { return true }
        try await connection.execute(
            """
            UPDATE audit.raw_batch SET same_as = NULL WHERE run_id = \(batch.run.id)
                AND system_id = \(child.system.rawValue) AND entity_name = \(child.name)
            """)
        return false
    }
}
