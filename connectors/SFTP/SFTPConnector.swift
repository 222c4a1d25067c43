public import ConnectorKit
import HTTPTransport
import JSON
import Logging
public import Metadata

/// Files on a server that is reached by SSH.
///
/// ```json
/// {"id": "bank", "name": "Bank", "description": "Statements", "type": "sftp",
///  "connection": {"host": "sftp.bank.example.com", "username": "acme", "key_file": "keys/bank_ed25519",
///                 "fingerprint": "SHA256:uNiVztksCsDhcc0u9e8BrDK2iV8p3UYbqCrt3Zn2X3o", "root": "out"}}
///
/// {"name": "statements", "system_id": "bank", "description": "Statements", "load_type": "delta", "key": ["id"],
///  "delta": {"mode": "all"}, "source": {"path": "*.csv", "settle_s": 60}, "columns": [{"name": "id", "type": "bigint"}]}
/// ```
/// The server proves itself by `fingerprint` (`ssh-keygen -lf` shows it) or by a file of `known_hosts`; one of both is
/// demanded, an unknown key is refused. We prove ourselves by `key_file` (ed25519 or ECDSA; current servers refuse the
/// RSA signatures of Debian 12's libssh2) or by `password`. Everything else is as in `FileConnector`.
public struct SFTPConnector: Connector {
    /// A system's `connection`.
    public struct Configuration: ConnectorConfiguration {
        var host: String
        var port: Int
        var username: String
        var password: SecretReference?
        var keyFile: String?
        var passphrase: SecretReference?
        var knownHosts: String?
        var fingerprint: String?
        var root: String
        var timeoutS: Double
        var allowPrivate: Bool

        /// Every attribute.
        public static let fields = [
            Field("host", .pattern(RemoteHost.pattern), required: true, "Name or address of the server."),
            Field("port", .int(1...65_535), default: .number("22"), "Its port."),
            Field("username", .string, required: true, "Our name there."),
            Field("password", .string, secret: true, "Our password."),
            Field(
                "key_file", .string,
                "Our private key in a file that only this user can read; a relative path starts at the project's folder."
            ),
            Field("passphrase", .string, secret: true, "What opens key_file."),
            Field(
                "known_hosts", .string,
                "File in which OpenSSH keeps servers' keys; a relative path starts at the project's folder."),
            Field(
                "fingerprint", .pattern("^(SHA256:)?[A-Za-z0-9+/]{43}=?$"),
                "The server's key: SHA256:… as ssh-keygen -lf shows it."),
            Field(
                "root", .string, default: .string(""),
                "Folder of the files; without a / at its start it is seen from the login's folder."),
            Field(
                "timeout_s", .number(0.1...86_400), default: .number("3600"), "Seconds that one file may take in all."),
            Outward.allowPrivate,
        ]
    }

    /// `sftp`.
    public static let name = "sftp"
    /// A delta load of mode `all` goes on from the files that it knows.
    public static let keepsState = true
    /// One sentence.
    public static let summary = "Reads files from a server that is reached by SSH."
    /// A complete system and entity.
    public static let example = """
        [
          {"id": "bank", "name": "Bank", "description": "Statements", "type": "sftp",
           "connection": {"host": "sftp.bank.example.com", "username": "acme", "key_file": "keys/bank_ed25519",
                          "fingerprint": "SHA256:uNiVztksCsDhcc0u9e8BrDK2iV8p3UYbqCrt3Zn2X3o", "root": "out"}},
          {"name": "statements", "system_id": "bank", "description": "Statements", "load_type": "delta", "key": ["id"],
           "delta": {"mode": "all"}, "source": {"path": "*.csv", "settle_s": 60},
           "columns": [{"name": "id", "type": "bigint"}, {"name": "amount", "type": "numeric", "precision": 12, "scale": 2}]}
        ]
        """

    private let place: RemotePlace
    private let logger: Logger

    /// A connector over one server; its secrets are looked up here, once.
    public init(_ configuration: Configuration, context: ConnectorContext) throws {
        let password = try configuration.password.map { try context.secrets.secret(named: $0.secret) }
        let passphrase = try configuration.passphrase.map { try context.secrets.secret(named: $0.secret) }
        guard configuration.knownHosts != nil || configuration.fingerprint != nil else {
            throw ConnectorError(
                "system '\(context.system)': nothing says which key \(configuration.host) has", kind: .auth,
                hint:
                    "set connection.fingerprint to what 'ssh-keyscan HOST | ssh-keygen -lf -' shows, once you checked it"
            )
        }
        guard (password == nil) != (configuration.keyFile == nil) else {
            throw ConnectorError(
                "system '\(context.system)': one of password and key_file is needed", kind: .auth, hint: "give one")
        }
        let server = RemoteFileServer(
            .sftp, host: configuration.host, port: configuration.port, username: configuration.username,
            password: password?.reveal(), keyFile: configuration.keyFile.map(context.absolute),
            passphrase: passphrase?.reveal(),
            knownHosts: configuration.knownHosts.map(context.absolute),
            fingerprint: configuration.fingerprint.map { String($0.hasPrefix("SHA256:") ? $0.dropFirst(7) : $0[...]) })
        place = RemotePlace(
            server, root: configuration.root, timeout: configuration.timeoutS,
            allowsPrivate: configuration.allowPrivate, caFile: nil,
            secrets: [password, passphrase].compactMap(\.self))
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
