import ConnectorKit
import Foundation
import Metadata
import Postgres

/// One landing: its statements, and the way of their rows into raw files.
struct PostgresLanding {
    private let entity: Entity
    private let source: SQLSource
    private let window: SQLWindow
    private let server: PostgresServer

    init(_ entity: Entity, _ source: SQLSource, _ window: LoadWindow, _ server: PostgresServer) {
        self.entity = entity
        self.source = source
        self.window = SQLWindow(entity, window)
        self.server = server
    }

    func run(on connection: PostgresConnection, into writer: inout RawWriter) async throws {
        let source = try source.checked()
        let (from, condition, limitsItself) = try await relation(source, connection)
        var bindings = PostgresBindings(window)
        try bindings.bind(namedIn: from)
        if let condition { try bindings.bind(namedIn: condition) }
        try await bindings.set(on: connection)
        let rows = try await PostgresRows.describe(from, bindings, source.columns, on: connection)
        var conditions = [condition].compactMap { $0 }
        if window.isLimited, !limitsItself {
            if let limit = try limit(rows, &bindings, &writer) { conditions.append(limit) }
        }
        writer.note(
            request: "postgres \(server.title): " + rows.statement(from, conditions).rendered { ":\($0.name)" }
                + window.note)
        var files = RowFiles()
        guard let chunkRows = source.chunkRows else {
            try await copy(rows, from, conditions, bindings, connection, &files, &writer)
            return try files.close(&writer)
        }
        let keys = try KeyChunk.names(of: entity).map { try rows.column(named: $0, as: "key column") }
        let chunk = KeyChunk(
            columns: keys.map { .init(expression: $0.expression, isNullable: $0.isNullable) }, nullsFirst: false)
        var last: [String?]?
        while true {
            try Task.checkCancellation()
            var inside = conditions
            if let last {
                for (index, key) in keys.enumerated() { bindings.bind(.after(index), last[index], as: key.typeName) }
                inside.append(chunk.after(last.map { $0 == nil }))
            }
            let end = try await end(of: chunk, from, inside, bindings, chunkRows, connection)
            if let end {
                for (index, key) in keys.enumerated() { bindings.bind(.through(index), end[index], as: key.typeName) }
                inside.append(chunk.through(end.map { $0 == nil }))
            }
            try await copy(rows, from, inside, bindings, connection, &files, &writer)
            guard let end else { return try files.close(&writer) }
            last = end
        }
    }

    /// What stands behind FROM, the user's condition on it, and whether they name `:from`.
    private func relation(
        _ source: SQLSource, _ connection: PostgresConnection
    ) async throws -> (SQLTemplate, SQLTemplate?, Bool) {
        if let query = source.query {
            let template = try SQLTemplate(query, .postgres, attribute: "source.query")
            return ("(" + template + "\n)", nil, template.uses(.from))
        }
        let name = try RelationName(source.table ?? "")
        let schema = name.schema ?? server.schema
        try await PostgresCatalogue(connection: connection, server: server).require(schema, name.name)
        let dialect = SQLDialect.postgres
        let table = SQLTemplate(text: dialect.quoted(schema) + "." + dialect.quoted(name.name))
        guard let condition = source.where else { return (table, nil, false) }
        let template = try SQLTemplate(condition, .postgres, attribute: "source.where")
        return (table, "(" + template + "\n)", template.uses(.from))
    }

    /// The condition that keeps a delta load to its window.
    private func limit(
        _ rows: PostgresRows, _ bindings: inout PostgresBindings, _ writer: inout RawWriter
    ) throws -> SQLTemplate? {
        guard let cursor = window.cursor, cursor.path.count == 1 else {
            // Within a JSON value: only the pipeline can find it there.
            writer.noteUnfiltered()
            return nil
        }
        let column = try rows.column(named: cursor.path[0], as: "cursor column")
        guard let limit = try window.limit(column.order) else {
            writer.noteUnfiltered()
            return nil
        }
        if !limit.isExact { writer.noteUnfiltered() }
        let type: String
        switch (column.order, limit.lower) {
        case (.number, .integer): type = "pg_catalog.int8"
        case (.number, .decimal): type = "pg_catalog.numeric"
        case (.number, _): type = "pg_catalog.float8"
        case (.text, _): type = "pg_catalog.text"
        default: type = column.typeName
        }
        // The pipeline finds the greatest cursor by bytes, so bytes decide here too.
        let name = column.expression + (column.order == .text ? " COLLATE pg_catalog.\"C\"" : "")
        bindings.bind(.lower, limit.lower, as: type)
        var condition = "\(name) >= " + SQLTemplate([.parameter(.lower)])
        if let upper = limit.upper {
            bindings.bind(.upper, upper, as: type)
            condition = condition + " AND \(name) <= " + SQLTemplate([.parameter(.upper)])
        }
        return condition
    }

