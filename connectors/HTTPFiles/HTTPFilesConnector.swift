public import ConnectorKit
import JSON
import Logging
public import Metadata

/// Files on a web server, by their names or from its lists of folders.
///
/// ```json
/// {"id": "rates", "name": "Exchange rates", "description": "Daily rates", "type": "http_files",
///  "connection": {"base_url": "https://www.example.com/stats"}}
///
/// {"name": "daily", "system_id": "rates", "description": "Rates of the day", "load_type": "full", "key": ["currency"],
///  "source": {"path": "{{ now | date('%Y/%m') }}/daily.xml", "records_path": "/rates/rate"},
///  "columns": [{"name": "currency", "path": "/@currency", "type": "string", "length": 3}]}
/// ```
/// A path without wildcards is asked for as it is. For one with wildcards the server must list its folders, as nginx
/// (autoindex), Apache and `python3 -m http.server` do. A delta load of mode `all` asks for each file it knows with
/// `If-None-Match` or `If-Modified-Since`. Everything else is as in `FileConnector`.
public struct HTTPFilesConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var baseUrl: String
        var username: String?
        var password: SecretReference?
        var token: SecretReference?
        var timeoutS: Double
        var caFile: String?
        var allowPrivate: Bool
        var allowHttp: Bool

        /// Every attribute.
        public static let fields =
            [
                Field(
                    "base_url", .pattern("^https?://[^/?#@\\s]+(/[^?#\\s]*)?$"), required: true,
                    "Where every path starts, without user info and query."),
                Field("username", .string, "Our name, with password, for servers that ask for both."),
                Field("password", .string, secret: true, "Our password."),
                Field("token", .string, secret: true, "Sent as Authorization: Bearer."),
                Field(
                    "timeout_s", .number(0.1...86_400), default: .number("3600"),
                    "Seconds that one file may take in all."),
                Field(
                    "ca_file", .string,
                    "PEM file of authorities to trust instead of the machine's; relative to the project."),
            ] + Outward.fields
    }

    /// `http_files`.
    public static let name = "http_files"
    /// A delta load of mode `all` goes on from the files that it knows.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Reads files from a web server, by name or from its lists of folders."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "rates", "name": "Exchange rates", "description": "Daily rates", "type": "http_files",
           "connection": {"base_url": "https://www.example.com/stats"}},
          {"name": "daily", "system_id": "rates", "description": "Rates of the day", "load_type": "full",
           "key": ["currency"],
           "source": {"path": "daily.xml", "records_path": "/rates/rate"},
           "columns": [{"name": "currency", "path": "/@currency", "type": "string", "length": 3},
                       {"name": "rate", "path": "/#text", "type": "numeric", "precision": 12, "scale": 6}]}
        ]
        """

    private let place: HTTPPlace
    private let logger: Logger

    /// A connector over one server; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        place = try HTTPPlace(configuration, context: context)
        logger = context.logger
    }

    /// CSV has rows; by `format`, else by the path's ending.
    public static func isTabular(_ source: FileSource) -> Bool { source.isTabular }

    /// Format and place of the records, from `source` alone.
    public func shape(of source: FileSource) throws -> DocumentShape { try source.shape() }

    /// Asks for base_url.
    public func check() async throws -> [String]? { try await place.check() }

    /// What the server lists at base_url and below.
    public func discover() async throws -> [DiscoveredEntity]? { try await FileCatalog(place: place).entities() }

    /// Lands the files, one raw file each.
    public func land(
        _ entity: Entity, source: FileSource, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let landing = FileLanding(place: place, entity: entity, source: source, window: window, logger: logger)
        try await landing.land(into: &writer)
    }
}
