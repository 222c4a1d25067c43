internal import Postgres

/// How a log of changes differs from another one of the same entity; and the statements that level it.
struct LogDifference {
    let live: BronzeTable
    let shadow: BronzeTable

    private var identity: SQLText {
        """
        s._key_hash = t._key_hash AND s._run_timestamp = t._run_timestamp AND s._raw_file = t._raw_file
            AND s._record_no = t._record_no
        """
    }

    private var isChanged: SQLText {
        """
        (s._doc_hash, s._change, s._effective_at, s._applies_at, s._order, s.doc::text)
            IS DISTINCT FROM (t._doc_hash, t._change, t._effective_at, t._applies_at, t._order, t.doc::text)
        """
    }

    func counts(on connection: PostgresConnection) async throws -> HistoryDifference.Counts {
        let row = try await connection.query(
            """
            SELECT count(*) FILTER (WHERE t._key_hash IS NULL) AS missing,
                count(*) FILTER (WHERE s._key_hash IS NULL) AS surplus,
                count(*) FILTER (WHERE t._key_hash IS NOT NULL AND s._key_hash IS NOT NULL
                    AND \(fragment: isChanged)) AS changed,
                count(*) AS total
            FROM \(fragment: live.log) t FULL JOIN \(fragment: shadow.log) s ON \(fragment: identity)
            """)[0]
        var counts = HistoryDifference.Counts(
            missing: try row.get("missing"), changed: try row.get("changed"), surplus: try row.get("surplus"))
        counts.same = try row.get("total", as: Int.self) - counts.total
        return counts
    }

    /// Makes the live log, and the last changes beside it, equal to the shadow's.
    func level(on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            DELETE FROM \(fragment: live.log) t WHERE NOT EXISTS (
                SELECT FROM \(fragment: shadow.log) s WHERE \(fragment: identity) AND NOT (\(fragment: isChanged)))
            """)
        let columns: SQLText = """
            _key_hash, _doc_hash, _change, _effective_at, _run_id, _run_timestamp, _raw_file, _record_no, doc, _applies_at,
            _order
            """
        try await connection.execute(
            """
            INSERT INTO \(fragment: live.log) (\(fragment: columns))
            SELECT \(fragment: columns) FROM \(fragment: shadow.log) s
            WHERE NOT EXISTS (SELECT FROM \(fragment: live.log) t WHERE \(fragment: identity))
            """)
        let last: SQLText = """
            _key_hash, _doc_hash, _run_timestamp, _is_deleted, _by_absence, _effective_at, _applies_at, _order, _scope
            """
        try await connection.execute("DELETE FROM \(fragment: live.last)")
        try await connection.execute(
            """
            INSERT INTO \(fragment: live.last) (\(fragment: last))
            SELECT \(fragment: last) FROM \(fragment: shadow.last)
            """)
    }
}
