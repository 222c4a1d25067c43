public import Metadata
public import Primitives

/// Sorts a failure for `audit.entity_layer_run.error_kind`.
public enum ErrorKind: String, Sendable {
    /// The source did something wrong.
    case connector
    /// Credentials were refused or are missing.
    case auth
    /// Too many requests.
    case rateLimit = "rate_limit"
    /// A payload is not what it claims to be.
    case parse
    /// A table or field has another shape than the metadata says.
    case schema
    /// Too many records were rejected, or a check failed.
    case quality
    /// A batch would delete more than its entity allows.
    case guarded = "guard"
    /// The merge could not be done.
    case merge
    /// PostgreSQL refused a statement.
    case sql
    /// It took too long.
    case timeout
    /// Somebody stopped it.
    case cancelled
    /// A fault of medallion or of its machine.
    case `internal`
}

/// Why a step failed, wrapped exactly once: layer, entity and batch around the cause.
public struct LayerFailure: Error, Sendable, CustomStringConvertible {
    /// The layer that failed.
    public var layer: Layer
    /// The entity (or gold script) that failed.
    public var entity: EntityID
    /// The run whose step it was.
    public var runID: UUIDValue
    /// The failure's kind.
    public var kind: ErrorKind
    /// The cause in one line, safe for log, audit and page.
    public var message: String
    /// True when the same attempt may succeed later.
    public var isTransient: Bool
    /// True when the failure is one of infrastructure: server gone, disk full.
    public var isInfrastructure = false

    /// `raw shop.orders: …`.
    public var description: String { "\(layer.rawValue) \(entity): \(message)" }
}

/// A step's own reason to fail.
public struct StepError: Error, Sendable, CustomStringConvertible {
    /// The failure's kind.
    public var kind: ErrorKind
    /// What, on which object, why, and what to do: one line.
    public var description: String
    /// True where this machine is to blame: a disk that is full, or may not be written.
    public var isInfrastructure: Bool

    /// A reason to fail.
    public init(_ kind: ErrorKind, _ message: String, isInfrastructure: Bool = false) {
        self.kind = kind
        description = message
        self.isInfrastructure = isInfrastructure
    }
}
