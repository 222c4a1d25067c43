import ConnectorKit
import Metadata
import SQLite

/// One landing: its statements, and the way of their rows into raw files.
struct SQLiteLanding {
    private let entity: Entity
    private let source: SQLSource
    private let window: SQLWindow
    private let file: SQLiteFile
    private var values: [SQLParameter: SQLiteValue] = [:]

    init(_ entity: Entity, _ source: SQLSource, _ window: LoadWindow, _ file: SQLiteFile) {
        self.entity = entity
        self.source = source
        self.window = SQLWindow(entity, window)
        self.file = file
    }

    func run(on connection: SQLiteConnection, into writer: inout RawWriter) async throws {
        var landing = self
        try await landing.read(connection, &writer)
    }

    private mutating func read(_ connection: SQLiteConnection, _ writer: inout RawWriter) async throws {
        let source = try source.checked()
        let (from, condition) = try await relation(source, connection)
        for parameter in from.parameters + (condition?.parameters ?? []) where values[parameter] == nil {
            values[parameter] = SQLiteValue(try window.value(of: parameter))
        }
        let all = try await columns(of: from, connection)
        let names = try (source.columns ?? all).map { try Self.known($0, "column", all) }
        if let name = MemberNames.repeated(names) {
            throw ConnectorError("two columns are called '\(name)'", hint: "give one of them another name by AS")
        }
        var conditions = [condition].compactMap { $0 }
        if window.isLimited, !from.uses(.from), condition?.uses(.from) != true {
            if let limit = try await limit(all, from, connection, &writer) { conditions.append(limit) }
        }
        let selected = names.map { "q." + SQLDialect.sqlite.quoted($0) }.joined(separator: ", ")
        let statement = "SELECT \(selected) FROM " + from + " AS q"
        writer.note(
            request: "sqlite \(file.path): " + (statement + SQLTemplate(allOf: conditions)).rendered { ":\($0.name)" }
                + window.note)
        var files = RowFiles()
        let members = MemberNames(names)
        guard let chunkRows = source.chunkRows else {
            try await copy(statement + SQLTemplate(allOf: conditions), members, connection, &files, &writer)
            return try files.close(&writer)
        }
        let keys = try KeyChunk.names(of: entity).map { try Self.known($0, "key column", all) }
        // Any column of a table may hold NULL here, a primary key too.
        let chunk = KeyChunk(
            columns: keys.map { .init(expression: "q." + SQLDialect.sqlite.quoted($0), isNullable: true) },
            nullsFirst: true)
        var last: [SQLiteValue]?
        while true {
            try Task.checkCancellation()
            var inside = conditions
            if let last {
                for (index, value) in last.enumerated() { values[.after(index)] = value }
                inside.append(chunk.after(last.map { $0 == .null }))
            }
            let end = try await end(of: chunk, from, inside, chunkRows, connection)
            if let end {
                for (index, value) in end.enumerated() { values[.through(index)] = value }
                inside.append(chunk.through(end.map { $0 == .null }))
            }
            try await copy(statement + SQLTemplate(allOf: inside), members, connection, &files, &writer)
            guard let end else { return try files.close(&writer) }
            last = end
        }
    }

    /// What stands behind FROM, and the user's condition on it.
    private func relation(
        _ source: SQLSource, _ connection: SQLiteConnection
    ) async throws -> (SQLTemplate, SQLTemplate?) {
        if let query = source.query {
            return ("(" + (try SQLTemplate(query, .sqlite, attribute: "source.query")) + "\n)", nil)
        }
        let name = try SQLiteFile.name(source.table ?? "")
        let known = try await file.tables(connection)
        guard known.contains(where: { $0.lowercased() == name.lowercased() }) else {
            throw unknownName("table", name, among: known)
        }
        let table = SQLTemplate(text: "main." + SQLDialect.sqlite.quoted(name))
        guard let condition = source.where else { return (table, nil) }
        return (table, "(" + (try SQLTemplate(condition, .sqlite, attribute: "source.where")) + "\n)")
    }

