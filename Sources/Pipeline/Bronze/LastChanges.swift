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

    /// What a batch compares itself with, made of `g`, a row of the log.
    static let flags: SQLText = """
        g._doc_hash, g._change = 'delete' AS _is_deleted, g._change = 'delete' AND g._raw_file = 0 AS _by_absence
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

    /// Makes the table where reading the log as a whole costs full loads so much more that it is worth keeping: its rows take
    /// about 90 bytes.
    /// - Parameter keys: Keys in the log.
    func keepIfWorth(keys: Int, on connection: PostgresConnection) async throws {
        let logBytes = try await connection.query(
            "SELECT pg_catalog.pg_relation_size(\(literal: table.log.text)::regclass)")[0].get(0, as: Int.self)
        if logBytes > (1 << 20) + 800 * keys { try await restore(on: connection) }
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
    /// - Returns: What was found.
    /// - Throws: `StepError` where the log does not tell all of them: no crash takes these.
    @discardableResult
    func restore(on connection: PostgresConnection) async throws -> State {
        let found = try await state(on: connection)
        guard found == .inLog else { return found }
        guard table.isLastInLog else {
            throw StepError(
                .internal,
                "the last changes of \(table.entity.id) are gone, and its log does not tell their scopes; "
                    + "make them again with 'medallion rebuild \(table.entity.id) --from raw'")
        }
        try await connection.execute(
            "INSERT INTO \(fragment: table.last) (\(fragment: LastChanges.columns)) \(fragment: allInLog)")
        return found
    }

    /// Made of the whole log. In the order in which batches are applied: with an effective time that is the order of what counts.
    var allInLog: SQLText {
        """
        SELECT DISTINCT ON (g._key_hash) \(fragment: LastChanges.values) FROM \(fragment: table.log) g
        ORDER BY g._key_hash, coalesce(g._applies_at, g._run_timestamp) DESC, coalesce(g._order, '') DESC,
            g._run_timestamp DESC, g._raw_file DESC, g._record_no DESC
        """
    }

    /// A table or a subquery that has them, from wherever they are.
    func current(on connection: PostgresConnection) async throws -> SQLText {
        try await state(on: connection) == .inLog
            ? "(\(fragment: allInLog)) AS l (\(fragment: LastChanges.columns))" : table.last
    }

    /// The last change of each staged key that the log knows. In the order of the keys: the log's key is then walked from one end
    /// to the other.
    var stagedInLog: SQLText {
        """
        (SELECT DISTINCT ON (g._key_hash) g._key_hash, \(fragment: LastChanges.flags)
        FROM (SELECT _key_hash FROM \(fragment: table.stage) ORDER BY _key_hash) k JOIN \(fragment: table.log) g ON g._key_hash = k._key_hash
        ORDER BY g._key_hash, g._run_timestamp DESC, g._raw_file DESC, g._record_no DESC)
        """
    }
}
