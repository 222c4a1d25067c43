public import ConnectorKit
import HTTPTransport
import JSON
import Logging
public import Metadata

/// Files on an FTP server, over TLS unless the metadata says otherwise.
///
/// ```json
/// {"id": "depot", "name": "Depot", "description": "Stock of the depot", "type": "ftp",
///  "connection": {"host": "ftp.depot.example.com", "username": "acme", "password": {"secret": "depot_password"}}}
///
/// {"name": "stock", "system_id": "depot", "description": "Stock", "load_type": "full", "key": ["sku"],
///  "source": {"path": "stock/*.csv", "order": {"by": "date", "pattern": "%Y%m%d"}},
///  "columns": [{"name": "sku", "type": "text"}]}
/// ```
/// Everything else is as in `FileConnector`.
public struct FTPConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var host: String
        var port: Int?
        var username: String
        var password: SecretReference?
        var tls: String
        var caFile: String?
        var root: String
        var timeoutS: Double
        var allowPrivate: Bool

        /// Every attribute.
        public static let fields = [
            Field("host", .pattern(RemoteHost.pattern), required: true, "Name or address of the server."),
            Field("port", .int(1...65_535), "Its port; by default 21, or 990 with implicit TLS."),
            Field("username", .string, default: .string("anonymous"), "Our name there."),
            Field("password", .string, secret: true, "Our password."),
            Field(
                "tls", .oneOf(["explicit", "implicit", "none"]), default: .string("explicit"),
                "explicit = TLS before the login (AUTH TLS), implicit = from the first byte on; none = password and files "
                    + "can be read on their way."),
            Field(
                "ca_file", .string,
                "PEM file of authorities to trust instead of the machine's; relative to the project."),
            Field(
                "root", .string, default: .string(""),
                "Folder of the files; without a / at its start it is seen from the login's folder."),
            Field(
                "timeout_s", .number(0.1...86_400), default: .number("3600"), "Seconds that one file may take in all."),
            Outward.allowPrivate,
        ]
    }

    /// `ftp`.
    public static let name = "ftp"
    /// A delta load of mode `all` goes on from the files that it knows.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Reads files from an FTP server."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "depot", "name": "Depot", "description": "Stock of the depot", "type": "ftp",
           "connection": {"host": "ftp.depot.example.com", "username": "acme", "password": {"secret": "depot_password"}}},
          {"name": "stock", "system_id": "depot", "description": "Stock", "load_type": "full", "key": ["sku"],
           "source": {"path": "stock/*.csv", "order": {"by": "date", "pattern": "%Y%m%d"}},
           "columns": [{"name": "sku", "type": "text"}, {"name": "pieces", "type": "int"}]}
        ]
        """

    private let place: RemotePlace
    private let logger: Logger

    /// A connector over one server; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        let password = try configuration.password.map { try context.secrets.secret(named: $0.secret) }
        let server = RemoteFileServer(
            configuration.tls == "implicit" ? .ftps : .ftp, host: configuration.host, port: configuration.port,
            username: configuration.username, password: password?.reveal() ?? "",
            demandsTLS: configuration.tls != "none")
        place = RemotePlace(
            server, root: configuration.root, timeout: configuration.timeoutS,
            allowsPrivate: configuration.allowPrivate,
            caFile: configuration.caFile.map(context.absolute),
            secrets: [password].compactMap(\.self))
        logger = context.logger
    }

    /// CSV has rows; by `format`, else by the path's ending.
    public static func isTabular(_ source: FileSource) -> Bool { source.isTabular }

    /// Format and place of the records, from `source` alone.
    public func shape(of source: FileSource) throws -> DocumentShape { try source.shape() }

    /// Logs in and lists the root.
    public func check() async throws -> [String]? { try await FileCatalog(place: place).check() }

    /// Files that differ in digits only are one entity.
    public func discover() async throws -> [DiscoveredEntity]? { try await FileCatalog(place: place).entities() }

    /// Lands the files, one raw file each.
    public func land(
        _ entity: Entity, source: FileSource, window: LoadWindow, into writer: inout RawWriter
    ) async throws {
        let landing = FileLanding(place: place, entity: entity, source: source, window: window, logger: logger)
        try await landing.land(into: &writer)
    }
}
