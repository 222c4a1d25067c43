internal import Postgres

/// Emptying tables.
enum EmptyTable {
    private static let small = 1 << 20

    /// Empties a work table: DELETE while it is small, TRUNCATE (11 ms whatever its size) when it is not.
    ///
    /// Either holds the table until the transaction ends: a deployment may not take it away before it is written.
    static func make(_ table: SQLText, on connection: PostgresConnection) async throws {
        let isSmall = try await size(of: table, on: connection) <= small
        try await connection.execute("\(verbatim: isSmall ? "DELETE FROM" : "TRUNCATE") \(fragment: table)")
    }

    /// Frees what a transaction that was rolled back has left in a table without rows: whoever reads the table would have to
    /// pass all of it.
    static func clear(_ table: SQLText, on connection: PostgresConnection) async throws {
        guard try await size(of: table, on: connection) > small else { return }
        try await connection.execute("LOCK TABLE \(fragment: table) IN ACCESS EXCLUSIVE MODE")
        guard try await connection.query("SELECT 1 FROM \(fragment: table) LIMIT 1").isEmpty else { return }
        try await connection.execute("TRUNCATE \(fragment: table)")
    }

    /// Bytes of the table's rows.
    private static func size(of table: SQLText, on connection: PostgresConnection) async throws -> Int {
        try await connection.query(
            "SELECT pg_catalog.pg_relation_size(\(literal: table.text)::regclass)")[0].get(0, as: Int.self)
    }
}
