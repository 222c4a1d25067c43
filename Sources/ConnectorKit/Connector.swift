public import JSON
public import Logging
public import Metadata
public import Primitives

/// A JSON object of metadata that belongs to a connector: `connection` of a system, `source` of an entity.
///
/// `fields` is written once; validation, defaults, JSON Schema and `medallion connectors describe` come from it.
/// Defaults are filled into the JSON before it is decoded, so that a synthesized `init(from:)` is enough.
public protocol ConnectorConfiguration: Decodable, Sendable {
    /// Every attribute, in the order in which people should read them.
    static var fields: [Field] { get }
}

/// A type of source: lands what a system holds as raw files.
///
/// A connector sees no database and no pipeline. It reads from its source and writes every payload, as received,
/// to the `RawWriter`; nothing else leaves it. It checks `Task.checkCancellation()` once per payload.
public protocol Connector: Sendable {
    /// The attributes of the system's `connection`.
    associatedtype Configuration: ConnectorConfiguration
    /// The attributes of an entity's `source`.
    associatedtype Source: ConnectorConfiguration

    /// The `type` of a system that selects this connector; may be dotted (`rest.github`).
    static var name: String { get }
    /// One sentence: what it reads.
    static var summary: String { get }
    /// A complete example: `[system object, entity object]` as JSON.
    static var example: String { get }

    /// True where `source` says that records are rows of strings, as in CSV; false as a rule.
    static func isTabular(_ source: Source) -> Bool
    /// What is wrong with a `source` whose fields are right, each at its place within; nothing by default.
    static func objections(to source: JSONValue) -> [ConnectorDescription.Objection]
    /// True where it asks once for each of `LoadWindow.parents`; false by default.
    static var takesParents: Bool { get }
    /// True where it can tell that nothing changed since a state that it noted; false by default.
    static var revalidates: Bool { get }
    /// True where it notes a state, so that a delta load needs the one of the batch before; false by default.
    static var keepsState: Bool { get }

    /// Makes a connector for one system. Opens nothing yet.
    init(_ configuration: Configuration, context: ConnectorContext) throws

    /// How documents lie in the payloads that `land` will write for this source.
    func shape(of source: Source) throws -> DocumentShape

    /// Asks the source whether it lets us in: one line for each thing found, as in `PostgreSQL 15.18 as reader`.
    ///
    /// nil, the default, where the type has no question of its own: the first payload of each entity is then read.
    /// - Throws: `ConnectorError` that says what was refused and what to do.
    func check() async throws -> [String]?

    /// What the source's own catalogue offers; nil, the default, where it has none and only samples can tell.
    /// - Throws: `ConnectorError` when the source refuses.
    func discover() async throws -> [DiscoveredEntity]?

    /// Lands one batch. Throws `ConnectorError` when the source refuses, lies or breaks off.
    func land(_ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter) async throws

    /// Called once when nothing more will be asked of it, also after a failure: a logout. Never fails a run; does
    /// nothing by default.
    func close() async
}

extension Connector {
    /// nil: it has no question of its own.
    public func check() async throws -> [String]? { nil }

    /// nil: it has no catalogue.
    public func discover() async throws -> [DiscoveredEntity]? { nil }

    /// Nothing: it holds nothing that its source should get back.
    public func close() async {}

    /// Nothing.
    public static func objections(to source: JSONValue) -> [ConnectorDescription.Objection] { [] }

    /// False: an entity is asked for as a whole.
    public static var takesParents: Bool { false }

    /// False: what did not change is landed again.
    public static var revalidates: Bool { false }

    /// False: where to begin is told by the window alone.
    public static var keepsState: Bool { false }

    /// What the metadata loader and `describe` need to know.
    public static var description: ConnectorDescription {
        ConnectorDescription(
            name: name, summary: summary, connectionFields: Configuration.fields, sourceFields: Source.fields,
            example: example, takesParents: takesParents, objections: { objections(to: $0) }
        ) { source in
            // A source that cannot be decoded has been reported by the check of its fields.
            guard let source = try? MetadataDecoding.decode(Source.self, from: source) else { return false }
            return isTabular(source)
        }
    }

    /// Records are JSON documents.
    public static func isTabular(_ source: Source) -> Bool { false }
}

/// What a connector may use besides its configuration.
public struct ConnectorContext: Sendable {
    /// The system that it serves.
    public var system: SystemID
    /// The project's folder; relative paths in metadata start here.
    public var projectFolder: String
    /// The process's environment, for `${VAR}` in paths; the composition root reads it.
    public var environment: [String: String]
    /// The system's `connection` as checked: free-form attributes keep their order and the text of their numbers only
    /// here.
    public var connection: JSONValue = .object([])
    /// Looks up secrets by name.
    public var secrets: any SecretStore
    /// How much the system may be asked, by all its entities together.
    public var budget: RateBudget
    /// For how it happened; facts go to the audit.
    public var logger: Logger

    /// What a connector may use besides its configuration.
    public init(
        system: SystemID, projectFolder: String, environment: [String: String], secrets: any SecretStore,
        budget: RateBudget = RateBudget(), logger: Logger
    ) {
        self.system = system
        self.projectFolder = projectFolder
        self.environment = environment
        self.secrets = secrets
        self.budget = budget
        self.logger = logger
    }
}

extension ConnectorContext {
    /// A path of metadata; a relative one starts at the project's folder.
    public func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(projectFolder)/\(path)" }
}

/// What to fetch.
public struct LoadWindow: Sendable {
    /// Everything, or changes only.
    public var loadType: LoadType
    /// Lower bound of a delta load, lookback applied: the text to put into the request; nil = from the beginning.
    public var from: String?
    /// Upper bound, noted before the first request.
    public var until: Instant
    /// What the connector noted as its state in the last registered batch; nil in a full load.
    public var state: String?
    /// The rows for each of which the source is to be asked; nil for an entity that is asked for as a whole.
    public var parents: ParentRows?
    /// What the connector noted as its state in the batch that still is the whole truth: where the source says that
    /// nothing changed since, `RawWriter.noteUnchanged` lands it anew. Nil where it must be read in any case.
    public var unchangedSince: String?

    /// A window.
    public init(loadType: LoadType, from: String? = nil, until: Instant, state: String? = nil) {
        self.loadType = loadType
        self.from = from
        self.until = until
        self.state = state
    }
}

/// Why a connector failed: what was attempted, on which object, why, and what to do. Never a secret.
public struct ConnectorError: Error, Sendable, CustomStringConvertible {
    /// Sorts the failure for the audit's `error_kind`.
    public enum Kind: String, Sendable {
        /// Anything else that the source did wrong.
        case connector
        /// Credentials refused or missing.
        case auth
        /// Too many requests.
        case rateLimit = "rate_limit"
        /// The payload is not what it claims to be.
        case parse
        /// No answer in time.
        case timeout
    }
    /// The failure's kind.
    public var kind: Kind
    /// What was attempted, on what, and what happened: one line.
    public var message: String
    /// What to do: one sentence; may be empty.
    public var hint: String
    /// True when the same attempt may succeed later.
    public var isTransient: Bool

    /// A failure of the source.
    public init(_ message: String, kind: Kind = .connector, hint: String = "", isTransient: Bool = false) {
        self.message = message
        self.kind = kind
        self.hint = hint
        self.isTransient = isTransient
    }

    /// One line, safe for log, audit and page.
    public var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}
