public import ConnectorKit
public import Logging
public import Metadata
public import Postgres
public import Primitives

/// Whether batches may take a shorter way to the same tables. A run takes it where it is worth it; tests take all or none.
public enum Shortcuts: Sendable {
    /// Where they are possible.
    case always
    /// Where they save something.
    case whereWorth
    /// Nowhere.
    case never
}

/// Everything that runs share: the project, its metadata, the database and the outside world. Made by the composition
/// root, passed down, never looked up.
public struct Workspace: Sendable {
    /// The project's folder.
    public var projectFolder: String
    /// The metadata that this invocation uses; a run never sees a later one.
    public var catalog: Catalog
    /// The gold scripts.
    public var gold: GoldGraph
    /// The connector types.
    public var connectors: ConnectorRegistry
    /// The process's environment, for `${VAR}` in metadata.
    public var environment: [String: String]
    /// Where secrets come from.
    public var secrets: any SecretStore
    /// The raw files.
    public var store: RawStore
    /// Connections to it.
    public var pool: PostgresPool
    /// How many connections the pool has, at least 4.
    public var connections: Int
    /// Where "now" comes from.
    public var clock: any WallClock
    /// For how it happened.
    public var logger: Logger
    /// Hears what happens.
    public var observer: any RunObserver
    /// The program's version, for the audit.
    public var appVersion: String
    /// The machine's name, for the audit.
    public var host: String
    /// The process id, for the audit.
    public var processID: Int
    /// Whether batches may take a shorter way to the same tables.
    public var shortcuts = Shortcuts.whereWorth
    /// How often a run says that it is alive, and looks who keeps it waiting.
    public var pulse = Duration.seconds(10)

    /// What the server knows a process's sessions by, so that whoever takes over from one that hangs can end them.
    public static func sessionName(_ host: String, _ processID: Int) -> String { "medallion \(processID)@\(host)" }

    /// Everything that runs share.
    public init(
        projectFolder: String, catalog: Catalog, gold: GoldGraph, connectors: ConnectorRegistry,
        environment: [String: String], secrets: any SecretStore, store: RawStore,
        pool: PostgresPool,
        connections: Int,
        clock: any WallClock, logger: Logger, observer: any RunObserver, appVersion: String, host: String,
        processID: Int
    ) {
        self.projectFolder = projectFolder
        self.catalog = catalog
        self.gold = gold
        self.connectors = connectors
        self.environment = environment
        self.secrets = secrets
        self.store = store
        self.pool = pool
        self.connections = connections
        self.clock = clock
        self.logger = logger
        self.observer = observer
        self.appVersion = appVersion
        self.host = host
        self.processID = processID
    }
}
