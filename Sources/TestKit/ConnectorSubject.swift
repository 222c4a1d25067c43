public import ConnectorKit
import Synchronization

/// A connector under test: metadata that lands something, metadata that the source refuses, and a canary secret.
public struct ConnectorSubject: Sendable {
    /// The connector's name.
    public var name: String
    /// The system as JSON.
    public var system: String
    /// The entity as JSON, with the system's id.
    public var entity: String
    /// The same entity as JSON, asking for what the source refuses.
    public var refusedEntity: String
    /// The records that `entity` has.
    public var records: Int
    /// The value of every secret that the system names: long and unmistakable.
    public var canary: String
    /// The secrets that the system names.
    public var secretNames: [String]
    /// Files, servers and what else must live as long as the subject.
    public var resources: [any Sendable]

    /// A connector under test.
    public init(
        name: String, system: String, entity: String, refusedEntity: String, records: Int,
        canary: String = "canary-7f3a9c51e2", secretNames: [String] = [], resources: [any Sendable] = []
    ) {
        self.name = name
        self.system = system
        self.entity = entity
        self.refusedEntity = refusedEntity
        self.records = records
        self.canary = canary
        self.secretNames = secretNames
        self.resources = resources
    }
}

/// Secrets for tests: a fixed set by name.
public struct FixedSecretStore: SecretStore {
    private let values: [String: String]

    /// A store of these secrets.
    public init(_ values: [String: String] = [:]) { self.values = values }

    /// The secret, or the error that the product's store throws.
    public func secret(named name: String) throws -> Secret {
        guard let value = values[name] else {
            throw ConnectorError("the secret '\(name)' is not set", kind: .auth, hint: "set it")
        }
        return Secret(value)
    }
}

/// Keeps every line that was logged.
public final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    /// An empty record.
    public init() {}

    /// Every line so far.
    public var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func append(_ line: String) { lines.withLock { $0.append(line) } }
}
