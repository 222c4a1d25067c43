internal import Metadata
internal import Postgres

/// The last change of each key, kept in a table beside the log so that no batch has to look through the log.
///
/// Where the log tells all of it, the server keeps no record of its own of that table (UNLOGGED): writing it costs a third.
/// After a crash, or on a server restored from a copy of its files, such a table is empty; it is then made again from the
/// log, before anything is compared with it.
struct LastChanges {
    let table: BronzeTable

    /// What the log tells of a last change. Scopes it does not tell.
    static let columns: SQLText = """
        _key_hash, _doc_hash, _run_timestamp, _is_deleted, _by_absence, _effective_at, _applies_at, _order
        """

    /// These columns, made of `g`, a row of the log.
    static let values: SQLText = """
        g._key_hash, g._doc_hash, g._run_timestamp, g._change = 'delete', g._change = 'delete' AND g._raw_file = 0,
        g._effective_at, g._applies_at, g._order
        """

    /// A newer change takes the place of the last one.
    static let replacements: SQLText = """
        _doc_hash = excluded._doc_hash, _run_timestamp = excluded._run_timestamp,
        _is_deleted = excluded._is_deleted, _by_absence = excluded._by_absence,
        _effective_at = excluded._effective_at, _applies_at = excluded._applies_at, _order = excluded._order
        """

    /// What the tables of an entity hold.
    enum State {
        /// No batch has brought anything yet.
        case new
        /// Changes, and the last one of each key.
        case known
        /// Changes, while the last ones were lost in a crash.
        case lost
    }

    /// Looks at the tables.
    func state(on connection: PostgresConnection) async throws -> State {
        let row = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM \(fragment: table.log)), EXISTS (SELECT FROM \(fragment: table.last))
            """)[0]
        let (hasChanges, hasLast): (Bool, Bool) = (try row.get(0), try row.get(1))
        if hasLast { return .known }
        return hasChanges ? .lost : .new
    }

    /// Makes them again where they were lost.
    /// - Returns: What was found.
    /// - Throws: `StepError` where the log does not tell all of them: no crash takes these.
    @discardableResult
    func restore(on connection: PostgresConnection) async throws -> State {
        let found = try await state(on: connection)
        guard found == .lost else { return found }
        guard table.isLastInLog else {
            throw StepError(
                .internal,
                "the last changes of \(table.entity.id) are gone, and its log does not tell their scopes; "
                    + "make them again with 'medallion rebuild \(table.entity.id) --from raw'")
        }
        // In the order in which batches are applied: with an effective time that is the order of what counts.
        try await connection.execute(
            """
            INSERT INTO \(fragment: table.last) (\(fragment: LastChanges.columns))
            SELECT DISTINCT ON (g._key_hash) \(fragment: LastChanges.values) FROM \(fragment: table.log) g
            ORDER BY g._key_hash, coalesce(g._applies_at, g._run_timestamp) DESC, coalesce(g._order, '') DESC,
                g._run_timestamp DESC, g._raw_file DESC, g._record_no DESC
            """)
        return found
    }
}
