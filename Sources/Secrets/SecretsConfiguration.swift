public import ConnectorKit
internal import Foundation
internal import JSON
internal import Metadata
public import Primitives

/// `metadata/secrets.json`: which providers are asked for a secret, in which order.
///
///     {"providers": [{"type": "environment"}, {"type": "store"},
///                    {"type": "vault", "address": "https://vault.example.com:8200", "path": "medallion/{name}",
///                     "auth": {"type": "approle", "role_id": "…", "secret_id": {"secret": "vault_secret_id"}}}]}
///
/// Without the file: environment, files, store.
public struct SecretsConfiguration: Sendable {
    /// The file, from the project's folder on.
    public static let file = "metadata/secrets.json"

    private let projectFolder: String
    private let environment: [String: String]
    private let providers: [JSONValue]

    /// Reads a project's configuration.
    /// - Throws: `MetadataError` with every problem of the file.
    public init(projectFolder: String, environment: [String: String]) throws {
        self.projectFolder = projectFolder
        self.environment = environment
        let path = "\(projectFolder)/\(Self.file)"
        guard FileManager.default.fileExists(atPath: path) else {
            var check = FieldCheck(file: Self.file)
            let standard: JSONValue = .object([
                JSONMember(
                    "providers",
                    .array(["environment", "files", "store"].map { .object([JSONMember("type", .string($0))]) }))
            ])
            providers = check.check(standard, against: Self.fields)["providers"]?.arrayValue ?? []
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw MetadataError([
                MetadataProblem(
                    file: Self.file, path: "", what: "the file cannot be read",
                    expected: "a file that this user may read")
            ])
        }
        var check = FieldCheck(file: Self.file)
        do {
            let right = check.check(try JSONReader.parse(Array(data)), against: Self.fields)
            providers = right["providers"]?.arrayValue ?? []
        } catch {
            throw MetadataError([
                MetadataProblem(
                    file: Self.file, path: "line \(error.line), column \(error.column)", what: error.what,
                    expected: error.expected)
            ])
        }
        for (index, provider) in providers.enumerated() {
            let place = JSONPointer(["providers", String(index)])
            switch provider["type"]?.stringValue {
            case "vault":
                let hasName = ["path", "field"].contains { provider[$0]?.stringValue?.contains("{name}") == true }
                if !hasName {
                    check.report(place, "neither path nor field has {name}", expected: "{name} in one of them")
                }
            case "command":
                if provider["command"]?.arrayValue?.isEmpty != false {
                    check.report(place.appending("command"), "empty", expected: "a program and its arguments")
                }
            default: break
            }
        }
        if providers.isEmpty, check.problems.isEmpty {
            check.report(.root, "no providers", expected: "at least one, or no such file")
        }
        guard check.problems.isEmpty else { throw MetadataError(check.problems) }
    }

    /// The encrypted store: the configured one, else the one of the project.
    public var store: EncryptedStore { get throws { try store(stored ?? StoreSettings()) } }

    /// Where the key of the encrypted store is looked for.
    public var key: StoreKey { get throws { try store.key } }

    private var stored: StoreSettings? {
        get throws {
            try providers.first { $0["type"]?.stringValue == "store" }
                .map { try MetadataDecoding.decode(StoreSettings.self, from: $0) }
        }
    }

    /// The providers as a store that registers what it learns.
    /// - Throws: `ConnectorError` for a provider that cannot be.
    public func chain(known: KnownSecrets, clock: any WallClock) throws -> SecretChain {
        for name in [StoreKey.variable, "VAULT_TOKEN"] {
            if let value = environment[name] { known.register(Secret(value)) }
        }
        var chain: [any SecretProvider] = []
        for provider in providers {
            let earlier = SecretChain(chain, known: known, clock: clock)
            chain.append(try make(provider, known: known) { try await earlier.answer(for: $0).secret })
        }
        return SecretChain(chain, known: known, clock: clock)
    }

