public import ConnectorKit

/// A place where secrets come from. Providers are asked in turn; the first that has the name answers.
public protocol SecretProvider: Sendable {
    /// What people call it: `environment`, `vault https://…`.
    var title: String { get }
    /// What to do so that it has the secret: half a sentence, `set the environment variable …`.
    func remedy(for name: String) -> String
    /// The secret; nil where the provider does not have it, and the next one is asked.
    /// - Throws: `ConnectorError` where nobody can tell, which ends the search: another provider's answer would depend
    ///   on the weather. `CancellationError`.
    func value(of name: String) async throws -> Secret?
}

/// A provider that answers without waiting.
public protocol LocalSecretProvider: SecretProvider {
    /// The secret; nil where the provider does not have it.
    /// - Throws: `ConnectorError` where nobody can tell.
    func localValue(of name: String) throws -> Secret?
}

extension LocalSecretProvider {
    /// The same, for those who may wait.
    public func value(of name: String) async throws -> Secret? { try localValue(of: name) }
}

/// `MEDALLION_SECRET_<NAME>`.
public struct EnvironmentSecrets: LocalSecretProvider {
    private let store: EnvironmentSecretStore

    /// Over the environment, which only the composition root reads.
    public init(environment: [String: String]) {
        store = EnvironmentSecretStore(environment: environment, folders: [])
    }

    /// `environment`.
    public var title: String { "environment" }

    /// Names the variable.
    public func remedy(for name: String) -> String {
        "set the environment variable \(EnvironmentSecretStore.variable(for: name))"
    }

    /// The variable's value.
    public func localValue(of name: String) throws -> Secret? { store.variableValue(of: name) }
}

/// A file of the secret's name in one of some folders; one line end at its end is no part of the secret.
public struct FileSecrets: LocalSecretProvider {
    private let store: EnvironmentSecretStore
    private let folders: [String]

    /// Over folders with absolute paths.
    public init(folders: [String]) {
        self.folders = folders
        store = EnvironmentSecretStore(environment: [:], folders: folders)
    }

    /// `files`.
    public var title: String { "files" }

    /// Names the files.
    public func remedy(for name: String) -> String {
        "write it into " + folders.map { "\($0)/\(name)" }.joined(separator: " or ")
    }

    /// The first file's content.
    public func localValue(of name: String) throws -> Secret? { try store.fileValue(of: name) }
}
