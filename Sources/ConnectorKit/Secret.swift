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
    /// The secret's value.
    /// - Throws: `ConnectorError` of kind auth, naming the secret and how to set it.
    func secret(named name: String) throws -> Secret
}

/// A reference to a secret in a connector's configuration: `{"secret": "name"}`.
public struct SecretReference: Decodable, Sendable, Hashable {
    /// The secret's name.
    public var secret: String
    /// A reference to the secret of that name.
    public init(secret: String) { self.secret = secret }
}
