import Metadata
import Postgres
import Synchronization

extension TestWarehouse {
    /// What every history promises whatever was loaded (contract, section 5 and 6); one line per finding.
    public func brokenPromises() async throws -> [String] {
        var broken: [String] = []
        for entity in entities {
            var table: SQLText = "\(table: "silver", entity.id.table)"
            let exists = try await connection.query("SELECT to_regclass(\(literal: table.text)) IS NOT NULL")
            guard try exists[0].get(0, as: Bool.self) else { continue }
            // What is superseded is no longer held to be true.
            if entity.history == .bitemporal {
                table = "(SELECT * FROM \(fragment: table) WHERE _superseded_at IS NULL)"
            }
            for (promise, findings) in promises(of: entity, table) {
                let found = try await rows(findings)
                if let first = found.first {
                    broken.append("\(entity.id): \(promise), broken \(found.count) times, for example by \(first)")
                }
            }
            guard entity.effectiveTimeColumn == nil, entity.history != .bitemporal else { continue }
            broken += try await changedClosedRows(of: entity, table)
        }
        for row in try await rows(unfinishedRuns) { broken.append("the audit does not add up: \(row)") }
        return broken
    }

    private func promises(of entity: Entity, _ table: SQLText) -> [(String, SQLText)] {
        let log: SQLText = "\(table: "bronze", entity.id.table)"
        let last: SQLText = "\(table: "bronze", entity.id.table + "__last")"
        // As long as the log is short, or lost in a crash, they are in the log alone.
        let isThere: SQLText = "EXISTS (SELECT FROM \(fragment: last))"
        let hasTime = entity.effectiveTimeColumn != nil
        let startsElsewhere: SQLText = hasTime ? "false" : "t._valid_from <> t._run_timestamp"
        let newest: SQLText = hasTime ? "coalesce(_applies_at, _run_timestamp) DESC, _order DESC NULLS LAST, " : ""
        let newestInLog: SQLText = """
            SELECT DISTINCT ON (_key_hash) _key_hash, _doc_hash, _change, _run_timestamp, _raw_file, _effective_at,
                _applies_at, _order FROM \(fragment: log)
            ORDER BY _key_hash, \(fragment: newest)_run_timestamp DESC, _raw_file DESC, _record_no DESC
            """
        var promises: [(String, SQLText)] = [
            (
                "a key has at most one open row",
                "SELECT _key_hash FROM \(fragment: table) t WHERE _valid_to IS NULL GROUP BY 1 HAVING count(*) > 1"
            ),
            ("a row ends after it starts", "SELECT _key_hash FROM \(fragment: table) t WHERE _valid_to <= _valid_from"),
            (
                "rows of a key do not overlap",
                """
                SELECT a._key_hash FROM \(fragment: table) a JOIN \(fragment: table) b
                    ON b._key_hash = a._key_hash AND b._valid_from > a._valid_from
                WHERE a._valid_to IS NULL OR a._valid_to > b._valid_from
                """
            ),
            (
                "a row is valid from its batch's instant, and that batch is known",
                """
                SELECT t._key_hash FROM \(fragment: table) t WHERE \(fragment: startsElsewhere) OR NOT EXISTS (
                    SELECT FROM audit.raw_batch b WHERE b.run_id = t._run_id AND b.run_timestamp = t._run_timestamp)
                """
            ),
            (
                "only ended rows are deleted ones",
                "SELECT _key_hash FROM \(fragment: table) t WHERE _is_deleted AND _valid_to IS NULL"
            ),
            (
                "the last change of each key is that of the log",
                """
                SELECT l._key_hash FROM \(fragment: last) l FULL JOIN (\(fragment: newestInLog)) c USING (_key_hash)
                WHERE \(fragment: isThere) AND (c._key_hash IS NULL OR l._key_hash IS NULL
                    OR l._is_deleted <> (c._change = 'delete')
                    OR l._doc_hash IS DISTINCT FROM c._doc_hash OR l._run_timestamp <> c._run_timestamp
                    OR l._by_absence <> (c._change = 'delete' AND c._raw_file = 0)
                    OR (l._effective_at, l._applies_at, l._order)
                        IS DISTINCT FROM (c._effective_at, c._applies_at, c._order))
                """
            ),
        ]
        if [.scd2, .bitemporal].contains(entity.history), !hasRereadRows.withLock({ $0 }) {
            promises.append(
                (
                    "a version differs from the one before it",
                    """
                    SELECT a._key_hash FROM \(fragment: table) a JOIN \(fragment: table) b
                        ON b._key_hash = a._key_hash AND b._valid_from = a._valid_to
                    WHERE b._scd2_hash = a._scd2_hash AND NOT a._is_deleted
                    """
                ))
        }
        if entity.history != .append {
            promises.append(
                (
                    "the open rows are the live keys, once all batches are merged",
                    """
                    SELECT coalesce(l._key_hash, t._key_hash) FROM
                        (SELECT _key_hash FROM (\(fragment: newestInLog)) c WHERE _change <> 'delete') l
                        FULL JOIN (SELECT _key_hash FROM \(fragment: table) r WHERE _valid_to IS NULL) t USING (_key_hash)
                    WHERE (l._key_hash IS NULL OR t._key_hash IS NULL) AND NOT EXISTS (
                        SELECT FROM audit.raw_batch b WHERE b.entity_name = \(entity.id.name) AND b.state = 'normalized')
                    """
                ))
        }
        return promises
    }

    /// Runs that are over must not look as if they were not, and counts must add up.
    private var unfinishedRuns: SQLText {
        """
        SELECT layer, entity_name, status FROM audit.entity_layer_run
        WHERE status = 'running' OR finished_at < started_at OR status = 'succeeded' AND NOT CASE layer
            WHEN 'raw' THEN nr_records_in = nr_records_inserted
            WHEN 'bronze' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_unchanged
                + nr_records_duplicate + nr_records_rejected + nr_records_deleted - nr_records_absent
            WHEN 'silver' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_deleted
                + nr_records_unchanged + nr_records_duplicate + nr_records_late + nr_records_rejected
            ELSE true END
            OR least(nr_records_inserted, nr_records_updated, nr_records_deleted, nr_records_unchanged) < 0
        UNION ALL SELECT layer, system_id, status FROM audit.system_layer_run WHERE status = 'running'
        UNION ALL SELECT 'run', r.system_id, r.status FROM audit.system_run r
        WHERE r.status = 'running' OR r.status IN ('succeeded', 'failed')
            AND r.nr_entities_succeeded + r.nr_entities_failed + r.nr_entities_skipped <> (
                SELECT count(DISTINCT e.entity_name) FROM audit.entity_layer_run e WHERE e.run_id = r.run_id)
        """
    }

    /// What was closed once stays as it is; `latest` keeps no history.
    private func changedClosedRows(of entity: Entity, _ table: SQLText) async throws -> [String] {
        guard entity.history != .latest else { return [] }
        // A column that was added is NULL in them, and no change.
        let result = try await connection.query(
            "SELECT jsonb_strip_nulls(to_jsonb(t.*))::text FROM \(fragment: table) t WHERE _valid_to IS NOT NULL")
        let now = Set(try result.map { try $0.get(0, as: String.self) })
        let before = closedRows.withLock { known in
            let before = known[entity.id.name] ?? []
            known[entity.id.name] = now
            return before
        }
        return before.subtracting(now).map { "\(entity.id): a closed row was changed: \($0)" }
    }
}
