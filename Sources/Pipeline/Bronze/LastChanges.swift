internal import Metadata
internal import Postgres
internal import Primitives

/// The last change of each key, kept in a table beside the log so that no batch has to look through the log.
///
/// The log tells all of it, so the server keeps no record of its own of that table (UNLOGGED): writing it costs a third.
/// After a crash, on a server restored from a copy of its files, or when an entity's scopes change their meaning, such a table
/// is empty; it is then made again from the log, before anything is compared with it. Only the items of an exploded entity
/// have scopes that the log does not tell.
struct LastChanges {
    let table: BronzeTable
    /// The system's time zone: scopes are read as a batch's are.
    let timezone: String

    /// What the log tells of a last change, but for its scope.
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

    /// Newest change first within a key, in the order in which changes are applied: with an effective time that is the order of
    /// what counts.
    private static let order: SQLText = """
        g._key_hash, coalesce(g._applies_at, g._run_timestamp) DESC, coalesce(g._order, '') DESC,
        g._run_timestamp DESC, g._raw_file DESC, g._record_no DESC
        """

    /// What the tables of an entity hold.
    enum State {
        /// No batch has brought anything yet.
        case new
        /// Changes, and the last one of each key.
        case known
        /// Changes, while the last ones are gone.
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

    /// Makes them again where they are gone, within the transaction at hand.
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
        let scopes = try await ScopeReader(table.entity, timezone: timezone)?.stage(documents, on: connection)
        let join: SQLText = scopes.map { "LEFT JOIN \(fragment: $0) s ON s._key_hash = g._key_hash" } ?? ""
        try await connection.execute(
            """
            INSERT INTO \(fragment: table.last) (\(fragment: LastChanges.columns), _scope)
            SELECT DISTINCT ON (g._key_hash) \(fragment: LastChanges.values),
                \(fragment: scopes == nil ? "NULL::uuid" : "s._scope")
            FROM \(fragment: table.log) g \(fragment: join) ORDER BY \(fragment: LastChanges.order)
            """)
        if let scopes { try await connection.execute("DROP TABLE \(fragment: scopes)") }
        return found
    }

    /// (key hash, document) of each key, the last one.
    private var documents: SQLText {
        """
        SELECT DISTINCT ON (g._key_hash) g._key_hash, g.doc::text FROM \(fragment: table.log) g
        WHERE g.doc IS NOT NULL ORDER BY \(fragment: LastChanges.order)
        """
    }
}
