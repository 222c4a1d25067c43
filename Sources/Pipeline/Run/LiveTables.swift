internal import Metadata
internal import Postgres

/// A table or view as it stands in the database.
struct LiveTable {
    /// A column, its type as `format_type` writes it.
    struct Column {
        var name: String
        var type: String
        var isRequired: Bool
        var comment: String?
    }

    var isView = false
    /// Empty after a crash of the server.
    var isUnlogged = false
    var comment: String?
    /// In the table's own order.
    var columns: [Column] = []
    /// CHECK constraints on one column each: the column, the constraint's name and definition.
    var checks: [(column: String, name: String, definition: String)] = []

    subscript(_ name: String) -> Column? { columns.first { $0.name.utf8.elementsEqual(name.utf8) } }
}

/// The tables that exist in our schemas, read with one set of catalogue queries for all of them.
struct LiveTables {
    private struct Name: Hashable {
        var schema: String
        var table: String
    }

    private var relations: [Name: LiveTable] = [:]
    private var indexes: Set<Name> = []
    private var functions: Set<Name> = []
    private(set) var schemas: Set<String> = []

    private static let isOurs: SQLText = """
        n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'audit', 'metadata', 'platform', 'gold',
            'gold_data')
        """

    static func read(on connection: PostgresConnection) async throws -> LiveTables {
        var live = LiveTables()
        let schemas = try await connection.query("SELECT nspname FROM pg_catalog.pg_namespace")
        live.schemas = Set(try schemas.map { try $0.get(0, as: String.self) })
        try await live.readRelations(on: connection)
        let indexes = try await connection.query(
            """
            SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'i' AND \(fragment: isOurs)
            """)
        live.indexes = Set(try indexes.map { Name(schema: try $0.get(0), table: try $0.get(1)) })
        let functions = try await connection.query(
            """
            SELECT n.nspname, p.proname FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE p.proname LIKE '%\\_asof' AND \(fragment: isOurs)
            """)
        live.functions = Set(try functions.map { Name(schema: try $0.get(0), table: try $0.get(1)) })
        return live
    }

    private mutating func readRelations(on connection: PostgresConnection) async throws {
        let columns = try await connection.query(
            """
            SELECT n.nspname, c.relname, c.relkind = 'v' AS is_view,
                c.relpersistence = 'u' AS is_unlogged, t.description AS table_comment, a.attname,
                pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, d.description
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_catalog.pg_description t ON t.classoid = 'pg_catalog.pg_class'::regclass AND t.objoid = c.oid
                AND t.objsubid = 0
            LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid
                AND d.objsubid = a.attnum
            WHERE c.relkind IN ('r', 'p', 'v') AND \(fragment: LiveTables.isOurs)
            ORDER BY c.oid, a.attnum
            """)
        for row in columns {
            let name = Name(schema: try row.get("nspname"), table: try row.get("relname"))
            relations[name, default: LiveTable()].columns.append(
                LiveTable.Column(
                    name: try row.get("attname"), type: try row.get("type"), isRequired: try row.get("attnotnull"),
                    comment: try row.get("description")))
            relations[name]?.isView = try row.get("is_view")
            relations[name]?.isUnlogged = try row.get("is_unlogged")
            relations[name]?.comment = try row.get("table_comment")
        }
        let checks = try await connection.query(
            """
            SELECT n.nspname, c.relname, a.attname, k.conname, pg_catalog.pg_get_constraintdef(k.oid) AS definition
            FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'c' AND cardinality(k.conkey) = 1 AND \(fragment: LiveTables.isOurs)
            """)
        for row in checks {
            let name = Name(schema: try row.get("nspname"), table: try row.get("relname"))
            relations[name]?.checks.append(
                (column: try row.get("attname"), name: try row.get("conname"), definition: try row.get("definition")))
        }
    }

    func has(_ schema: String, _ table: String) -> Bool { self.table(schema, table) != nil }

    /// The table of that name; nil where there is none.
    func table(_ schema: String, _ name: String) -> LiveTable? {
        relations[Name(schema: schema, table: name)].flatMap { $0.isView ? nil : $0 }
    }

    /// The view of that name; nil where there is none.
    func view(_ schema: String, _ name: String) -> LiveTable? {
        relations[Name(schema: schema, table: name)].flatMap { $0.isView ? $0 : nil }
    }

    func hasIndex(_ schema: String, _ name: String) -> Bool { indexes.contains(Name(schema: schema, table: name)) }

    func hasFunction(_ schema: String, _ name: String) -> Bool { functions.contains(Name(schema: schema, table: name)) }

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
        return relations.filter { ours.contains($0.key.schema) && !$0.value.isView }
            .map { "\($0.key.schema).\($0.key.table)" }.filter { !owned.contains($0) }.sorted()
    }
}
