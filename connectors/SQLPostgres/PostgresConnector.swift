public import ConnectorKit
import Foundation
import JSON
public import Metadata
import Postgres

/// Tables, views and queries of a PostgreSQL database, 14 or later.
///
/// ```json
/// {"id": "shop", "name": "Web shop", "description": "The shop's database", "type": "postgres",
///  "connection": {"host": "db.example.com", "database": "shop", "user": "reader", "password": {"secret": "shop_db"}}}
///
/// {"name": "orders", "system_id": "shop", "description": "Orders", "load_type": "delta", "key": ["id"],
///  "delta": {"mode": "cursor", "cursor_column": "updated_at", "lookback_s": 300},
///  "source": {"table": "sales.orders"},
///  "columns": [{"name": "id", "type": "bigint"}, {"name": "total", "type": "numeric"},
///              {"name": "updated_at", "type": "timestamptz"}]}
/// ```
///
/// Rows are landed as JSON Lines. One landing is one transaction, REPEATABLE READ and READ ONLY: it sees the database as
/// it was at one instant. Rows whose cursor is NULL come with full loads only; `lookback_s` is for rows that were
/// committed later than they were stamped.
///
/// Every value keeps all that it says: numbers all their digits (NaN and the infinities are text, `"NaN"`,
/// `"-Infinity"`, and infinite dates `"infinity"`), timestamptz is ISO 8601 in UTC, bytea base64, json and jsonb are
/// what they hold, arrays and composites JSON (bytea within them as `\x…`), intervals ISO 8601, money a number, anything
/// else the server's text. A JSON null and an SQL NULL are both null.
public struct PostgresConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var host: String
        var port: Int
        var database: String
        var user: String
        var password: SecretReference?
        var schema: String
        var sslmode: String?
        var caFile: String?
        var applicationName: String
        var connectTimeoutS: Int
        var statementTimeoutS: Int

        /// Every attribute.
        public static let fields = [
            Field(
                "host", .string, default: .string("localhost"),
                "Name or address of the server, or the folder of its unix socket."),
            Field("port", .int(1...65_535), default: .number("5432"), "The server's port."),
            Field("database", .string, required: true, "The database."),
            Field("user", .string, required: true, "The role that reads; SELECT is all that it needs."),
            Field("password", .string, secret: true, "Its password; none where the server asks for none."),
            Field("schema", .string, default: .string("public"), "Where tables without a schema in their name lie."),
            Field(
                "sslmode", .oneOf(["verify-full", "verify-ca", "require", "prefer", "disable"]),
                "How the connection is protected, as libpq says it. verify-full by default; prefer on this machine."),
            Field(
                "ca_file", .string,
                "Certificates of the authorities that vouch for the server, PEM; a relative path starts at the "
                    + "project's folder. By default those of the operating system."),
            Field(
                "application_name", .string, default: .string("medallion"),
                "What the server's lists of sessions show."),
            Field("connect_timeout_s", .int(2...600), default: .number("10"), "Seconds to wait for the server."),
            Field(
                "statement_timeout_s", .int(0...604_800), default: .number("3600"),
                "Seconds that one statement may take at the server; 0 = no limit."),
        ]
    }

    /// An entity's `source`.
    public typealias Source = SQLSource

    /// `postgres`.
    public static let name = "postgres"
    /// One sentence.
    public static let summary = "Reads tables, views and queries of a PostgreSQL database."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "shop", "name": "Web shop", "description": "The shop's database", "type": "postgres",
           "connection": {"host": "db.example.com", "database": "shop", "user": "reader",
                          "password": {"secret": "shop_db"}}},
          {"name": "orders", "system_id": "shop", "description": "Orders", "load_type": "delta", "key": ["id"],
           "delta": {"mode": "cursor", "cursor_column": "updated_at", "lookback_s": 300},
           "source": {"table": "sales.orders"},
           "columns": [{"name": "id", "type": "bigint"}, {"name": "total", "type": "numeric"},
                       {"name": "updated_at", "type": "timestamptz"}]}
        ]
        """

    private let server: PostgresServer

    /// A connector of one database; its password is looked up here, once. Nothing is opened yet.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        server = try PostgresServer(configuration, context: context)
    }

    /// JSON Lines.
    public func shape(of source: Source) throws -> DocumentShape {
        try source.shape(.postgres) { _ = try RelationName($0) }
    }

    /// Version, user and how the connection is protected; which tables the user may read.
    public func check() async throws -> [String]? {
        try await server.reading { try await PostgresCatalogue(connection: $0, server: server).greeting() }
    }

    /// Every table and view that the user may read.
    public func discover() async throws -> [DiscoveredEntity]? {
        try await server.reading { try await PostgresCatalogue(connection: $0, server: server).entities() }
    }

    /// Lands what one transaction sees.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        try Task.checkCancellation()
        let landing = PostgresLanding(entity, source, window, server)
        let connection: PostgresConnection
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
            guard let error = error as? PostgresError else {
                throw (error as? ConnectorError)?.named(entity, source) ?? error
            }
            throw server.failure(error).named(entity, source)
        }
    }
}
