internal import Postgres

/// The server: its version, the settings that durability rests on, and our migrations.
struct ServerChecks {
    let pool: PostgresPool
    let platform: Migrations

    func findings() async throws -> [Finding] {
        let row = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
                    current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
                    current_setting('full_page_writes') AS full_page_writes,
                    current_setting('data_checksums') AS data_checksums
                """)
        }[0]
        let number: Int = try row.get("number")
        return [
            Finding(
                number >= 140_000 ? .ok : .fail, "server",
                "PostgreSQL \(try row.get("version", as: String.self))" + (number >= 140_000 ? "" : "; 14 is needed")),
            try setting(row, "fsync", "a crash of the machine may destroy the database"),
            try setting(row, "synchronous_commit", "a crash may lose the last runs; they are then loaded again"),
            try setting(row, "full_page_writes", "a crash of the machine may damage pages"),
            try setting(row, "data_checksums", "damaged disk blocks go unnoticed; pg_checksums turns them on"),
        ]
    }

    private func setting(_ row: PostgresRow, _ name: String, _ consequence: String) throws -> Finding {
        let value: String = try row.get(name)
        guard value == "off" else { return Finding(.ok, "server setting \(name)", value) }
        return Finding(.warn, "server setting \(name)", "off: \(consequence)")
    }

    /// Compares what was applied with what this version knows.
    func migrations() async throws -> Finding {
        let what = "migrations"
        return try await pool.withConnection { connection in
            guard let applied = try await platform.applied(on: connection) else {
                return Finding(.fail, what, "the database has no medallion schema yet; 'medallion deploy' makes it")
            }
            do {
                if let missing = try platform.missing(in: applied).first {
                    return Finding(.fail, what, "\(missing.name) is not applied; 'medallion deploy' applies it")
                }
            } catch let error as PostgresError {
                return Finding(.fail, what, error.description)
            }
            return Finding(.ok, what, "\(applied.count) applied, none missing")
        }
    }
}
