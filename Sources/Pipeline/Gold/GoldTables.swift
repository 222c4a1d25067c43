import Postgres
import Primitives

/// The numbered tables of a script in schema `gold_data`: one at rest, two while a build is under way.
struct GoldTables: Sendable {
    let session: GoldSession

    private var script: GoldScript { session.script }

    /// The tables that stand, and all numbers that are not free.
    func existing() async throws -> (tables: [String], taken: Set<Int>) {
        let prefix = "\(script.name)__"
        let rows = try await session.query(
            """
            SELECT c.relname, c.relkind = 'r' FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = 'gold_data' AND c.relname ~ \("^\(prefix)[0-9]{1,3}$") ORDER BY c.relname
            """)
        var tables: [String] = []
        var taken: Set<Int> = []
        for row in rows {
            let name: String = try row.get(0)
            if let number = Int(name.dropFirst(prefix.count)) { taken.insert(number) }
            if try row.get(1, as: Bool.self) { tables.append(name) }
        }
        return (tables, taken)
    }

    /// Makes the table with the lowest free number, fills it, and adds its key.
    func create(beside taken: Set<Int>) async throws -> (name: String, rows: Int) {
        guard let number = (1...999).first(where: { !taken.contains($0) }) else {
            throw GoldError(
                script, "gold_data holds 999 tables of '\(script.name)'", hint: "drop those that no view reads")
        }
        let name = "\(script.name)__\(number)"
        // As a subquery the statement can be nothing but a query that reads, whatever the grammar made of it.
        let rows = try await session.execute(
            "CREATE TABLE \(table: "gold_data", name) AS SELECT * FROM (\n", script, "\n) AS result")
        if !script.key.isEmpty { try await addKey(to: name) }
        try await session.execute("ANALYZE \(table: "gold_data", name)")
        return (name, rows)
    }

    private func addKey(to table: String) async throws {
        let columns = try await session.query(
            """
            SELECT attname FROM pg_attribute WHERE attnum > 0 AND attrelid = (
                SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = 'gold_data' AND c.relname = \(table))
            ORDER BY attnum
            """
        ).map { try $0.get(0, as: String.self) }
        for column in script.key where !columns.contains(where: { $0.utf8.elementsEqual(column.utf8) }) {
            let nearest = nearestName(to: column, among: columns).map { "did you mean '\($0)'?" }
            throw GoldError(
                script, "key column '\(column)' is not in the result",
                hint: nearest ?? "the result has \(columns.joined(separator: ", "))")
        }
        do {
            try await session.execute(
                """
                ALTER TABLE \(table: "gold_data", table)
                ADD CONSTRAINT \(identifier: "\(table)_pk") PRIMARY KEY (\(identifiers: script.key))
                """)
        } catch let error as GoldError where error.sqlState == "23505" || error.sqlState == "23502" {
            let key = script.key.joined(separator: ", ")
            let what = error.sqlState == "23505" ? "is not unique in the result" : "is NULL in some row of the result"
            throw GoldError(
                script, "key (\(key)) \(what)", hint: "look with: SELECT \(key), count(*) FROM (…) GROUP BY \(key)",
                sqlState: error.sqlState)
        }
    }

    /// The view reads with the rights of its owner, who may be another than the role that builds.
    func allowReading(_ table: String, to owner: String?) async throws {
        guard let owner else { return }
        let current: String = try await session.query("SELECT current_user")[0].get(0)
        guard owner != current else { return }
        try await session.execute("GRANT SELECT ON \(table: "gold_data", table) TO \(identifier: owner)")
    }

    /// Drops the tables of earlier builds, which `gold.<name>` reads no more.
    func drop(_ tables: [String]) async throws {
        for table in tables {
            do {
                try await session.execute("DROP TABLE \(table: "gold_data", table)")
            } catch let error as GoldError where error.sqlState == "2BP01" {
                throw GoldError(
                    script, "something reads gold_data.\(table), which is to be replaced",
                    hint: "let it read gold.\(script.name) instead: numbered tables come and go",
                    sqlState: error.sqlState)
            }
        }
    }
}
