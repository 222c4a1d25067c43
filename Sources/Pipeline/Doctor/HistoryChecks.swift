internal import Metadata
internal import Postgres
internal import Primitives

/// The invariants of every silver table, as SQL over it and the bronze table beside it.
struct HistoryChecks {
    let workspace: Workspace

    private static let rules: [(column: String, meaning: String)] = [
        ("open_twice", "keys with more than one open row"), ("overlaps", "rows that overlap the next one of their key"),
        ("backwards", "rows that end before they begin"),
        ("deleted_open", "rows that are marked deleted and do not end"),
        ("known_together", "pairs of rows of a key that overlap and were known at the same time"),
        ("unlearned", "rows that were superseded before they were recorded"),
        ("open_not_live", "open rows whose key is not live in bronze"),
        ("live_not_open", "keys that are live in bronze without an open row"),
    ]

    func findings() async throws -> [Finding] {
        let onTheirWay = Set(
            try await AuditQueries(pool: workspace.pool).batches().filter { $0.state == "normalized" }.map(\.entity))
        var findings: [Finding] = []
        for system in workspace.catalog.systems {
            for entity in workspace.catalog.entities(of: system.id) {
                try Task.checkCancellation()
                findings += try await examine(entity, system, comparesBronze: !onTheirWay.contains(entity.id))
            }
        }
        return findings
    }

    private func examine(_ entity: Entity, _ system: SourceSystem, comparesBronze: Bool) async throws -> [Finding] {
        let silver = SilverTable(entity, schema: system.schemas.silver)
        let bronze = BronzeTable(entity, schema: system.schemas.bronze)
        let what = "history \(entity.id)"
        return try await workspace.pool.withConnection { connection in
            let tables = try await connection.query(
                """
                SELECT pg_catalog.to_regclass(\(silver.history.text)) IS NOT NULL
                    AND pg_catalog.to_regclass(\(bronze.last.text)) IS NOT NULL
                """)
            // Tables that are not made yet are a finding of the deployment.
            guard try tables[0].get(0, as: Bool.self) else { return [] }
            let last = try await LastChanges(table: bronze).current(on: connection)
            do {
                let row = try await connection.query(invariants(silver, last))[0]
                let broken = try HistoryChecks.rules.compactMap { rule -> Finding? in
                    let count: Int = try row.get(rule.column)
                    let isBronze = rule.column == "open_not_live" || rule.column == "live_not_open"
                    guard count > 0, comparesBronze || !isBronze else { return nil }
                    return Finding(.fail, what, "\(count) \(rule.meaning) (\(silver.history.text))")
                }
                guard broken.isEmpty else { return broken }
                let open: Int = try row.get("open_rows")
                let note = comparesBronze ? "" : "; not compared with bronze, which is ahead until the next run"
                return [Finding(.ok, what, "\(open) open of \(try row.get("all_rows", as: Int.self)) rows\(note)")]
            } catch let error as PostgresError where error.sqlState != nil {
                return [Finding(.fail, what, "cannot be examined: \(error)")]
            }
        }
    }

    private func invariants(_ silver: SilverTable, _ last: SQLText) -> SQLText {
        """
        WITH last AS (SELECT _key_hash, _is_deleted FROM \(fragment: last))
        SELECT count(*) FILTER (WHERE s.is_known) AS all_rows,
            count(*) FILTER (WHERE s.is_known AND s._valid_to IS NULL) AS open_rows,
            count(*) FILTER (WHERE s._valid_to <= s._valid_from) AS backwards,
            count(*) FILTER (WHERE s._is_deleted AND s._valid_to IS NULL) AS deleted_open,
            count(*) FILTER (WHERE s.is_known AND s.next_from < coalesce(s._valid_to, 'infinity')) AS overlaps,
            (SELECT count(*) FROM (
                SELECT _key_hash FROM \(fragment: silver.history) WHERE \(fragment: silver.isOpen())
                GROUP BY _key_hash HAVING count(*) > 1) x) AS open_twice,
            \(fragment: knowledge(silver)),
            (SELECT count(*) FROM \(fragment: silver.history) t WHERE \(fragment: silver.isOpen("t")) AND NOT EXISTS (
                SELECT FROM last l WHERE l._key_hash = t._key_hash AND NOT l._is_deleted))
                AS open_not_live,
            (SELECT count(*) FROM last l WHERE NOT l._is_deleted AND NOT EXISTS (
                SELECT FROM \(fragment: silver.history) t WHERE t._key_hash = l._key_hash AND \(fragment: silver.isOpen("t"))))
                AS live_not_open
        FROM (SELECT _valid_from, _valid_to, _is_deleted, \(fragment: silver.isKnown("t")) AS is_known,
                lead(_valid_from) OVER (
                    PARTITION BY _key_hash, (\(fragment: silver.isKnown("t"))) ORDER BY _valid_from) AS next_from
            FROM \(fragment: silver.history) t) s
        """
    }

    /// What was held to be true at one time must be free of overlaps, too, long after it was superseded.
    private func knowledge(_ silver: SilverTable) -> SQLText {
        guard silver.isBitemporal else { return "0 AS known_together, 0 AS unlearned" }
        return """
            (SELECT count(*) FROM \(fragment: silver.history) a JOIN \(fragment: silver.history) b
                ON b._key_hash = a._key_hash AND (b._valid_from, b._recorded_at) > (a._valid_from, a._recorded_at)
                WHERE b._valid_from < coalesce(a._valid_to, 'infinity')
                    AND b._recorded_at < coalesce(a._superseded_at, 'infinity')
                    AND a._recorded_at < coalesce(b._superseded_at, 'infinity')) AS known_together,
            (SELECT count(*) FROM \(fragment: silver.history) WHERE _superseded_at <= _recorded_at) AS unlearned
            """
    }
}