    private func make(
        _ provider: JSONValue, known: KnownSecrets, credentials: @escaping @Sendable (String) async throws -> Secret
    ) throws -> any SecretProvider {
        switch provider["type"]?.stringValue {
        case "files":
            let folders = provider["folders"]?.arrayValue?.compactMap(\.stringValue) ?? []
            return FileSecrets(folders: folders.map(absolute))
        case "store":
            return StoredSecrets(store: store(try MetadataDecoding.decode(StoreSettings.self, from: provider)))
        case "vault":
            return try VaultSecrets(
                try MetadataDecoding.decode(VaultSecrets.Settings.self, from: provider), environment: environment,
                projectFolder: projectFolder, known: known, credentials: credentials)
        case "command":
            return CommandSecrets(
                try MetadataDecoding.decode(CommandSecrets.Settings.self, from: provider), environment: environment,
                projectFolder: projectFolder, known: known)
        default: return EnvironmentSecrets(environment: environment)
        }
    }

    private struct StoreSettings: Decodable {
        var file = ".medallion/secrets.json"
        var keyFile: String?
    }

    private func store(_ settings: StoreSettings) -> EncryptedStore {
        EncryptedStore(
            path: absolute(settings.file),
            key: StoreKey(environment: environment, keyFile: settings.keyFile.map(absolute)))
    }

    /// `~/` is the home folder; anything else that is relative starts at the project.
    private func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        if path.hasPrefix("~/"), let home = environment["HOME"] { return home + path.dropFirst() }
        return "\(projectFolder)/\(path)"
    }
}

extension SecretsConfiguration {
    /// Every attribute of the file.
    static var fields: [Field] {
        [
            Field("$schema", .string, "The JSON Schema for editors."),
            Field(
                "providers",
                .array(
                    .variant(
                        "type",
                        [
                            .init("environment"), .init("files", files), .init("store", store), .init("vault", vault),
                            .init("command", command),
                        ])), required: true, "Asked in this order; the first that has a secret answers."),
        ]
    }

    private static var files: [Field] {
        [
            Field(
                "folders", .array(.string), default: .array([.string("/run/secrets"), .string("secrets")]),
                "Folders with a file for each secret, from the project's folder on.")
        ]
    }

    private static var store: [Field] {
        [
            Field("file", .string, default: .string(".medallion/secrets.json"), "The encrypted file."),
            Field("key_file", .string, "The key's file; the variables MEDALLION_SECRETS_KEY… come first."),
        ]
    }

    private static var command: [Field] {
        [
            Field(
                "command", .array(.string), required: true,
                "The program and its arguments; {name} is the secret's name."),
            Field("timeout_s", .int(1...600), default: .number("10"), "Seconds that it may take."),
            Field(
                "missing_codes", .array(.int(1...255)), default: .array([]),
                "Exit codes that mean: there is no such secret, ask the next provider."),
        ]
    }

    private static var vault: [Field] {
        [
            Field("address", .string, required: true, "As in https://vault.example.com:8200."),
            Field("namespace", .string, "The namespace, for servers that have them."),
            Field("mount", .string, default: .string("secret"), "Where the key-value engine (version 2) is mounted."),
            Field(
                "path", .string, default: .string("{name}"), "The path below the mount; {name} is the secret's name."),
            Field("field", .string, default: .string("value"), "The field; {name} is the secret's name."),
            Field(
                "names",
                .map(.object([Field("path", .string, "The path."), Field("field", .string, "The field.")])),
                "Secrets that are elsewhere, by name."),
            Field("ca_file", .string, "A PEM file of authorities to trust instead of the system's."),
            Field("timeout_s", .int(1...600), default: .number("10"), "Seconds for one request."),
            Field(
                "auth",
                .variant(
                    "type",
                    [
                        .init(
                            "token",
                            [
                                Field("token", .string, secret: true, "The token, from a provider before this one."),
                                Field("token_file", .string, "A file with the token; without both: VAULT_TOKEN."),
                            ]),
                        .init(
                            "approle",
                            [
                                Field("role_id", .string, required: true, "The role."),
                                Field(
                                    "secret_id", .string, required: true, secret: true,
                                    "Its secret id, from a provider before this one."),
                                Field("mount", .string, default: .string("approle"), "Where the method is mounted."),
                            ]),
                    ]), default: .object([JSONMember("type", .string("token"))]), "How the server knows us."),
        ]
    }
}
