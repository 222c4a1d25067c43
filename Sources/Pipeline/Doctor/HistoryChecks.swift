internal import Metadata
internal import Postgres
internal import Primitives

/// The invariants of every silver table, as SQL over it and the bronze table beside it.
struct HistoryChecks {
    let workspace: Workspace

    /// What must not be: how it is called, and a query for the `_key_hash` of each place where it is so.
    private struct Rule {
        let meaning: String
        let breaches: SQLText
    }

    func findings() async throws -> [Finding] {
        var findings: [Finding] = []
        for system in workspace.catalog.systems {
            for entity in workspace.catalog.entities(of: system.id) {
                try Task.checkCancellation()
                findings += try await examine(entity, system)
            }
        }
        return findings
    }

    private func examine(_ entity: Entity, _ system: SourceSystem) async throws -> [Finding] {
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
            let rules = rules(silver) + knowledge(silver) + presence(silver)
            do {
                let broken = try await connection.query(breaches(of: rules, last: last)).map { row in
                    let rule = try rules[row.get("rule", as: Int.self)]
                    return Finding(
                        .fail, what,
                        """
                        \(try row.get("breaches", as: Int.self)) \(rule.meaning) (\(silver.history.text)), one of them at \
                        _key_hash=\(try row.get("example", as: String.self)); 'medallion rebuild \(entity.id) --verify' tells \
                        what the changes in bronze come to instead, without --verify the table is made so
                        """)
                }
                guard broken.isEmpty else { return broken }
                let counts = try await connection.query(
                    """
                    SELECT count(*) FILTER (WHERE \(fragment: silver.isOpen("t"))) AS open_rows,
                        count(*) FILTER (WHERE \(fragment: silver.isKnown("t"))) AS all_rows,
                        \(fragment: isAhead(entity)) AS is_ahead
                    FROM \(fragment: silver.history) t
                    """)[0]
                let waits: Bool = try counts.get("is_ahead")
                let note = waits ? "; not compared with bronze, which is ahead until its batches are merged" : ""
                let (open, all): (Int, Int) = try (counts.get("open_rows"), counts.get("all_rows"))
                return [Finding(.ok, what, "\(open) open of \(all) rows\(note)")]
            } catch let error as PostgresError where error.sqlState != nil {
                return [Finding(.fail, what, "cannot be examined: \(error)")]
            }
        }
    }

    /// Of each broken rule its place in the list, how often it is broken, and one key: all as of one instant.
    private func breaches(of rules: [Rule], last: SQLText) -> SQLText {
        let each = rules.enumerated().map { index, rule -> SQLText in
            "SELECT \(index) AS rule, b._key_hash FROM (\(fragment: rule.breaches)) b"
        }
        return """
            WITH last AS (SELECT _key_hash, _is_deleted FROM \(fragment: last))
            SELECT rule, count(*) AS breaches, min(_key_hash::text) AS example
            FROM (\(fragment: each.joined(separator: " UNION ALL "))) x GROUP BY rule ORDER BY rule
            """
    }

    private func rules(_ silver: SilverTable) -> [Rule] {
        [
            Rule(
                meaning: "keys with more than one open row",
                breaches: """
                    SELECT t._key_hash FROM \(fragment: silver.history) t WHERE \(fragment: silver.isOpen("t"))
                    GROUP BY t._key_hash HAVING count(*) > 1
                    """),
            Rule(
                meaning: "rows that overlap the next one of their key",
                breaches: """
                    SELECT s._key_hash FROM (
                        SELECT t._key_hash, t._valid_to,
                            lead(t._valid_from) OVER (PARTITION BY t._key_hash ORDER BY t._valid_from) AS next_from
                        FROM \(fragment: silver.history) t WHERE \(fragment: silver.isKnown("t"))) s
                    WHERE s.next_from < coalesce(s._valid_to, 'infinity')
                    """),
            Rule(
                meaning: "rows that end before they begin",
                breaches: "SELECT _key_hash FROM \(fragment: silver.history) WHERE _valid_to <= _valid_from"),
            Rule(
                meaning: "rows that are marked deleted and do not end",
                breaches: "SELECT _key_hash FROM \(fragment: silver.history) WHERE _is_deleted AND _valid_to IS NULL"),
        ]
    }

    /// What was held to be true at one time must be free of overlaps, too, long after it was superseded.
    private func knowledge(_ silver: SilverTable) -> [Rule] {
        guard silver.isBitemporal else { return [] }
        return [
            Rule(
                meaning: "pairs of rows of a key that overlap and were known at the same time",
                breaches: """
                    SELECT a._key_hash FROM \(fragment: silver.history) a JOIN \(fragment: silver.history) b
                        ON b._key_hash = a._key_hash AND (b._valid_from, b._recorded_at) > (a._valid_from, a._recorded_at)
                    WHERE b._valid_from < coalesce(a._valid_to, 'infinity')
                        AND b._recorded_at < coalesce(a._superseded_at, 'infinity')
                        AND a._recorded_at < coalesce(b._superseded_at, 'infinity')
                    """),
            Rule(
                meaning: "rows that were superseded before they were recorded",
                breaches: "SELECT _key_hash FROM \(fragment: silver.history) WHERE _superseded_at <= _recorded_at"),
        ]
    }

    /// True while a batch is in bronze and not yet in silver; within a query, of the instant at which that sees both.
    private func isAhead(_ entity: Entity) -> SQLText {
        """
        EXISTS (SELECT FROM audit.raw_batch WHERE system_id = \(entity.id.system.rawValue)
            AND entity_name = \(entity.id.name) AND state = 'normalized')
        """
    }

    /// A key has an open row exactly when it is live in bronze; `last` is what bronze says last of each key. `append` closes nothing.
    private func presence(_ silver: SilverTable) -> [Rule] {
        let rules = [
            Rule(
                meaning: "open rows whose key is not live in bronze",
                breaches: """
                    SELECT t._key_hash FROM \(fragment: silver.history) t WHERE \(fragment: silver.isOpen("t")) AND NOT EXISTS (
                        SELECT FROM last l WHERE l._key_hash = t._key_hash AND NOT l._is_deleted)
                        AND NOT \(fragment: isAhead(silver.entity))
                    """),
            Rule(
                meaning: "keys that are live in bronze without an open row",
                breaches: """
                    SELECT l._key_hash FROM last l WHERE NOT l._is_deleted AND NOT EXISTS (
                        SELECT FROM \(fragment: silver.history) t
                        WHERE t._key_hash = l._key_hash AND \(fragment: silver.isOpen("t")))
                        AND NOT \(fragment: isAhead(silver.entity))
                    """),
        ]
        return silver.entity.history == .append ? Array(rules.dropFirst()) : rules
    }
}
