internal import PlatformSQL
internal import Postgres

/// The server: its version, the settings that durability rests on, and our migrations.
struct ServerChecks {
    let pool: PostgresPool

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
            let table = try await connection.query("SELECT pg_catalog.to_regclass('platform.migration')::text")
            guard try table[0].get(0, as: String?.self) != nil else {
                return Finding(.fail, what, "the database has no medallion schema yet; 'medallion deploy' makes it")
            }
            let known = PlatformSQL.migrations
            let rows = try await connection.query(
                """
                SELECT k.name, m.name AS applied, m.checksum IS NOT DISTINCT FROM pg_catalog.encode(
                    pg_catalog.sha256(pg_catalog.convert_to(k.sql, 'UTF8')), 'hex') AS is_same
                FROM unnest(\(Array(1...known.count)), \(known.map(\.name)), \(known.map(\.sql))) AS k (number, name, sql)
                FULL JOIN platform.migration m ON m.number = k.number ORDER BY coalesce(k.number, m.number)
                """)
            for row in rows {
                let (name, applied) = (try row.get(0, as: String?.self), try row.get(1, as: String?.self))
                if name == nil {
                    return Finding(.fail, what, "\(applied ?? "one") is newer than this program; upgrade medallion")
                }
                if applied == nil {
                    return Finding(.fail, what, "\(name ?? "one") is not applied; 'medallion deploy' applies it")
                }
                if try !row.get(2, as: Bool.self) {
                    return Finding(.fail, what, "\(applied ?? "one") was applied with another text")
                }
            }
            return Finding(.ok, what, "\(rows.count) applied, none missing")
        }
    }
}
