internal import Metadata
internal import Postgres
internal import Primitives

/// The statements that bring folded versions into a history: chains behind what is known, and keys derived again.
///
/// Pure, as `MergePlan` is. A chain touches the open row at most; of a derived key, rows that stay the same are left
/// alone.
struct FoldPlan {
    let table: SilverTable
    let run: RunIdentity
    /// Wall clock for `_created_at` and `_updated_at` only.
    let now: Instant

    private var stage: SQLText { table.stage }
    private var history: SQLText { table.history }
    private var stored: [Column] { table.entity.storedColumns }

    private var touched: SQLText { "_updated_by_run_id = \(run.id), _updated_at = \(now)" }

    // MARK: Chains

    /// Marks the chains whose first version goes on with the open row; returns how many.
    var markContinued: SQLText {
        """
        UPDATE \(fragment: stage) s SET _kind = 4 FROM \(fragment: history) t
        WHERE s._is_first AND s._kind = 0 AND t._key_hash = s._key_hash AND t._valid_to IS NULL
            AND t._scd2_hash = s._scd2_hash
        """
    }

    /// How many first changes of chains overwrite something in the rows that go on, whatever later ones do.
    var countOverwriting: SQLText {
        """
        SELECT count(*) FROM \(fragment: stage) s
        JOIN \(fragment: history) t ON t._key_hash = s._key_hash AND t._valid_to IS NULL
        LEFT JOIN \(fragment: stage) f ON f._key_hash = s._key_hash AND f._kind = 5
        WHERE s._kind = 4 AND coalesce(f._scd1_hash, s._scd1_hash) <> t._scd1_hash
        """
    }

    /// Overwrites the scd1 columns of the rows that go on, and ends those that the chain ends.
    var overwriteContinued: SQLText {
        let overwritten = stored.filter { !$0.isKey && table.entity.role(of: $0) == .scd1 }
        let assignments = overwritten.map { "\(identifier: $0.name) = s.\(identifier: $0.name), " as SQLText }
        return """
            UPDATE \(fragment: history) t SET \(fragment: assignments.joined(separator: ""))_scd1_hash = s._scd1_hash,
                _valid_to = s._valid_to, _is_deleted = s._is_deleted, \(fragment: touched)
            FROM \(fragment: stage) s
            WHERE s._kind = 4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL AND t._scd1_hash <> s._scd1_hash
            """
    }

    /// Ends the rows that go on unchanged until the chain ends them.
    var endContinued: SQLText {
        """
        UPDATE \(fragment: history) t SET _valid_to = s._valid_to, _is_deleted = s._is_deleted, \(fragment: touched)
        FROM \(fragment: stage) s
        WHERE s._kind = 4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._valid_to IS NOT NULL
        """
    }

    /// Ends the open rows of keys whose chain begins with a delete (`isDelete`), or with another version.
    func end(isDelete: Bool) -> SQLText {
        """
        UPDATE \(fragment: history) t SET _valid_to = s._valid_from, _is_deleted = \(isDelete), \(fragment: touched)
        FROM \(fragment: stage) s
        WHERE s._is_first AND s._kind = \(isDelete ? 1 : 0) AND t._key_hash = s._key_hash AND t._valid_to IS NULL
        """
    }

    /// Adds the versions of the chains.
    var addChains: SQLText { add("s._kind = 0") }

    // MARK: Derived keys

    /// Rows that a derived version replaces keep the time when they were made.
    var keepCreation: SQLText {
        """
        UPDATE \(fragment: stage) s SET _created_at = t._created_at FROM \(fragment: history) t
        WHERE s._kind = 2 AND t._key_hash = s._key_hash AND t._valid_from = s._valid_from
            AND \(fragment: table.isKnown("t"))
        """
    }

    /// Takes away the rows of derived keys that no derived version equals; bitemporal: supersedes them.
    var removeOutdated: SQLText {
        let ignored = stored.filter { !$0.isKey && table.entity.role(of: $0) == .ignore }
        let same = ignored.map {
            " AND s.\(identifier: $0.name) IS NOT DISTINCT FROM t.\(identifier: $0.name)" as SQLText
        }
        let isOutdated: SQLText = """
            k._kind = 3 AND t._key_hash = k._key_hash AND \(fragment: table.isKnown("t")) AND NOT EXISTS (
                SELECT FROM \(fragment: stage) s
                WHERE s._kind = 2 AND s._key_hash = t._key_hash AND s._valid_from = t._valid_from
                    AND s._valid_to IS NOT DISTINCT FROM t._valid_to AND s._is_deleted = t._is_deleted
                    AND s._scd1_hash = t._scd1_hash AND s._scd2_hash = t._scd2_hash
                    AND s._run_id = t._run_id\(fragment: same.joined(separator: "")))
            """
        return table.isBitemporal
            ? """
            UPDATE \(fragment: history) t SET _superseded_at = \(run.timestamp), \(fragment: touched)
            FROM \(fragment: stage) k WHERE \(fragment: isOutdated)
            """
            : "DELETE FROM \(fragment: history) t USING \(fragment: stage) k WHERE \(fragment: isOutdated)"
    }

    /// Adds the derived versions that the history does not hold.
    var addDerived: SQLText {
        add(
            """
            s._kind = 2 AND NOT EXISTS (
                SELECT FROM \(fragment: history) t
                WHERE t._key_hash = s._key_hash AND t._valid_from = s._valid_from AND \(fragment: table.isKnown("t")))
            """)
    }

    private func add(_ condition: SQLText) -> SQLText {
        let names = stored.map(\.name)
        let values = names.map { "s.\(identifier: $0)" as SQLText }
        let knowledge: SQLText = table.isBitemporal ? ", \(run.timestamp)" : ""
        return """
            INSERT INTO \(fragment: history) (\(identifiers: names),
                \(identifiers: SilverTable.foldedColumns(isBitemporal: table.isBitemporal)))
            SELECT \(fragment: values.joined(separator: ", ")), s._key_hash, s._scd1_hash, s._scd2_hash, s._valid_from,
                s._valid_to, s._is_deleted, s._run_id, s._run_timestamp, \(run.id), coalesce(s._created_at, \(now)),
                \(now)\(fragment: knowledge)
            FROM \(fragment: stage) s WHERE \(fragment: condition)
            """
    }
}