    private func columns(of from: SQLTemplate, _ connection: SQLiteConnection) async throws -> [String] {
        let statement = "SELECT * FROM " + from + " AS q LIMIT 0"
        let names = try await connection.begin(statement.rendered { _ in "?" }, bound(statement)).map(\.name)
        _ = try await connection.next { _, _ in }
        return names
    }

    /// The name as the source spells it; SQLite reads an unknown quoted name as a string, so we look it up ourselves.
    private static func known(_ name: String, _ what: String, _ all: [String]) throws -> String {
        guard let found = all.first(where: { $0.utf8.elementsEqual(name.utf8) }) else {
            throw unknownName(what, name, among: all)
        }
        return found
    }

    /// The condition that keeps a delta load to its window, by the kind of values that the column holds.
    private mutating func limit(
        _ all: [String], _ from: SQLTemplate, _ connection: SQLiteConnection, _ writer: inout RawWriter
    ) async throws -> SQLTemplate? {
        guard let cursor = window.cursor, cursor.path.count == 1 else {
            writer.noteUnfiltered()
            return nil
        }
        let name = "q." + SQLDialect.sqlite.quoted(try Self.known(cursor.path[0], "cursor column", all))
        let isMoment = [.date, .timestamp, .timestamptz].contains(cursor.type)
        if isMoment, cursor.format == nil, let day = window.dayBefore {
            // Text of any form of ISO 8601 begins with its day.
            writer.noteUnfiltered()
            values[.lower] = .text(Array(day.utf8))
            return "\(name) COLLATE BINARY >= " + SQLTemplate([.parameter(.lower)])
        }
        let isText = [.text, .uuid].contains(cursor.type) || cursor.type.name == "string"
        guard let limit = try window.limit(isText ? (cursor.type == .uuid ? .uuid : .text) : .number) else {
            writer.noteUnfiltered()
            return nil
        }
        values[.lower] = SQLiteValue(limit.lower)
        return "\(name)\(isText ? " COLLATE BINARY" : "") >= " + SQLTemplate([.parameter(.lower)])
    }

    /// The key that ends the next chunk; nil where it is the last one.
    private func end(
        of chunk: KeyChunk, _ from: SQLTemplate, _ conditions: [SQLTemplate], _ rows: Int,
        _ connection: SQLiteConnection
    ) async throws -> [SQLiteValue]? {
        let statement =
            "SELECT \(chunk.order) FROM " + from + " AS q" + SQLTemplate(allOf: conditions)
            + " ORDER BY \(chunk.order) LIMIT 1 OFFSET \(rows - 1)"
        return try await connection.query(statement.rendered { _ in "?" }, bound(statement)).first
    }

    private func copy(
        _ statement: SQLTemplate, _ members: MemberNames, _ connection: SQLiteConnection, _ files: inout RowFiles,
        _ writer: inout RawWriter
    ) async throws {
        try await connection.begin(statement.rendered { _ in "?" }, bound(statement))
        while let lines = try await connection.next({ row, lines in
            for index in members.prefixes.indices {
                lines.append(contentsOf: members.prefixes[index])
                switch row.kind(index) {
                case .null: lines.appendNull()
                case .integer: lines.append(json: row.integer(index))
                case .real: lines.append(json: row.real(index))
                case .text: row.withBytes(index) { lines.append(jsonString: $0) }
                case .blob: row.withBytes(index) { lines.append(base64: $0) }
                }
            }
            lines.append(contentsOf: [0x7D, 0x0A])
        }) {
            try Task.checkCancellation()
            try files.append(lines, into: &writer)
        }
    }

    private func bound(_ statement: SQLTemplate) -> [SQLiteValue] { statement.parameters.map { values[$0] ?? .null } }
}

extension SQLiteValue {
    init(_ value: SQLValue) {
        switch value {
        case .null: self = .null
        case .integer(let number): self = .integer(number)
        case .unsigned(let number): self = Int64(exactly: number).map { .integer($0) } ?? .real(Double(number))
        case .real(let number): self = .real(number)
        // SQLite has no decimals: it compares with what it would store.
        case .decimal(let text): self = Int64(text).map { .integer($0) } ?? .real(Double(text) ?? 0)
        case .text(let text), .moment(let text): self = .text(Array(text.utf8))
        case .blob(let bytes): self = .blob(bytes)
        }
    }
}
