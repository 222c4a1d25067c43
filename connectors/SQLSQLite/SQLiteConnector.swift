public import ConnectorKit
import Foundation
import JSON
public import Metadata
import SQLite

/// Tables, views and queries of an SQLite database: one file.
///
/// ```json
/// {"id": "till", "name": "Till", "description": "The shop's till", "type": "sqlite",
///  "connection": {"path": "data/till.db"}}
///
/// {"name": "sales", "system_id": "till", "description": "Sales", "load_type": "full", "key": ["id"],
///  "source": {"table": "sales"},
///  "columns": [{"name": "id", "type": "bigint"}, {"name": "amount", "type": "numeric"}]}
/// ```
///
/// The file is opened read only. One landing is one transaction: it sees the database as it was at one instant, also
/// while another program writes. Rows are landed as JSON Lines.
///
/// Types go by value, as SQLite keeps them, whatever the table declares: integers and reals are numbers (an infinity is
/// `"Infinity"`), text is text, a blob base64, NULL null. A date is the text or number that it is stored as. As a cursor,
/// a time as text in any form of ISO 8601 is compared from the day before on, and the pipeline leaves out the rest; one
/// stored as a number needs a `query` with `:from`.
public struct SQLiteConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var path: String
        var busyTimeoutS: Double

        /// Every attribute.
        public static let fields = [
            Field(
                "path", .string, required: true,
                "The database's file. ~ is the home folder, ${VAR} and ${VAR:-default} are taken from the environment; a "
                    + "relative path starts at the project's folder."),
            Field(
                "busy_timeout_s", .number(0...600), default: .number("10"),
                "Seconds to wait while another program has the file locked."),
        ]
    }

    /// An entity's `source`.
    public typealias Source = SQLSource

    /// `sqlite`.
    public static let name = "sqlite"
    /// One sentence.
    public static let summary = "Reads tables, views and queries of an SQLite file."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "till", "name": "Till", "description": "The shop's till", "type": "sqlite",
           "connection": {"path": "data/till.db"}},
          {"name": "sales", "system_id": "till", "description": "Sales", "load_type": "full", "key": ["id"],
           "source": {"table": "sales"},
           "columns": [{"name": "id", "type": "bigint"}, {"name": "amount", "type": "numeric"}]}
        ]
        """

    private let file: SQLiteFile

    /// A connector of one file, which may not exist yet.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        do {
            let path = try FolderPath(configuration.path, environment: context.environment)
                .absolute(from: context.projectFolder)
            file = SQLiteFile(path: path, busyMilliseconds: Int(configuration.busyTimeoutS * 1000))
        } catch {
            throw ConnectorError(
                "system '\(context.system)': connection.path '\(configuration.path)' \(error.reason)", hint: error.hint)
        }
    }

    /// JSON Lines.
    public func shape(of source: Source) throws -> DocumentShape {
        try source.shape(.sqlite) { _ = try SQLiteFile.name($0) }
    }

    /// The library's version and the number of tables.
    public func check() async throws -> [String]? {
        try await file.reading { connection in
            let names = try await file.tables(connection)
            return ["SQLite \(SQLiteConnection.libraryVersion), \(file.path)", "\(names.count) tables and views"]
        }
    }

    /// Every table and view.
    public func discover() async throws -> [DiscoveredEntity]? {
        try await file.reading { try await SQLiteCatalogue(connection: $0).entities() }
    }

    /// Lands what one transaction sees.
    public func land(
        _ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        try Task.checkCancellation()
        let landing = SQLiteLanding(entity, source, window, file)
        let connection: SQLiteConnection
        do {
            connection = try await file.connect()
        } catch let error as ConnectorError {
            throw error.named(entity, source)
        }
        do {
            try await landing.run(on: connection, into: &writer)
            await connection.close()
        } catch {
            await connection.close()
            guard let error = error as? SQLiteError else {
                throw (error as? ConnectorError)?.named(entity, source) ?? error
            }
            throw file.failure(error).named(entity, source)
        }
    }
}
