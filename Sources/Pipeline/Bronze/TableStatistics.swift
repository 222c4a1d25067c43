internal import Postgres

/// What the server must know of a table that has grown before it looks up many keys in it.
///
/// Of one that was never analyzed it takes a row in 200 for open, or each key for one that stands there a thousand times; so it
/// would read the table rather than look the keys up. Its own analysis comes a minute behind the first load: see ADR 0036.
enum TableStatistics {
    /// Fewer keys are looked up one by one anyway.
    private static let fewestKeys = 500

    /// Has the server look at some hundred rows of a silver history, unless it did before.
    static func make(of table: SilverTable, lookingUp keys: Int, on connection: PostgresConnection) async throws {
        try await make(table.history, "_key_hash, _valid_to", keys, on: connection)
    }

    /// Has the server look at some hundred rows of a bronze log, unless it did before.
    static func make(of table: BronzeTable, lookingUp keys: Int, on connection: PostgresConnection) async throws {
        try await make(table.log, "_key_hash, _run_timestamp", keys, on: connection)
    }

    private static func make(
        _ table: SQLText, _ columns: SQLText, _ keys: Int, on connection: PostgresConnection
    ) async throws {
        guard keys >= fewestKeys else { return }
        // What a transaction was told once it is told again, though it was done since.
        try await connection.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
        let name: SQLText = "\(literal: table.text)::regclass"
        let isUnknown: Bool = try await connection.query(
            """
            SELECT pg_catalog.pg_stat_get_last_analyze_time(\(fragment: name)) IS NULL
                AND pg_catalog.pg_stat_get_last_autoanalyze_time(\(fragment: name)) IS NULL
                AND EXISTS (SELECT FROM \(fragment: table))
            """)[0].get(0)
        guard isUnknown else { return }
        // What is known of some columns only does not keep the server from its own analysis.
        try await connection.execute("SET LOCAL default_statistics_target = 3")
        try await connection.execute("ANALYZE \(fragment: table) (\(fragment: columns))")
        try await connection.execute("SET LOCAL default_statistics_target TO DEFAULT")
    }
}
