internal import Metadata
internal import Postgres
internal import Primitives

/// How a history differs from another one of the same entity, row by row; and the statements that level it.
struct HistoryDifference {
    /// How many rows of each kind.
    struct Counts: Sendable {
        var same = 0
        var missing = 0
        var changed = 0
        var surplus = 0
        var total: Int { missing + changed + surplus }
    }

    /// What is there.
    let live: SilverTable
    /// What should be there.
    let shadow: SilverTable

    private var identity: SQLText {
        let recorded: SQLText = live.isBitemporal ? " AND s._recorded_at = t._recorded_at" : ""
        return "s._key_hash = t._key_hash AND s._valid_from = t._valid_from\(fragment: recorded)"
    }

    /// Everything but wall-clock times.
    private var names: [String] {
        live.entity.storedColumns.map(\.name)
            + live.systemColumns.map(\.name).filter { !["_created_at", "_updated_at", "_is_current"].contains($0) }
    }

    private func row(_ alias: String) -> SQLText {
        let columns = names.map { "\(verbatim: alias).\(identifier: $0)" as SQLText }
        return "ROW(\(fragment: columns.joined(separator: ", ")))"
    }

    private var isChanged: SQLText { "\(fragment: row("s")) IS DISTINCT FROM \(fragment: row("t"))" }

    func counts(on connection: PostgresConnection) async throws -> Counts {
        let row = try await connection.query(
            """
            SELECT count(*) FILTER (WHERE t._key_hash IS NULL) AS missing,
                count(*) FILTER (WHERE s._key_hash IS NULL) AS surplus,
                count(*) FILTER (WHERE t._key_hash IS NOT NULL AND s._key_hash IS NOT NULL
                    AND \(fragment: isChanged)) AS changed,
                count(*) AS total
            FROM \(fragment: live.history) t FULL JOIN \(fragment: shadow.history) s ON \(fragment: identity)
            """)[0]
        var counts = Counts(
            missing: try row.get("missing"), changed: try row.get("changed"), surplus: try row.get("surplus"))
        counts.same = try row.get("total", as: Int.self) - counts.total
        return counts
    }

    /// The first differences, a line each: the key, from when, and what differs.
    func samples(_ limit: Int, on connection: PostgresConnection) async throws -> [String] {
        let keys = live.entity.keyColumns.filter(\.isStored)
        let hidden = Set(live.entity.columns.filter { $0.pii != .none }.map(\.name))
        let key: [SQLText] = keys.map { column in
            hidden.contains(column.name)
                ? "'\(verbatim: column.name)=‹personal data›'"
                : """
                \(literal: column.name + "=") || coalesce(t.\(identifier: column.name), s.\(identifier: column.name))::text
                """
        }
        let label: SQLText =
            key.isEmpty ? "coalesce(t._key_hash, s._key_hash)::text" : key.joined(separator: " || ', ' || ")
        let rows = try await connection.query(
            """
            SELECT \(fragment: label) || ' from ' || to_char(coalesce(t._valid_from, s._valid_from) AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ': ' || CASE
                WHEN t._key_hash IS NULL THEN 'is missing' WHEN s._key_hash IS NULL THEN 'should not be there'
                ELSE (SELECT string_agg(l.key || CASE WHEN l.key = ANY (\(Array(hidden))) THEN ' differs'
                        ELSE ' is ' || coalesce(l.value, 'NULL') || ', should be ' || coalesce(r.value, 'NULL') END, '; ')
                    FROM jsonb_each_text(to_jsonb(t.*)) l JOIN jsonb_each_text(to_jsonb(s.*)) r ON r.key = l.key
                    WHERE l.value IS DISTINCT FROM r.value AND l.key = ANY (\(names))) END
            FROM \(fragment: live.history) t FULL JOIN \(fragment: shadow.history) s ON \(fragment: identity)
            WHERE t._key_hash IS NULL OR s._key_hash IS NULL OR \(fragment: isChanged)
            ORDER BY 1 LIMIT \(limit)
            """)
        return try rows.map { try $0.get(0, as: String.self) }
    }

    /// Makes the live history equal to the shadow; rows that are the same already are left alone.
    func level(on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE \(fragment: shadow.history) s SET _created_at = t._created_at
            FROM \(fragment: live.history) t WHERE \(fragment: identity)
            """)
        try await connection.execute(
            """
            DELETE FROM \(fragment: live.history) t WHERE NOT EXISTS (
                SELECT FROM \(fragment: shadow.history) s
                WHERE \(fragment: identity) AND NOT (\(fragment: isChanged)))
            """)
        let all = names + ["_created_at", "_updated_at"]
        try await connection.execute(
            """
            INSERT INTO \(fragment: live.history) (\(identifiers: all))
            SELECT \(identifiers: all) FROM \(fragment: shadow.history) s
            WHERE NOT EXISTS (SELECT FROM \(fragment: live.history) t WHERE \(fragment: identity))
            """)
    }
}
