internal import Metadata
internal import Postgres

/// The tables that exist in our schemas, read with two catalogue queries for all of them.
struct LiveTables {
    private struct Name: Hashable {
        var schema: String
        var table: String
    }

    private var columns: [Name: [String: (type: String, isRequired: Bool)]] = [:]
    private var indexes: [String: Set<String>] = [:]
    private(set) var schemas: Set<String> = []

    static func read(on connection: PostgresConnection) async throws -> LiveTables {
        var live = LiveTables()
        let schemas = try await connection.query("SELECT nspname FROM pg_catalog.pg_namespace")
        live.schemas = Set(try schemas.map { try $0.get(0, as: String.self) })
        let columns = try await connection.query(
            """
            SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                a.attnotnull
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%'
                AND n.nspname NOT IN ('information_schema', 'audit', 'metadata', 'platform', 'gold_data')
            """)
        for row in columns {
            let name = Name(schema: try row.get("nspname"), table: try row.get("relname"))
            live.columns[name, default: [:]][try row.get("attname")] = (
                try row.get("type"), try row.get("attnotnull")
            )
        }
        let indexes = try await connection.query(
            """
            SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'i' AND n.nspname NOT LIKE 'pg\\_%'
            """)
        for row in indexes { live.indexes[try row.get(0), default: []].insert(try row.get(1)) }
        return live
    }

    func has(_ schema: String, _ table: String) -> Bool { columns[Name(schema: schema, table: table)] != nil }

    /// How a silver table differs from what its entity wants: one line each, naming the table.
    func differences(from table: SilverTable) -> [String] {
        let found = columns[Name(schema: table.schema, table: table.name)] ?? [:]
        let place = "\(table.schema).\(table.name)"
        var wanted: [(name: String, type: String, isRequired: Bool)] = table.entity.storedColumns.map {
            ($0.name, SilverTable.type(of: $0), $0.isKey || !$0.isNullable)
        }
        for column in table.systemColumns {
            let type = column.type.split(separator: " ")[0]
            wanted.append(
                (
                    column.name, type == "timestamptz" ? "timestamp with time zone" : String(type),
                    column.type.hasSuffix("NOT NULL")
                ))
        }
        var lines: [String] = []
        for column in wanted {
            guard let live = found[column.name] else {
                lines.append("\(place) lacks column \(column.name) \(column.type)")
                continue
            }
            if live.type != column.type {
                lines.append("\(place).\(column.name) is \(live.type), the metadata says \(column.type)")
            }
            if live.isRequired != column.isRequired, column.name != "_is_current" {
                lines.append(
                    "\(place).\(column.name) is \(live.isRequired ? "NOT NULL" : "nullable"), the metadata says "
                        + (column.isRequired ? "NOT NULL" : "nullable"))
            }
        }
        let names = Set(wanted.map(\.name))
        for name in found.keys.sorted() where !names.contains(name) {
            lines.append("\(place) has column \(name), which the metadata does not name")
        }
        for index in ["_pk", "_open"] where !(indexes[table.schema] ?? []).contains(table.name + index) {
            lines.append("\(place) lacks its index \(table.name + index)")
        }
        return lines
    }

    /// Tables of bronze and silver that no entity of the catalogue owns.
    func orphans(of catalog: Catalog) -> [String] {
        var owned: Set<String> = []
        var ours: Set<String> = ["bronze", "silver"]
        for entity in catalog.entities {
            guard let system = catalog.system(entity.id.system) else { continue }
            ours.formUnion([system.schemas.bronze, system.schemas.silver])
            owned.insert("\(system.schemas.bronze).\(entity.id.table)")
            owned.insert("\(system.schemas.bronze).\(entity.id.table)__last")
            owned.insert("\(system.schemas.silver).\(entity.id.table)")
        }
        return columns.keys.filter { ours.contains($0.schema) }.map { "\($0.schema).\($0.table)" }
            .filter { !owned.contains($0) }.sorted()
    }
}
