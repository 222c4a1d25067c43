public import JSON

/// A secret value; prints as `‹secret›` wherever it is shown.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String
    /// Wraps a secret value.
    public init(_ value: String) { self.value = value }
    /// Hands the value to the one place that needs it.
    public func reveal() -> String { value }
    /// `‹secret›`.
    public var description: String { "‹secret›" }
    /// `‹secret›`.
    public var debugDescription: String { "‹secret›" }
    /// Shows no children, so that `dump` prints nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Looks up secrets by the names that metadata uses: `{"secret": "name"}`.
public protocol SecretStore: Sendable {
    /// Every secret that was handed out, and what was derived from one: `known.register` what you derive yourself.
    var known: KnownSecrets { get }

    /// Fetches secrets that only waiting can bring, so that `secret(named:)` answers at once.
    ///
    /// What cannot be fetched is no failure yet: `secret(named:)` throws it when somebody asks for the name.
    /// - Throws: `CancellationError` only.
    func prepare(_ names: Set<String>) async throws

    /// The secret's value.
    /// - Throws: `ConnectorError` of kind auth, naming the secret and how to set it.
    func secret(named name: String) throws -> Secret
}

extension SecretStore {
    /// None: a store that keeps no account of what it hands out.
    public var known: KnownSecrets { KnownSecrets() }

    /// Nothing: a store that has everything at hand.
    public func prepare(_ names: Set<String>) async throws {}
}

/// A reference to a secret in a connector's configuration: `{"secret": "name"}`.
public struct SecretReference: Decodable, Sendable, Hashable {
    /// The secret's name.
    public var secret: String
    /// A reference to the secret of that name.
    public init(secret: String) { self.secret = secret }

    /// The names of every reference within a JSON value.
    public static func names(in value: JSONValue) -> Set<String> {
        switch value {
        case .object(let members):
            if members.count == 1, let name = value["secret"]?.stringValue { return [name] }
            return members.reduce(into: []) { $0.formUnion(names(in: $1.value)) }
        case .array(let elements): return elements.reduce(into: []) { $0.formUnion(names(in: $1)) }
        case .null, .bool, .number, .string: return []
        }
    }
}
