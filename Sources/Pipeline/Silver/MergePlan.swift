internal import Metadata
internal import Postgres
internal import Primitives

/// The statements that merge a staged batch into a history: set-based, one after the other, in one transaction.
///
/// Pure: an entity and a batch in, SQL out. Joins are by `_key_hash` alone; ids and instants are bound, never drawn in
/// SQL, so that a distributed PostgreSQL runs the same text on its shards.
struct MergePlan {
    let table: SilverTable
    let run: RunIdentity
    /// Wall clock for `_created_at` and `_updated_at` only.
    let now: Instant

    private var entity: Entity { table.entity }
    private var stage: SQLText { table.stage }
    private var history: SQLText { table.history }

    /// The staged changes in the order of their keys: the indexes are then walked from one end to the other, which is a tenth
    /// faster for a few changes and several times for many.
    private func changes(_ columns: SQLText = "*", where condition: SQLText) -> SQLText {
        "(SELECT \(fragment: columns) FROM \(fragment: stage) WHERE \(fragment: condition) ORDER BY _key_hash)"
    }

    private func columns(_ role: ColumnRole) -> [Column] {
        entity.storedColumns.filter { !$0.isKey && entity.role(of: $0) == role }
    }

    /// What tells a change of a `fixed` column.
    private var isFixedChanged: SQLText {
        let differs = columns(.fixed).map {
            "t.\(identifier: $0.name) IS DISTINCT FROM s.\(identifier: $0.name)" as SQLText
        }
        return """
            t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._change <> 'delete'
                AND (\(fragment: differs.joined(separator: " OR ")))
            """
    }

    /// Changes of a `fixed` column: the one reject of silver. nil where there is no such column.
    var rejectFixed: SQLText? {
        let fixed = columns(.fixed)
        guard !fixed.isEmpty else { return nil }
        return """
            INSERT INTO audit.rejected_record (run_id, system_id, entity_name, layer, raw_file, record_no, run_timestamp,
                column_name, reason)
            SELECT \(run.id), \(entity.id.system.rawValue), \(entity.id.name), 'silver', s._raw_file, s._record_no,
                \(run.timestamp), \(fixed.map(\.name).joined(separator: ", ")), 'a fixed column changed'
            FROM \(fragment: stage) s JOIN \(fragment: history) t ON \(fragment: isFixedChanged)
            ON CONFLICT DO NOTHING
            """
    }

    /// Takes the rejected changes out of the stage.
    var dropRejected: SQLText {
        "DELETE FROM \(fragment: stage) s USING \(fragment: history) t WHERE \(fragment: isFixedChanged)"
    }

    /// Closes the open row of each deleted key.
    var closeDeleted: SQLText {
        """
        UPDATE \(fragment: history) t SET _valid_to = \(run.timestamp), _is_deleted = true,
            _updated_by_run_id = \(run.id), _updated_at = \(now)
        FROM \(fragment: changes("_key_hash", where: "_change = 'delete'")) s
        WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL
        """
    }

    /// Closes the open row of each key whose scd2 columns changed.
    var closeChanged: SQLText {
        """
        UPDATE \(fragment: history) t SET _valid_to = \(run.timestamp), _updated_by_run_id = \(run.id),
            _updated_at = \(now)
        FROM \(fragment: changes("_key_hash, _scd2_hash", where: "_change <> 'delete'")) s
        WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL AND s._scd2_hash <> t._scd2_hash
        """
    }

    /// True where the history has columns that are overwritten.
    var overwritesColumns: Bool { !columns(.scd1).isEmpty }

    /// Overwrites the scd1 columns of the open row where nothing else changed.
    var overwrite: SQLText {
        let assignments = columns(.scd1).map { "\(identifier: $0.name) = s.\(identifier: $0.name)" as SQLText }
        let all = assignments + ["_scd1_hash = s._scd1_hash"]
        return """
            UPDATE \(fragment: history) t SET \(fragment: all.joined(separator: ", ")),
                _updated_by_run_id = \(run.id), _updated_at = \(now)
            FROM \(fragment: changes(where: "_change <> 'delete'")) s
            WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL
                AND s._scd2_hash = t._scd2_hash AND s._scd1_hash <> t._scd1_hash
            """
    }

    /// Opens a row for each key that has no open row; `append`: for each key that has no row at all.
    var open: SQLText {
        let names = entity.storedColumns.map(\.name)
        let values = names.map { "s.\(identifier: $0)" as SQLText }
        let isKnown: SQLText = entity.history == .append ? "" : " AND t._valid_to IS NULL"
        return """
            INSERT INTO \(fragment: history) (\(identifiers: names), _key_hash, _scd1_hash, _scd2_hash, _valid_from,
                _is_deleted, _run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at)
            SELECT \(fragment: values.joined(separator: ", ")), s._key_hash, s._scd1_hash, s._scd2_hash,
                \(run.timestamp), false, \(run.id), \(run.timestamp), \(run.id), \(now), \(now)
            FROM \(fragment: changes(where: "_change <> 'delete'")) s
            WHERE NOT EXISTS (
                SELECT FROM \(fragment: history) t WHERE t._key_hash = s._key_hash\(fragment: isKnown))
            """
    }

    /// `latest`: removes the row of each deleted key.
    var remove: SQLText {
        """
        DELETE FROM \(fragment: history) t USING \(fragment: stage) s
        WHERE s._key_hash = t._key_hash AND s._change = 'delete'
        """
    }
}
