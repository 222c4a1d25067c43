public import ConnectorKit
internal import HTTPTransport
internal import JSON
internal import Synchronization

/// HashiCorp Vault, or OpenBao: fields of a key-value engine, version 2.
///
/// A path is read once for the life of the process. Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
public struct VaultSecrets: SecretProvider {
    /// Where a secret is that does not follow the rule.
    public struct Place: Decodable, Sendable {
        /// The path below the mount.
        public var path: String?
        /// The field.
        public var field: String?
    }

    /// Which server, and where in it; `{name}` in `path` and `field` stands for the secret's name.
    public struct Settings: Decodable, Sendable {
        /// `https://vault.example.com:8200`.
        public var address: String
        /// The namespace, for servers that have them.
        public var namespace: String?
        /// Where the engine is mounted.
        public var mount: String
        /// The path below the mount.
        public var path: String
        /// The field.
        public var field: String
        /// Secrets that are elsewhere.
        public var names: [String: Place]?
        /// A PEM file of authorities to trust.
        public var caFile: String?
        /// Seconds for one request.
        public var timeoutS: Int
        /// How the server knows us.
        public var auth: VaultAuthentication
    }

    private let settings: Settings
    private let session: VaultSession

    /// A server; nothing is asked before the first secret is wanted.
    /// - Parameter credentials: Looks up what proves who we are, at the providers before this one.
    /// - Throws: `ConnectorError` for an address that is none, or that is not encrypted.
    public init(
        _ settings: Settings, environment: [String: String], projectFolder: String, known: KnownSecrets,
        credentials: @escaping @Sendable (String) async throws -> Secret
    ) throws {
        self.settings = settings
        let login = VaultLogin(
            authentication: settings.auth, environment: environment, projectFolder: projectFolder,
            credentials: credentials)
        session = VaultSession(
            try VaultRequests(settings, projectFolder: projectFolder, known: known), login: login, known: known)
    }

    /// `vault https://vault.example.com:8200`.
    public var title: String { "vault \(settings.address)" }

    /// Names path and field.
    public func remedy(for name: String) -> String {
        let (path, field) = place(of: name)
        return
            "write the field '\(field)' of '\(path)' in Vault: vault kv patch -mount=\(settings.mount) \(path) \(field)=-"
    }

    private func place(of name: String) -> (path: String, field: String) {
        let own = settings.names?[name]
        return (
            (own?.path ?? settings.path).replacing("{name}", with: name),
            (own?.field ?? settings.field).replacing("{name}", with: name)
        )
    }

    /// The field's text; a field that is no text as its JSON.
    /// - Throws: `ConnectorError` naming the path; `CancellationError`.
    public func value(of name: String) async throws -> Secret? {
        let (path, field) = place(of: name)
        guard let value = try await session.data(at: path, for: name)?[field] else { return nil }
        let text = value.stringValue ?? value.text()
        guard !text.isEmpty else {
            throw ConnectorError(
                "the secret '\(name)': the field '\(field)' of '\(settings.mount)/\(path)' in Vault is empty",
                kind: .auth, hint: "write the value into it")
        }
        return Secret(text)
    }
}

/// What a server said, kept: the token and each path that was read.
actor VaultSession {
    private let requests: VaultRequests
    private let login: VaultLogin
    private let known: KnownSecrets
    private var token: Secret?
    private var pages: [String: JSONValue?] = [:]

    init(_ requests: VaultRequests, login: VaultLogin, known: KnownSecrets) {
        self.requests = requests
        self.login = login
        self.known = known
    }

    /// The object at a path; nil where there is none, or its last version was deleted.
    func data(at path: String, for name: String) async throws -> JSONValue? {
        if let page = pages[path] { return page }
        var isFresh = token == nil
        while true {
            let answer = try await requests.read(path, token: try await currentToken(for: name), for: name)
            switch answer {
            case .found(let data):
                pages[path] = .some(data)
                return data
            case .missing:
                pages[path] = .some(nil)
                return nil
            case .refused(let error):
                // A token from a login may have run out since; a new one that is refused as well is no accident.
                guard !isFresh, login.canRepeat else { throw error }
                token = nil
                isFresh = true
            }
        }
    }

    private func currentToken(for name: String) async throws -> Secret {
        if let token { return token }
        let new = try await login.token(requests, for: name)
        known.register(new)
        token = new
        return new
    }
}
