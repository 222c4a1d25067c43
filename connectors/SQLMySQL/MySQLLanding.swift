#if MySQL
    import ConnectorKit
    import JSON
    import MariaDB
    import Metadata

    /// One landing: its statements, and the way of their rows into raw files.
    struct MySQLLanding {
        private let entity: Entity
        private let source: SQLSource
        private let window: SQLWindow
        private let server: MySQLServer
        private var values: [SQLParameter: MariaDBValue] = [:]

        init(_ entity: Entity, _ source: SQLSource, _ window: LoadWindow, _ server: MySQLServer) {
            self.entity = entity
            self.source = source
            self.window = SQLWindow(entity, window)
            self.server = server
        }

        mutating func run(on connection: MariaDBConnection, into writer: inout RawWriter) async throws {
            let source = try source.checked()
            let (from, condition) = try await relation(source, connection)
            for parameter in from.parameters + (condition?.parameters ?? []) where values[parameter] == nil {
                values[parameter] = try MariaDBValue(try window.value(of: parameter))
            }
            let all = try await columns(of: from, connection)
            let columns = try source.columns?.map { try Self.known($0, "column", all) } ?? all
            if let name = MemberNames.repeated(columns.map(\.name)) {
                throw ConnectorError("two columns are called '\(name)'", hint: "give one of them another name by AS")
            }
            var conditions = [condition].compactMap { $0 }
            if window.isLimited, !from.uses(.from), condition?.uses(.from) != true {
                if let limit = try limit(all, &writer) { conditions.append(limit) }
            }
            let statement = "SELECT \(columns.map { $0.expression }.joined(separator: ", ")) FROM " + from + " AS q"
            writer.note(
                request: "mysql \(server.title): "
                    + (statement + SQLTemplate(allOf: conditions)).rendered { ":\($0.name)" }
                    + window.note)
            let rows = MySQLRows(columns, dropsZeroDates: server.dropsZeroDates)
            var files = RowFiles()
            guard let chunkRows = source.chunkRows else {
                try await copy(statement + SQLTemplate(allOf: conditions), rows, connection, &files, &writer)
                return try files.close(&writer)
            }
            let keys = try KeyChunk.names(of: entity).map { try Self.known($0, "key column", all) }
            let chunk = KeyChunk(
                columns: keys.map { .init(expression: $0.expression, isNullable: $0.isNullable) }, nullsFirst: true)
            var last: [MariaDBValue]?
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
                try await copy(statement + SQLTemplate(allOf: inside), rows, connection, &files, &writer)
                guard let end else { return try files.close(&writer) }
                last = end
            }
        }

        /// What stands behind FROM, and the user's condition on it.
        private func relation(
            _ source: SQLSource, _ connection: MariaDBConnection
        ) async throws -> (SQLTemplate, SQLTemplate?) {
            if let query = source.query {
                return ("(" + (try SQLTemplate(query, .mysql, attribute: "source.query")) + "\n)", nil)
            }
            let name = try RelationName(source.table ?? "")
            let database = name.schema ?? server.database
            try await MySQLCatalogue(connection: connection, server: server).require(database, name.name)
            let table = SQLTemplate(text: SQLDialect.mysql.quoted(database) + "." + SQLDialect.mysql.quoted(name.name))
            guard let condition = source.where else { return (table, nil) }
            return (table, "(" + (try SQLTemplate(condition, .mysql, attribute: "source.where")) + "\n)")
        }

        private func columns(of from: SQLTemplate, _ connection: MariaDBConnection) async throws -> [MariaDBColumn] {
            let statement = "SELECT * FROM " + from + " AS q LIMIT 0"
            let columns = try await connection.begin(statement.rendered { _ in "?" }, bound(statement))
            _ = try await connection.next { _, _ in }
            return columns
        }

        private static func known(_ name: String, _ what: String, _ all: [MariaDBColumn]) throws -> MariaDBColumn {
            guard let found = all.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw unknownName(what, name, among: all.map(\.name))
            }
            return found
        }

        /// The condition that keeps a delta load to its window.
        private mutating func limit(_ all: [MariaDBColumn], _ writer: inout RawWriter) throws -> SQLTemplate? {
            guard let cursor = window.cursor, cursor.path.count == 1 else {
                writer.noteUnfiltered()
                return nil
            }
            let column = try Self.known(cursor.path[0], "cursor column", all)
            let order = cursor.type == .uuid && column.order == .text ? .uuid : column.order
            guard let limit = try window.limit(order) else {
                writer.noteUnfiltered()
                return nil
            }
            if !limit.isExact { writer.noteUnfiltered() }
            // The pipeline finds the greatest cursor by bytes, so bytes decide here too.
            let isText = column.order == .text
            let name = isText ? "CONVERT(\(column.expression) USING utf8mb4) COLLATE utf8mb4_bin" : column.expression
            values[.lower] = try MariaDBValue(limit.lower)
            var condition = "\(name) >= " + SQLTemplate([.parameter(.lower)])
            if let upper = limit.upper {
                values[.upper] = try MariaDBValue(upper)
                condition = condition + " AND \(name) <= " + SQLTemplate([.parameter(.upper)])
            }
            return condition
        }

        /// The key that ends the next chunk; nil where it is the last one.
        private func end(
            of chunk: KeyChunk, _ from: SQLTemplate, _ conditions: [SQLTemplate], _ rows: Int,
            _ connection: MariaDBConnection
        ) async throws -> [MariaDBValue]? {
            let statement =
                "SELECT \(chunk.order) FROM " + from + " AS q" + SQLTemplate(allOf: conditions)
                + " ORDER BY \(chunk.order) LIMIT 1 OFFSET \(rows - 1)"
            return try await connection.query(statement.rendered { _ in "?" }, bound(statement)).first
        }

        private func copy(
            _ statement: SQLTemplate, _ rows: MySQLRows, _ connection: MariaDBConnection, _ files: inout RowFiles,
            _ writer: inout RawWriter
        ) async throws {
            try await connection.begin(statement.rendered { _ in "?" }, bound(statement))
            while let lines = try await connection.next({ rows.append($0, to: &$1) }) {
                try Task.checkCancellation()
                try files.append(lines, into: &writer)
            }
        }

        private func bound(_ statement: SQLTemplate) -> [MariaDBValue] {
            statement.parameters.map { values[$0] ?? .null }
        }
    }

    extension MariaDBValue {
        init(_ value: SQLValue) throws {
            switch value {
            case .null: self = .null
            case .integer(let number): self = .integer(number)
            case .unsigned(let number): self = .unsigned(number)
            case .real(let number): self = .real(number)
            case .decimal(let text): self = .decimal(Array(text.utf8))
            case .text(let text): self = .text(Array(text.utf8))
            case .blob(let bytes): self = .blob(bytes)
            case .moment(let text):
                // `2026-11-21 02:40:42.123456`, in the session's zone, which is UTC.
                var bytes = Array(text.utf8)
                if bytes.last == 0x5A { bytes.removeLast() }
                if bytes.count > 10, bytes[10] == 0x54 { bytes[10] = 0x20 }
                let isPlain = bytes.allSatisfy { $0 != 0x2B } && bytes.dropFirst(11).allSatisfy { $0 != 0x2D }
                guard isPlain else {
                    throw ConnectorError("the cursor '\(text)' is not in UTC", hint: "write it with Z")
                }
                self = .text(bytes)
            }
        }
    }
#endif
