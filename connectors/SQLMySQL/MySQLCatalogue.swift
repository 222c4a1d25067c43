#if MySQL
    import ConnectorKit
    import MariaDB
    import Metadata

    /// What the server's information_schema tells of what the user can see.
    struct MySQLCatalogue {
        let connection: MariaDBConnection
        let server: MySQLServer

        /// Lines for people: who we are, how the connection is protected, and how much can be seen.
        func greeting() async throws -> [String] {
            let version = await connection.serverVersion
            let name = version.contains("MariaDB") ? "MariaDB" : "MySQL"
            let protection = await connection.protection
            let tables = try await names(in: server.database)
            return [
                "\(name) \(version.prefix { $0 != "-" }) as \(server.title), \(protection ?? "unencrypted")",
                "can see \(tables.count) tables and views",
            ]
        }

        /// - Throws: `ConnectorError` with the nearest name where there is no such table.
        func require(_ database: String, _ name: String) async throws {
            let names = try await names(in: database)
            if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { return }
            guard names.isEmpty else { throw unknownName("table in database '\(database)' named", name, among: names) }
            let databases = try await connection.query(
                "SELECT schema_name FROM information_schema.schemata ORDER BY schema_name")
            let known = databases.compactMap { $0[0].string }
            if known.contains(where: { $0.utf8.elementsEqual(database.utf8) }) {
                throw unknownName("table in database '\(database)' named", name, among: [])
            }
            throw unknownName("database", database, among: known)
        }

        private func names(in database: String) async throws -> [String] {
            try await connection.query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name",
                [.text(Array(database.utf8))]
            ).compactMap { $0[0].string }
        }

        /// Drafts of entities, by name.
        func entities() async throws -> [DiscoveredEntity] {
            let found = try await connection.query(
                """
                SELECT t.table_name, t.table_comment, t.table_type, c.column_name, c.column_comment, c.is_nullable,
                    c.data_type, c.column_type, c.character_maximum_length, c.numeric_precision, c.numeric_scale,
                    k.ordinal_position
                FROM information_schema.tables t
                JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
                LEFT JOIN information_schema.key_column_usage k ON k.table_schema = t.table_schema
                    AND k.table_name = t.table_name AND k.column_name = c.column_name AND k.constraint_name = 'PRIMARY'
                WHERE t.table_schema = ? ORDER BY t.table_name, c.ordinal_position
                """, [.text(Array(server.database.utf8))])
            var drafts: [(draft: CatalogueDraft, key: [(Int64, String)])] = []
            for row in found {
                guard let table = row[0].string, let column = row[3].string else { continue }
                if drafts.last?.draft.nameParts != [table] {
                    // Of a view the server says 'VIEW' where a comment stands.
                    let comment = row[2].string == "VIEW" ? "" : row[1].string ?? ""
                    drafts.append(
                        (
                            CatalogueDraft(table: RelationName.text([table]), nameParts: [table], description: comment),
                            []
                        ))
                }
                if let position = row[11].number { drafts[drafts.count - 1].key.append((position, column)) }
                drafts[drafts.count - 1].draft.add(
                    column, Self.type(row), isNullable: row[5].string != "NO", description: row[4].string ?? "")
            }
            return drafts.map { entry in
                var draft = entry.draft
                draft.key = entry.key.sorted { $0.0 < $1.0 }.map(\.1)
                return draft.entity
            }
        }

        private static func type(_ row: [MariaDBValue]) -> ColumnType {
            let isUnsigned = row[7].string?.contains("unsigned") ?? false
            switch row[6].string?.lowercased() ?? "" {
            case "tinyint": return .smallint
            case "smallint": return isUnsigned ? .int : .smallint
            case "mediumint": return .int
            case "int", "integer": return isUnsigned ? .bigint : .int
            case "bigint": return isUnsigned ? .numeric(precision: 20, scale: 0) : .bigint
            case "year": return .smallint
            case "bit": return .numeric(precision: 20, scale: 0)
            case "float", "double", "real": return .double
            case "decimal", "numeric":
                guard let precision = row[9].number, let scale = row[10].number else {
                    return .numeric(precision: nil, scale: nil)
                }
                return .numeric(precision: Int(precision), scale: Int(scale))
            case "date": return .date
            case "datetime": return .timestamp
            case "timestamp": return .timestamptz
            case "json": return .json
            case "uuid": return .uuid
            case "char", "varchar": return row[8].number.map { .string(length: Int($0)) } ?? .text
            case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "polygon",
                "linestring":
                return .binary
            default: return .text
            }
        }
    }

    extension MariaDBValue {
        /// The text of a text value; the information_schema of MySQL has some as bytes.
        var string: String? {
            switch self {
            case .text(let bytes), .blob(let bytes): String(decoding: bytes, as: UTF8.self)
            default: nil
            }
        }

        /// The number of an integer value.
        var number: Int64? {
            switch self {
            case .integer(let number): number
            case .unsigned(let number): Int64(exactly: number)
            default: nil
            }
        }
    }
#endif
