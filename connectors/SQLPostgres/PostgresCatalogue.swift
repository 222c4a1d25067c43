import ConnectorKit
import Metadata
import Postgres

/// What the database's own catalogue tells: which tables there are, and what the user may read.
struct PostgresCatalogue {
    let connection: PostgresConnection
    let server: PostgresServer

    /// Tables, views, materialized views, foreign and partitioned tables; no partitions of their own.
    private static let relations: SQLText = """
        pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
        """
    private static let ofUsers: SQLText = """
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND NOT c.relispartition
        """

    /// Lines for people: who we are, how the connection is protected, and how much may be read.
    func greeting() async throws -> [String] {
        let session = try await connection.query(
            """
            SELECT pg_catalog.current_setting('server_version'),
                coalesce((SELECT version FROM pg_catalog.pg_stat_ssl WHERE ssl AND pid = pg_catalog.pg_backend_pid()), '')
            """)
        let counts = try await connection.query(
            """
            SELECT pg_catalog.count(*) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT')
                AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')), pg_catalog.count(*)
            FROM \(fragment: Self.relations) \(fragment: Self.ofUsers)
            """)
        let version = try session[0].get(0, as: String.self).prefix { $0 != " " }
        let protection = try session[0].get(1, as: String.self)
        return [
            "PostgreSQL \(version) as \(server.title), \(protection.isEmpty ? "unencrypted" : protection)",
            "may read \(try counts[0].get(0, as: Int.self)) of \(try counts[0].get(1, as: Int.self)) tables and views",
        ]
    }

    /// - Throws: `ConnectorError` with the nearest name where there is no such table.
    func require(_ schema: String, _ name: String) async throws {
        let names = try await connection.query(
            """
            SELECT n.nspname, c.relname FROM \(fragment: Self.relations) AND n.nspname = \(schema)
            ORDER BY c.relname COLLATE pg_catalog."C"
            """
        ).map { try $0.get(1, as: String.self) }
        if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { return }
        guard names.isEmpty else { throw unknownName("table in schema '\(schema)' named", name, among: names) }
        let schemas = try await connection.query(
            """
            SELECT DISTINCT n.nspname COLLATE pg_catalog."C" FROM \(fragment: Self.relations) \(fragment: Self.ofUsers)
            ORDER BY 1
            """
        ).map { try $0.get(0, as: String.self) }
        throw unknownName("schema with tables named", schema, among: schemas)
    }

    /// Drafts of entities, by schema and name.
    func entities() async throws -> [DiscoveredEntity] {
        let found = try await connection.query(
            """
            SELECT n.nspname AS schema, c.relname AS name, a.attname AS column_name,
                coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '') AS table_comment,
                coalesce(pg_catalog.col_description(c.oid, a.attnum), '') AS column_comment,
                a.attnotnull AS is_required, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                pg_catalog.format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END,
                    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) AS base_type,
                coalesce(pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum), -1) AS key_position
            FROM \(fragment: Self.relationsWithColumns)
            WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') \(fragment: Self.ofUsers)
                AND a.attnum > 0 AND NOT a.attisdropped
                AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            ORDER BY n.nspname COLLATE pg_catalog."C", c.relname COLLATE pg_catalog."C", a.attnum
            """)
        var drafts: [CatalogueDraft] = []
        var keys: [(position: Int, name: String)] = []
        func endDraft() {
            guard !drafts.isEmpty else { return }
            drafts[drafts.count - 1].key = keys.sorted { $0.position < $1.position }.map(\.name)
            keys = []
        }
        for row in found {
            let schema = try row.get("schema", as: String.self)
            let name = try row.get("name", as: String.self)
            let isOwn = schema.utf8.elementsEqual(server.schema.utf8)
            let table = RelationName.text(isOwn ? [name] : [schema, name])
            if drafts.last?.table != table {
                endDraft()
                drafts.append(
                    CatalogueDraft(
                        table: table, nameParts: isOwn ? [name] : [schema, name],
                        description: try row.get("table_comment")))
            }
            let column = try row.get("column_name", as: String.self)
            drafts[drafts.count - 1].add(
                column, Self.type(try row.get("base_type")), isNullable: try !row.get("is_required"),
                description: try row.get("column_comment"))
            let position = try row.get("key_position", as: Int.self)
            if position >= 0 { keys.append((position, column)) }
        }
        endDraft()
        return drafts.map(\.entity)
    }

    private static let relationsWithColumns: SQLText = """
        pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
        """

    /// The silver type that takes every value of a type as `format_type` spells it: `numeric(12,2)`.
    static func type(_ declared: String) -> ColumnType {
        let name = declared.prefix { $0 != "(" }.split(separator: " ").joined(separator: " ")
        let numbers = declared.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }.split(separator: ",")
            .compactMap { Int($0) }
        if declared.hasSuffix("]") { return .json }
        switch name {
        case "smallint": return .smallint
        case "integer": return .int
        case "bigint": return .bigint
        case "real", "double precision": return .double
        case "numeric":
            guard numbers.count == 2, numbers[1] >= 0, numbers[1] <= numbers[0] else {
                return .numeric(precision: nil, scale: nil)
            }
            return .numeric(precision: numbers[0], scale: numbers[1])
        case "money": return .numeric(precision: nil, scale: nil)
        case "boolean": return .boolean
        case "date": return .date
        case "uuid": return .uuid
        case "bytea": return .binary
        case "json", "jsonb", "hstore": return .json
        case "character varying", "character": return numbers.first.map { .string(length: $0) } ?? .text
        default: break
        }
        if name == "time" { return declared.hasSuffix("with time zone") ? .text : .time }
        if name == "time without time zone" { return .time }
        if name.hasPrefix("timestamp") { return declared.hasSuffix("with time zone") ? .timestamptz : .timestamp }
        return .text
    }
}
