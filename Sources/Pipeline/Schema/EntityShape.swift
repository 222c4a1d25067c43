internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// By which definitions the open rows of an entity are filled and hashed: what `metadata.entity_shape` keeps.
///
/// Two shapes are equal when rows that were written under one of them compare rightly under the other.
struct EntityShape: Hashable, Sendable {
    /// One column, as far as values and hashes depend on it.
    struct Column: Hashable, Sendable {
        var name: String
        /// The form in which the value is hashed; types of one kind give equal hashes.
        var kind: String
        var role: String
        var isKey: Bool
        var isStored: Bool
        var path: [String]
        /// Format, default, null texts, trimming and time zone.
        var reading: JSONValue

        /// How its values are read, as the definitions of scopes and orders keep it.
        var definition: [JSONMember] {
            [
                JSONMember("path", .array(path.map { .string($0) })), JSONMember("kind", .string(kind)),
                JSONMember("reading", reading),
            ]
        }

        /// A kept definition for people: `/region (text)`.
        static func title(of definition: JSONValue) -> String {
            let path = (definition["path"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: "/")
            let reading = definition["reading"]?.text() ?? ""
            return "/\(path) (\(definition["kind"]?.stringValue ?? "")\(reading == "{}" ? "" : " \(reading)"))"
        }
    }

    /// The columns that are stored or part of the key, in byte order of their names, which is the order of hashing.
    let columns: [Column]

    init(_ columns: [Column]) {
        self.columns = columns.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The shape that the metadata asks for; `timezone` is the system's.
    init(of entity: Entity, timezone: String) {
        self.init(
            entity.columns.filter { $0.isStored || $0.isKey }.map {
                EntityShape.column($0, of: entity, timezone: timezone)
            })
    }

    private static func column(_ column: Metadata.Column, of entity: Entity, timezone: String) -> Column {
        Column(
            name: column.name, kind: kind(of: column.type), role: entity.role(of: column).rawValue,
            isKey: column.isKey, isStored: column.isStored, path: column.path,
            reading: reading(of: column, timezone: entity.timezone ?? timezone))
    }

    /// The column of that name, stored or not.
    static func column(named name: String?, of entity: Entity, timezone: String) -> Column? {
        entity.columns.first { $0.name == name }.map { column($0, of: entity, timezone: timezone) }
    }

    subscript(_ name: String) -> Column? { columns.first { $0.name.utf8.elementsEqual(name.utf8) } }

    /// The form in which values of a type are hashed.
    private static func kind(of type: ColumnType) -> String {
        switch type {
        case .smallint, .int, .bigint: "integer"
        case .string, .text: "text"
        default: type.name
        }
    }

    private static func reading(of column: Metadata.Column, timezone: String) -> JSONValue {
        var members: [JSONMember] = []
        if let format = column.format { members.append(JSONMember("format", .string(format))) }
        if let text = column.defaultText {
            members.append(JSONMember("default", .string(text)))
            members.append(JSONMember("default_for_null", .bool(!column.isNullable)))
        }
        if !column.nullValues.isEmpty {
            members.append(JSONMember("null_values", .array(column.nullValues.map { .string($0) })))
        }
        if column.trims { members.append(JSONMember("trim", .bool(true))) }
        if column.type == .timestamptz {
            members.append(JSONMember("timezone", .string(column.timezone ?? timezone)))
        }
        return .object(members)
    }

    /// What tells that two keys are made of the same values: everything of the key columns but their names.
    var key: [Column] {
        columns.filter(\.isKey).map { column in
            var column = column
            column.name = ""
            column.role = ""
            column.isStored = true
            return column
        }
    }

    /// `id (/id), region (/region)`.
    var keyTitle: String {
        let names = columns.filter(\.isKey).map { "\($0.name) (/\($0.path.joined(separator: "/")))" }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }

    // MARK: As it is kept

    /// Changes with the shape, and with the form of the hashes themselves.
    var hash: UUIDValue {
        var bytes = Array(json.text().utf8)
        bytes.append(RowHash.version)
        return XXH3.hash128(bytes.span)
    }

    var json: JSONValue {
        .array(
            columns.map { column in
                .object([
                    JSONMember("name", .string(column.name)), JSONMember("kind", .string(column.kind)),
                    JSONMember("role", .string(column.role)), JSONMember("key", .bool(column.isKey)),
                    JSONMember("stored", .bool(column.isStored)),
                    JSONMember("path", .array(column.path.map { .string($0) })),
                    JSONMember("reading", .string(column.reading.text())),
                ])
            })
    }

    /// A shape that was kept.
    init(json: JSONValue) throws {
        self.init(
            try (json.arrayValue ?? []).map { column in
                Column(
                    name: column["name"]?.stringValue ?? "", kind: column["kind"]?.stringValue ?? "",
                    role: column["role"]?.stringValue ?? "", isKey: column["key"]?.boolValue ?? false,
                    isStored: column["stored"]?.boolValue ?? false,
                    path: column["path"]?.arrayValue?.compactMap(\.stringValue) ?? [],
                    reading: try JSONReader.parse(column["reading"]?.stringValue ?? "{}"))
            })
    }
}

/// A shape in `metadata.entity_shape`.
struct RecordedShape: Sendable {
    let shape: EntityShape
    let hash: UUIDValue
    /// By which definitions bronze was read, each as it is kept: see `LogDefinitions`.
    var scopes: String?
    var orders: String?
    var times: String?

    /// The shapes of these entities that are kept, by entity.
    static func read(
        _ entities: [EntityID], on connection: PostgresConnection
    ) async throws -> [EntityID: RecordedShape] {
        let rows = try await connection.query(
            """
            SELECT s.system_id, s.entity_name, s.shape_hash, s.columns::text AS columns, s.scopes_by, s.orders_by,
                s.times_by
            FROM metadata.entity_shape s
            JOIN unnest(\(entities.map(\.system.rawValue)), \(entities.map(\.name))) AS e (system_id, entity_name)
                ON e.system_id = s.system_id AND e.entity_name = s.entity_name
            """)
        var shapes: [EntityID: RecordedShape] = [:]
        for row in rows {
            let id = EntityID(system: SystemID(rawValue: try row.get("system_id")), name: try row.get("entity_name"))
            shapes[id] = RecordedShape(
                shape: try EntityShape(json: JSONReader.parse(try row.get("columns", as: String.self))),
                hash: try row.get("shape_hash"), scopes: try row.get("scopes_by"), orders: try row.get("orders_by"),
                times: try row.get("times_by"))
        }
        return shapes
    }

    /// Keeps the shape of an entity.
    func write(for entity: EntityID, at now: Instant, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            INSERT INTO metadata.entity_shape (system_id, entity_name, shape_hash, columns, applied_at)
            VALUES (\(entity.system.rawValue), \(entity.name), \(hash), \(shape.json.text())::jsonb, \(now))
            ON CONFLICT (system_id, entity_name) DO UPDATE SET shape_hash = excluded.shape_hash,
                columns = excluded.columns, applied_at = excluded.applied_at
            """)
    }
}

extension RecordedShape {
    /// The shape of a table that is as the metadata says.
    init(_ shape: EntityShape) {
        self.init(shape: shape, hash: shape.hash)
    }

    /// A table of which nothing is kept: taken as if today's definitions had been in force for the columns it has,
    /// yet hashed anew.
    init(assuming shape: EntityShape, having names: Set<String>) {
        self.init(
            shape: EntityShape(shape.columns.filter { names.contains($0.name) || !$0.isStored }), hash: .zero)
    }
}