    /// The key that ends the next chunk; nil where it is the last one.
    private func end(
        of chunk: KeyChunk, _ from: SQLTemplate, _ conditions: [SQLTemplate], _ bindings: PostgresBindings,
        _ rows: Int, _ connection: PostgresConnection
    ) async throws -> [String?]? {
        let names = chunk.columns.map { "\($0.expression)::pg_catalog.text" }.joined(separator: ", ")
        let statement =
            "SELECT \(names) FROM " + from + " AS q" + SQLTemplate(allOf: conditions)
            + " ORDER BY \(chunk.order) LIMIT 1 OFFSET \(rows - 1)"
        try await bindings.set(on: connection)
        let found = try await connection.query(SQLText(verbatim: bindings.rendered(statement)))
        return try found.first.map { row in try chunk.columns.indices.map { try row.get($0, as: String?.self) } }
    }

    private func copy(
        _ rows: PostgresRows, _ from: SQLTemplate, _ conditions: [SQLTemplate], _ bindings: PostgresBindings,
        _ connection: PostgresConnection, _ files: inout RowFiles, _ writer: inout RawWriter
    ) async throws {
        try await bindings.set(on: connection)
        let statement = "COPY (" + rows.statement(from, conditions) + ") TO STDOUT (FORMAT binary)"
        try await connection.beginCopyOut(SQLText(verbatim: bindings.rendered(statement)))
        var lines: [UInt8] = []
        while let chunk = try await connection.nextCopyChunk() {
            try Task.checkCancellation()
            lines.removeAll(keepingCapacity: true)
            var reader = BinaryRowReader(chunk)
            while reader.next() { rows.append(reader, to: &lines) }
            try files.append(lines, into: &writer)
        }
    }
}

/// Values of a landing: set in the session by bound parameters, read in its statements by name.
///
/// COPY takes no parameters (https://www.postgresql.org/docs/current/sql-copy.html), so they stand beside it.
struct PostgresBindings {
    private var values: [SQLParameter: (text: String, type: String)] = [:]
    private let window: SQLWindow

    init(_ window: SQLWindow) { self.window = window }

    mutating func bind(_ parameter: SQLParameter, _ value: SQLValue, as type: String) {
        values[parameter] = (Self.text(value), type)
    }

    /// NULL is not bound: a condition says IS NULL instead.
    mutating func bind(_ parameter: SQLParameter, _ text: String?, as type: String) {
        if let text { values[parameter] = (text, type) }
    }

    /// Binds what the user's own SQL names.
    mutating func bind(namedIn template: SQLTemplate) throws {
        for parameter in Set(template.parameters) where values[parameter] == nil {
            let type: String
            switch parameter {
            case .until: type = "pg_catalog.timestamptz"
            case .from: type = Self.type(of: window.cursor?.type)
            default: type = "pg_catalog.text"
            }
            bind(parameter, try window.value(of: parameter), as: type)
        }
    }

    /// Tells the session the values.
    func set(on connection: PostgresConnection) async throws {
        guard !values.isEmpty else { return }
        let calls = values.map { entry -> SQLText in
            "pg_catalog.set_config(\("medallion." + entry.key.name), \(entry.value.text), true)"
        }
        try await connection.execute("SELECT \(fragment: calls.joined(separator: ", "))")
    }

    /// The statement, each value by its name in the session.
    func rendered(_ template: SQLTemplate) -> String {
        template.rendered { parameter in
            "pg_catalog.current_setting('medallion.\(parameter.name)')::\(values[parameter]?.type ?? "pg_catalog.text")"
        }
    }

    private static func type(of type: ColumnType?) -> String {
        switch type {
        case .smallint, .int, .bigint: "pg_catalog.int8"
        case .double: "pg_catalog.float8"
        case .numeric: "pg_catalog.numeric"
        case .date: "pg_catalog.date"
        case .timestamp: "pg_catalog.timestamp"
        case .timestamptz: "pg_catalog.timestamptz"
        case .uuid: "pg_catalog.uuid"
        default: "pg_catalog.text"
        }
    }

    private static func text(_ value: SQLValue) -> String {
        switch value {
        case .null, .blob: ""
        case .integer(let number): String(number)
        case .unsigned(let number): String(number)
        case .real(let number): number.description
        case .decimal(let text), .text(let text), .moment(let text): text
        }
    }
}
