import ConnectorKit
import Postgres
import Primitives

/// The columns of a statement, and how each row of its binary COPY becomes a line of JSON.
struct PostgresRows: Sendable {
    struct Column: Sendable {
        var name: String
        /// The column in a statement over `q`.
        var expression: String
        /// The same as COPY shall send it.
        var selected: String
        var form: PostgresForm
        /// The type as a statement writes it.
        var typeName: String
        var isNullable: Bool
        var order: SQLOrder
    }

    private let columns: [Column]
    private let members: MemberNames

    init(_ columns: [Column]) {
        self.columns = columns
        members = MemberNames(columns.map(\.name))
    }

    /// Asks the server for names and types.
    static func describe(
        _ from: SQLTemplate, _ bindings: PostgresBindings, _ wanted: [String]?, on connection: PostgresConnection
    ) async throws -> PostgresRows {
        let head = try await connection.query(
            SQLText(verbatim: bindings.rendered("SELECT * FROM " + from + " AS q LIMIT 0")))
        let names = head.columnNames
        if let name = MemberNames.repeated(names) {
            throw ConnectorError("two columns are called '\(name)'", hint: "give one of them another name by AS")
        }
        guard !names.isEmpty else { throw ConnectorError("it has no columns", hint: "read something that has some") }
        let types = try await types(head.columnTypes, on: connection)
        let notNull = try await notNull(from, on: connection)
        var columns = zip(names, head.columnTypes).map { name, oid in
            Column(name, types[oid], isNullable: !notNull.contains(Array(name.utf8)))
        }
        if let wanted {
            let all = PostgresRows(columns)
            columns = try wanted.map { try all.column(named: $0, as: "column") }
        }
        return PostgresRows(columns)
    }

    /// - Throws: `ConnectorError` with the nearest name that there is.
    func column(named name: String, as what: String) throws -> Column {
        guard let column = columns.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw unknownName(what, name, among: columns.map(\.name))
        }
        return column
    }

    /// SELECT of all columns with these conditions.
    func statement(_ from: SQLTemplate, _ conditions: [SQLTemplate]) -> SQLTemplate {
        "SELECT \(columns.map(\.selected).joined(separator: ", ")) FROM " + from + " AS q"
            + SQLTemplate(allOf: conditions)
    }

    /// Appends the reader's current row as a line.
    func append(_ reader: BinaryRowReader, to lines: inout [UInt8]) {
        for index in columns.indices {
            lines.append(contentsOf: members.prefixes[index])
            reader.withField(index) { field in
                if let field { columns[index].form.append(field, to: &lines) } else { lines.appendNull() }
            }
        }
        lines.append(contentsOf: [0x7D, 0x0A])
    }

    /// Types by their number: domains as what they are made of, enums as text.
    private static func types(_ oids: [UInt32], on connection: PostgresConnection) async throws -> [UInt32: TypeName] {
        let wanted = Set(oids).map { Int64($0) }
        let found = try await connection.query(
            """
            WITH RECURSIVE base AS (
                SELECT oid AS asked, oid, typtype, typbasetype FROM pg_catalog.pg_type
                WHERE oid::pg_catalog.int8 = ANY(\(wanted))
                UNION ALL
                SELECT b.asked, t.oid, t.typtype, t.typbasetype FROM base b
                JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
            SELECT asked::pg_catalog.int8 AS asked, oid::pg_catalog.int8 AS oid, typtype = 'e' AS is_enum,
                pg_catalog.format_type(asked, -1) AS name
            FROM base WHERE typtype <> 'd'
            """)
        var types: [UInt32: TypeName] = [:]
        for row in found {
            types[UInt32(try row.get("asked", as: Int64.self))] = TypeName(
                oid: UInt32(try row.get("oid", as: Int64.self)), isEnum: try row.get("is_enum"),
                name: try row.get("name"))
        }
        return types
    }

    /// Columns of a table that cannot be NULL; of a query nobody knows.
    private static func notNull(_ from: SQLTemplate, on connection: PostgresConnection) async throws -> Set<[UInt8]> {
        let table = from.rendered { $0.name }
        guard !table.hasPrefix("(") else { return [] }
        let found = try await connection.query(
            """
            SELECT attname FROM pg_catalog.pg_attribute
            WHERE attrelid = pg_catalog.to_regclass(\(table)) AND attnum > 0 AND attnotnull AND NOT attisdropped
            """)
        return Set(try found.map { Array(try $0.get(0, as: String.self).utf8) })
    }

    struct TypeName: Sendable {
        var oid: UInt32
        var isEnum: Bool
        var name: String
    }
}

extension PostgresRows.Column {
    fileprivate init(_ name: String, _ type: PostgresRows.TypeName?, isNullable: Bool) {
        self.name = name
        self.isNullable = isNullable
        let quoted = "q." + SQLDialect.postgres.quoted(name)
        expression = quoted
        typeName = type?.name ?? "pg_catalog.text"
        order = .other
        selected = quoted
        switch type?.oid ?? 0 {
        case 16: form = .boolean
        case 20, 21, 23: (form, order) = (.integer, .number)
        case 700: (form, order) = (.float, .number)
        case 701: (form, order) = (.double, .number)
        case 1700: (form, order) = (.numeric, .number)
        case 25, 1042, 1043, 19: (form, order) = (.text, .text)
        case 2950: (form, order) = (.uuid, .uuid)
        case 1082: (form, order) = (.date, .date)
        case 1114: (form, order) = (.timestamp, .localTime)
        case 1184: (form, order) = (.timestamptz, .instant)
        case 114: form = .json
        case 3802: form = .jsonb
        case 17: form = .binary
        case 790: (form, selected) = (.numeric, "\(quoted)::pg_catalog.numeric")
        default:
            guard type?.isEnum != true else {
                form = .text
                return
            }
            (form, selected) = (.json, "pg_catalog.to_json(\(quoted))")
        }
    }
}
