public import JSON

/// The id of a source system: `^[a-z][a-z0-9_]{0,29}$`. Folder, table prefix and audit key at once.
public struct SystemID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The id as written in `metadata/systems.json`.
    public let rawValue: String
    /// Wraps an id that the loader has checked.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// The reserved system under which gold builds are audited.
    public static let gold = SystemID(rawValue: "gold")
    /// The id itself.
    public var description: String { rawValue }
    /// Byte order.
    public static func < (left: SystemID, right: SystemID) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }
}

/// A source that is ingested: one object of `metadata/systems.json`.
public struct SourceSystem: Sendable {
    /// What to do with the system's other entities once one failed.
    public enum FailurePolicy: String, Sendable, CaseIterable {
        /// Go on with the siblings.
        case `continue`
        /// Start no further entity.
        case halt
    }

    /// So many requests in so many seconds.
    public struct RateLimit: Sendable, Hashable {
        /// Requests.
        public var requests: Int
        /// Seconds.
        public var seconds: Double
        /// A limit.
        public init(requests: Int, seconds: Double) {
            self.requests = requests
            self.seconds = seconds
        }
    }

    /// The schemas that hold the system's bronze and silver tables.
    public struct Schemas: Sendable, Hashable {
        /// Schema of the bronze tables; `bronze` by default.
        public var bronze: String
        /// Schema of the silver tables; `silver` by default.
        public var silver: String
        /// The two schema names.
        public init(bronze: String = "bronze", silver: String = "silver") {
            self.bronze = bronze
            self.silver = silver
        }
    }

    /// `id`.
    public var id: SystemID
    /// `name`, for people.
    public var name: String
    /// `description`.
    public var description: String
    /// `type`: the connector's name, possibly dotted.
    public var type: String
    /// `connection`: checked against the connector's fields, defaults filled in; an object.
    public var connection: JSONValue
    /// `active`; an inactive system is not run.
    public var isActive: Bool
    /// `owner`.
    public var owner: String?
    /// `tags`.
    public var tags: [String]
    /// `schedule`: a cron expression of five fields.
    public var schedule: String?
    /// `timezone`: IANA name, used where a timestamp has no offset.
    public var timezone: String
    /// `after`: systems that run before this one.
    public var after: [SystemID]
    /// `on_failure`.
    public var onFailure: FailurePolicy
    /// `retries`: how often a transient error is tried again within the run.
    public var retries: Int
    /// `timeout_s`: seconds that one run may take.
    public var timeoutSeconds: Int
    /// `concurrency`: entities at once.
    public var concurrency: Int
    /// `rate_limit`: how much the system may be asked by all its entities together; nil: without limit.
    public var rateLimit: RateLimit?
    /// `schemas`.
    public var schemas: Schemas
    /// Where the object stands: `metadata/systems.json: systems[0]`.
    public var origin: String

    /// A system; the loader fills every attribute, tests name only what they need.
    public init(
        id: SystemID, name: String, description: String, type: String, connection: JSONValue, isActive: Bool = true,
        owner: String? = nil, tags: [String] = [], schedule: String? = nil, timezone: String = "UTC",
        after: [SystemID] = [], onFailure: FailurePolicy = .continue, retries: Int = 0, timeoutSeconds: Int = 3600,
        concurrency: Int = 4, rateLimit: RateLimit? = nil, schemas: Schemas = Schemas(), origin: String = ""
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.type = type
        self.connection = connection
        self.isActive = isActive
        self.owner = owner
        self.tags = tags
        self.schedule = schedule
        self.timezone = timezone
        self.after = after
        self.onFailure = onFailure
        self.retries = retries
        self.timeoutSeconds = timeoutSeconds
        self.concurrency = concurrency
        self.rateLimit = rateLimit
        self.schemas = schemas
        self.origin = origin
    }
}
