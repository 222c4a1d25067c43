internal import Metadata
internal import Postgres
internal import Primitives

/// The parents whose items a batch of an exploded entity tells in full: what is live below them and not in the batch is
/// deleted, in a delta load too.
///
/// `_parent` is the parent's place in its batch, -1 for a deleted one; `_first` and `_end` bound the ordinals of its items.
struct ParentScopes {
    let table: BronzeTable
    /// The parent's log: which parents are deleted.
    let parent: BronzeTable
    let batch: Batch

    /// Takes the parents' rows into the table.
    func copy(_ rows: [UInt8], on connection: PostgresConnection) async throws {
        try await connection.beginCopyIn("COPY \(fragment: table.scopes) FROM STDIN (FORMAT binary)")
        try await connection.putCopyData(rows)
        try await connection.endCopyIn()
    }

    /// Takes the parents of a batch in which each stands once, and all of whose items have a readable key; and those that are
    /// deleted by now.
    /// - Parameter rows: Pieces that `copy` takes.
    func fill(with rows: ByteSpool, on connection: PostgresConnection) async throws {
        for piece in rows.pieces { try await copy(rows.read(piece), on: connection) }
        if rows.pieces.count > 1 { try await connection.execute("ANALYZE \(fragment: table.scopes)") }
        try await addDeleted(on: connection)
    }

    /// Live items of deleted parents of which the batch brings nothing.
    func countOrphaned(on connection: PostgresConnection) async throws -> Int {
        try await connection.query(
            """
            SELECT count(*) FROM \(fragment: table.last) l
            WHERE NOT l._is_deleted AND l._scope IN (
                SELECT d._scope FROM \(fragment: table.scopes) d WHERE d._parent < 0 AND NOT EXISTS (
                    SELECT FROM \(fragment: table.scopes) p WHERE p._scope = d._scope AND p._parent >= 0))
            """)[0].get(0)
    }

    /// Leaves only what counts: of a parent that occurs twice the last record, as in the parent's own bronze; no parent
    /// whose list could not be read as a whole; and the parents that are deleted by now.
    /// - Returns: How many items stood in records that do not count. `survey` has their rejects no longer.
    func settle(_ survey: inout BatchStage.Survey, on connection: PostgresConnection) async throws -> Int {
        if survey.hasManyParents { try await connection.execute("ANALYZE \(fragment: table.scopes)") }
        let superseded = try await dropSuperseded(&survey, on: connection)
        if survey.keyless > 0 {
            try await connection.execute(
                """
                DELETE FROM \(fragment: table.scopes) p WHERE EXISTS (
                    SELECT FROM \(fragment: table.stage) s WHERE s._scope = p._scope AND s._key_hash = \(UUIDValue.zero))
                """)
        }
        try await addDeleted(on: connection)
        return superseded
    }

    private func dropSuperseded(
        _ survey: inout BatchStage.Survey, on connection: PostgresConnection
    ) async throws -> Int {
        let repeated = try await connection.query(
            "SELECT 1 FROM \(fragment: table.scopes) GROUP BY _scope HAVING count(*) > 1 LIMIT 1")
        guard !repeated.isEmpty else { return 0 }
        let losers: SQLText = """
            (SELECT * FROM (SELECT *, row_number() OVER (
                PARTITION BY _scope ORDER BY _order DESC NULLS LAST, _parent DESC) AS place
            FROM \(fragment: table.scopes)) r WHERE r.place > 1)
            """
        let belongs: SQLText = "s._scope = p._scope AND s._ordinal >= p._first AND s._ordinal < p._end"
        let counts = try await connection.query(
            """
            SELECT count(*) AS items, count(*) FILTER (WHERE s._reject_reason IS NOT NULL) AS rejected,
                count(*) FILTER (WHERE s._key_hash = \(UUIDValue.zero)) AS keyless
            FROM \(fragment: table.stage) s JOIN \(fragment: losers) p ON \(fragment: belongs)
            """)[0]
        try await connection.execute(
            "DELETE FROM \(fragment: table.stage) s USING \(fragment: losers) p WHERE \(fragment: belongs)")
        try await connection.execute(
            """
            DELETE FROM \(fragment: table.scopes) s USING \(fragment: losers) p
            WHERE s._scope = p._scope AND s._parent = p._parent
            """)
        survey.rejected -= try counts.get("rejected", as: Int.self)
        survey.keyless -= try counts.get("keyless", as: Int.self)
        return try counts.get("items")
    }

    /// The parents deleted since the last batch that the entity applied: batches in between may have been given up, or
    /// superseded by this one.
    private func addDeleted(on connection: PostgresConnection) async throws {
        let id = batch.entity
        let applied = try await connection.query(
            """
            SELECT max(b.run_timestamp) FROM audit.raw_batch b
            WHERE b.system_id = \(id.system.rawValue) AND b.entity_name = \(id.name)
                AND b.state IN ('normalized', 'merged') AND b.run_timestamp < \(batch.run.timestamp)
            """)[0].get(0, as: Instant?.self)
        // An instant in the statement itself, for the index of runs does not cover them all.
        let since: SQLText = applied.map { "\(literal: $0)" } ?? "'-infinity'::timestamptz"
        let deleted = try await connection.execute(
            """
            INSERT INTO \(fragment: table.scopes) (_scope, _parent, _first, _end)
            SELECT d._key_hash, -1, 0, 0 FROM \(fragment: parent.log) d
            WHERE d._change = 'delete' AND d._run_timestamp <= \(batch.run.timestamp)
                AND d._run_timestamp > \(fragment: since)
                AND NOT EXISTS (SELECT FROM \(fragment: parent.log) n WHERE n._key_hash = d._key_hash
                    AND n._run_timestamp > d._run_timestamp AND n._run_timestamp <= \(batch.run.timestamp))
            """)
        // They would count for one.
        if deleted > 200 { try await connection.execute("ANALYZE \(fragment: table.scopes)") }
    }
}
