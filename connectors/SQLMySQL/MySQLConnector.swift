#if MySQL
    public import ConnectorKit
    import JSON
    import MariaDB
    public import Metadata

    /// Tables, views and queries of a MariaDB or MySQL database. Part of the program with the package trait `MySQL`.
    ///
    /// ```json
    /// {"id": "shop", "name": "Web shop", "description": "The shop's database", "type": "mysql",
    ///  "connection": {"host": "db.example.com", "database": "shop", "user": "reader", "password": {"secret": "shop_db"}}}
    ///
    /// {"name": "orders", "system_id": "shop", "description": "Orders", "load_type": "delta", "key": ["id"],
    ///  "delta": {"mode": "cursor", "cursor_column": "updated_at", "lookback_s": 300},
    ///  "source": {"table": "orders"},
    ///  "columns": [{"name": "id", "type": "bigint"}, {"name": "total", "type": "numeric"},
    ///              {"name": "updated_at", "type": "timestamptz"}]}
    /// ```
    ///
    /// Rows are landed as JSON Lines, straight from the server's stream. One landing is one transaction, REPEATABLE READ
    /// and READ ONLY, with a consistent snapshot of all tables whose engine has transactions.
    ///
    /// Integers, decimals and doubles are numbers with all their digits, a BIT is the number that its bits make, dates
    /// and times are ISO 8601 (a TIMESTAMP in UTC with `Z`, a DATETIME as it stands, a TIME as text), JSON is itself where
    /// the server says that it is JSON, binary strings, BLOBs and geometries are base64, ENUM and SET text. The zero date
    /// `0000-00-00` is null unless `zero_dates` says text; other impossible dates (`2026-00-10`) stay text.
    public struct MySQLConnector: Connector {
        /// A system's `connection`.
        public struct Configuration: ConnectorConfiguration {
            enum Protection: String, Decodable, Sendable, CaseIterable {
                case verifyFull = "verify-full"
                case require
                case disable
            }
            enum ZeroDates: String, Decodable, Sendable, CaseIterable { case null, text }

            var host: String
            var port: Int
            var database: String
            var user: String
            var password: SecretReference?
            var tls: Protection?
            var caFile: String?
            var connectTimeoutS: Int
            var statementTimeoutS: Int
            var zeroDates: ZeroDates

            /// Every attribute.
            public static let fields = [
                Field(
                    "host", .string, default: .string("127.0.0.1"),
                    "Name or address of the server, or the path of its unix socket."),
                Field("port", .int(1...65_535), default: .number("3306"), "The server's port."),
                Field("database", .string, required: true, "Where tables without a database in their name lie."),
                Field("user", .string, required: true, "Who reads; SELECT is all that it needs."),
                Field("password", .string, secret: true, "Its password; none where the server asks for none."),
                Field(
                    "tls", .oneOf(Protection.allCases.map(\.rawValue)),
                    "verify-full = encrypted, and the server proves its name; require = encrypted; disable = neither. "
                        + "verify-full by default; disable on this machine."),
                Field(
                    "ca_file", .string,
                    "Certificates of the authorities that vouch for the server, PEM; a relative path starts at the "
                        + "project's folder. By default those of the operating system."),
                Field("connect_timeout_s", .int(1...600), default: .number("10"), "Seconds to wait for the server."),
                Field(
                    "statement_timeout_s", .int(0...604_800), default: .number("3600"),
                    "Seconds that one statement may take at the server; 0 = no limit."),
                Field(
                    "zero_dates", .oneOf(ZeroDates.allCases.map(\.rawValue)), default: .string("null"),
                    "What becomes of 0000-00-00: null, or the text that it is."),
            ]
        }

        /// An entity's `source`.
        public typealias Source = SQLSource

        /// `mysql`.
        public static let name = "mysql"
        /// One sentence.
        public static let summary = "Reads tables, views and queries of a MariaDB or MySQL database."
        /// A complete system and entity.
        public static let example = """
            [
              {"id": "shop", "name": "Web shop", "description": "The shop's database", "type": "mysql",
               "connection": {"host": "db.example.com", "database": "shop", "user": "reader",
                              "password": {"secret": "shop_db"}}},
              {"name": "orders", "system_id": "shop", "description": "Orders", "load_type": "delta", "key": ["id"],
               "delta": {"mode": "cursor", "cursor_column": "updated_at", "lookback_s": 300},
               "source": {"table": "orders"},
               "columns": [{"name": "id", "type": "bigint"}, {"name": "total", "type": "numeric"},
                           {"name": "updated_at", "type": "timestamptz"}]}
            ]
            """

        private let server: MySQLServer

        /// A connector of one database; its password is looked up here, once. Nothing is opened yet.
        public init(_ configuration: Configuration, context: ConnectorContext) throws {
            server = try MySQLServer(configuration, context: context)
        }

        /// JSON Lines.
        public func shape(of source: Source) throws -> DocumentShape {
            try source.shape(.mysql) { _ = try RelationName($0) }
        }

        /// Version, user and how the connection is protected; how many tables the user can see.
        public func check() async throws -> [String]? {
            try await server.reading { try await MySQLCatalogue(connection: $0, server: server).greeting() }
        }

        /// Every table and view of the database that the user can see.
        public func discover() async throws -> [DiscoveredEntity]? {
            try await server.reading { try await MySQLCatalogue(connection: $0, server: server).entities() }
        }

        /// Lands what one transaction sees.
        public func land(
            _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
        ) async throws {
            try Task.checkCancellation()
            var landing = MySQLLanding(entity, source, window, server)
            let connection: MariaDBConnection
            do {
                connection = try await server.connect()
            } catch let error as ConnectorError {
                throw error.named(entity, source)
            }
            do {
                try await landing.run(on: connection, into: &writer)
                await connection.close()
            } catch {
                await connection.close()
                guard let error = error as? MariaDBError else {
                    throw (error as? ConnectorError)?.named(entity, source) ?? error
                }
                throw server.failure(error).named(entity, source)
            }
        }
    }
#endif
