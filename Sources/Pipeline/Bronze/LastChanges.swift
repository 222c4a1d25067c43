internal import Metadata
internal import Postgres

/// The last change of each key, kept in a table beside the log so that no batch has to look through a log that has grown.
///
/// A log that has hardly more to read than that table would have tells them itself, and the table stays empty (ADR 0033).
/// Where the log tells all of it, the server keeps no record of its own of the table (UNLOGGED): writing it costs a third.
/// After a crash, or on a server restored from a copy of its files, it is empty, too; nothing is lost by that.
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

    /// Where the last changes of an entity are.
    enum State {
        /// Nowhere: no batch has brought anything yet.
        case new
        /// In their table.
        case kept
        /// In the log alone.
        case inLog
    }

    /// True where a batch can ask the log itself; with an effective time, the last change to come need not be the one that counts.
    var canStayInLog: Bool { table.isLastInLog && table.entity.effectiveTimeColumn == nil }

    /// True where reading the log as a whole would cost the batch so much more than reading the table that this is worth
    /// keeping: its rows take about 90 bytes.
    func areWorthKeeping(for batch: Batch, on connection: PostgresConnection) async throws -> Bool {
        let bytes: Int = try await connection.query(
            "SELECT pg_catalog.pg_relation_size(\(literal: table.log.text)::regclass)")[0].get(0)
        return try await bytes > (1 << 20) + 700 * keys(of: batch, on: connection)
    }

    /// So many keys are looked up in the log one by one; for more, the last changes are brought into their table, which reads
    /// the log as a whole.
    func mostLookedUp(for batch: Batch, on connection: PostgresConnection) async throws -> Int {
        try await max(100_000, keys(of: batch, on: connection) / 50)
    }

    /// The records of the largest batch, which are taken for the number of keys.
    private func keys(of batch: Batch, on connection: PostgresConnection) async throws -> Int {
        let largest: Int = try await connection.query(
            """
            SELECT coalesce(max(nr_records), 0) FROM audit.raw_batch
            WHERE system_id = \(batch.entity.system.rawValue) AND entity_name = \(batch.entity.name)
                AND state IN ('normalized', 'merged')
            """)[0].get(0)
        return max(largest, batch.loadType == .full ? batch.records : 0)
    }

    /// About so many are in their table, as the server's statistics tell without a lock; 0 where they tell nothing.
    func estimatedCount(on connection: PostgresConnection) async throws -> Int {
        try await connection.query(
            """
            SELECT coalesce(pg_catalog.pg_stat_get_live_tuples(to_regclass(\(literal: table.last.text))), 0)
            """)[0].get(0)
    }

    /// Looks at the tables.
    func state(on connection: PostgresConnection) async throws -> State {
        let row = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM \(fragment: table.log)), EXISTS (SELECT FROM \(fragment: table.last))
            """)[0]
        let (hasChanges, hasLast): (Bool, Bool) = (try row.get(0), try row.get(1))
        if hasLast { return .kept }
        return hasChanges ? .inLog : .new
    }

    /// Brings them into their table where they are in the log alone.
    /// - Returns: Where they were.
    @discardableResult
    func keep(on connection: PostgresConnection) async throws -> State {
        let found = try await state(on: connection)
        if found == .inLog { try await restore(on: connection) }
        return found
    }

    /// Brings them into their empty table.
    /// - Throws: `StepError` where the log does not tell all of them.
    func restore(on connection: PostgresConnection) async throws {
        let needsNoScope = table.entity.explosion == nil && !ScopeDefinition.matters(to: table.entity)
        guard table.isLastInLog || needsNoScope else {
            throw StepError(
                .internal,
                "the last changes of \(table.entity.id) are not in their table, and its log does not tell their scopes; "
                    + "make them again with 'medallion rebuild \(table.entity.id) --from raw'")
        }
        try await connection.execute(
            "INSERT INTO \(fragment: table.last) (\(fragment: LastChanges.columns)) \(fragment: allInLog)")
    }

    /// Of several rows `g` of the log with the same key, the one that counts comes first: in the order in which batches are applied,
    /// with an effective time in that of what counts. A log may tell of effective times that the entity had once.
    private var newestFirst: SQLText {
        let time: SQLText = "coalesce(g._applies_at, g._run_timestamp) DESC, coalesce(g._order, '') DESC"
        let run: SQLText = "g._run_timestamp DESC"
        let order = table.entity.effectiveTimeColumn == nil ? [run, time] : [time, run]
        return "\(fragment: order.joined(separator: ", ")), g._raw_file DESC, g._record_no DESC"
    }

    /// Made of the whole log.
    private var allInLog: SQLText {
        """
        SELECT DISTINCT ON (g._key_hash) \(fragment: LastChanges.values) FROM \(fragment: table.log) g
        ORDER BY g._key_hash, \(fragment: newestFirst)
        """
    }

    /// A table or a subquery that has them, from wherever they are.
    func current(on connection: PostgresConnection) async throws -> SQLText {
        try await state(on: connection) == .kept
            ? table.last : "(\(fragment: allInLog)) AS l (\(fragment: LastChanges.columns))"
    }

    /// Each record of `staged` with the last change of its key, NULL where there is none: from their table, or looked up in the
    /// log. Staged keys are distinct.
    func joined(to staged: SQLText, _ state: State) -> SQLText {
        guard state == .inLog else {
            return """
                SELECT s._ordinal, s._is_delete, s._doc_hash, l._key_hash AS last_key, l._doc_hash AS last_doc,
                    l._is_deleted AS last_is_deleted, l._by_absence AS last_by_absence
                FROM \(fragment: staged) s LEFT JOIN \(fragment: table.last) l ON l._key_hash = s._key_hash
                WHERE s._reject_reason IS NULL
                """
        }
        return """
            SELECT DISTINCT ON (s._key_hash) s._ordinal, s._is_delete, s._doc_hash, g._key_hash AS last_key,
                g._doc_hash AS last_doc, g._change = 'delete' AS last_is_deleted,
                g._change = 'delete' AND g._raw_file = 0 AS last_by_absence
            FROM \(fragment: staged) s LEFT JOIN \(fragment: table.log) g ON g._key_hash = s._key_hash
            WHERE s._reject_reason IS NULL ORDER BY s._key_hash, \(fragment: newestFirst)
            """
    }
}
