import Foundation
public import Logging

/// A PostgreSQL server of the project's own, for those who have no server to name.
///
/// The data lie in `<project>/.medallion/postgres`, or in `/var/lib/medallion/<hash of the path>` where root runs the
/// program and the server's user cannot pass through the project's folders. The server listens on a unix socket in a
/// folder that only its user can enter, never on the network. Each user holds a lease; the last one out stops it.
public struct PrivateCluster: Sendable {
    private let projectFolder: String
    private let logger: Logger
    private let settings: [String]
    private let environment: [String: String]

    /// The cluster of the project in a folder; nothing is made or started yet.
    public init(projectFolder: String, logger: Logger) {
        self.init(projectFolder: projectFolder, logger: logger, settings: Self.defaultSettings)
    }

    package init(
        projectFolder: String, logger: Logger, settings: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.projectFolder = projectFolder
        self.logger = logger
        self.settings = settings
        self.environment = environment
    }

    /// For loading in bulk on a small machine, with one owner and no replicas; an operator may edit `postgresql.conf`.
    package static let defaultSettings = [
        "shared_buffers = \(MachineMemory.sharedBuffers(of: MachineMemory.bytes()))MB", "work_mem = 32MB",
        "maintenance_work_mem = 256MB", "max_wal_size = 4GB",
        "checkpoint_timeout = 15min", "wal_level = minimal", "max_wal_senders = 0",
        "random_page_cost = 1.1", "jit = off", "log_timezone = 'UTC'", "timezone = 'UTC'",
    ]

    /// Makes and starts the server where necessary, and keeps it from being stopped until the lease is released.
    /// - Throws: PostgresError; CancellationError.
    public func acquire() async throws -> ClusterLease {
        let server = try await server(creating: true)
        let starting = try FileLock(server.site.startLockFile)
        try await starting.lock(exclusively: true)
        defer { starting.unlock() }
        let use = try FileLock(server.site.useLockFile)
        try await use.lock(exclusively: false)
        let configuration = try await server.ensureRunning()
        return ClusterLease(configuration: configuration, lock: use, server: server)
    }

    /// Starts the server and keeps it running when nobody uses it, until `stop`.
    @discardableResult
    public func start() async throws -> ClusterStatus {
        let lease = try await acquire()
        let mark = URL(fileURLWithPath: try await server(creating: true).site.keptFile)
        try Data("kept by 'medallion db start'\n".utf8).write(to: mark)
        await lease.release()
        return try await status()
    }

    /// What became of a request to stop.
    public enum StopOutcome: Sendable, Equatable {
        /// The server ran and is stopped.
        case stopped
        /// There was nothing to stop.
        case wasNotRunning
        /// A command is using the server; the last one out stops it.
        case stopsAfterUse
    }

    /// Stops the server, at once when nobody uses it.
    @discardableResult
    public func stop() async throws -> StopOutcome {
        let server = try await server(creating: false)
        guard fileExists(server.site.stateFolder) else { return .wasNotRunning }
        let starting = try FileLock(server.site.startLockFile)
        try await starting.lock(exclusively: true)
        defer { starting.unlock() }
        if fileExists(server.site.keptFile) { try FileManager.default.removeItem(atPath: server.site.keptFile) }
        let use = try FileLock(server.site.useLockFile)
        defer { use.unlock() }
        guard use.tryLock(exclusively: true) else { return .stopsAfterUse }
        guard try server.running() != nil else { return .wasNotRunning }
        try await server.stop()
        return .stopped
    }

    /// What is known without starting anything.
    public func status() async throws -> ClusterStatus {
        let server = try await server(creating: false)
        let running = try server.running()
        let socketFolder =
            running?.socketFolder ?? server.site.socketFolder(runtimeFolder: environment["XDG_RUNTIME_DIR"])
        return ClusterStatus(
            pid: running?.pid, majorVersion: server.site.majorVersion, dataFolder: server.site.dataFolder,
            socketFolder: socketFolder, logFile: server.site.logFile,
            url: server.configuration(socketFolder: socketFolder).url,
            isKept: fileExists(server.site.keptFile))
    }

    /// The URL that other programs (psql) reach the cluster by while it runs.
    public var url: String { get async throws { try await status().url } }

    private func server(creating: Bool) async throws -> ClusterServer {
        ClusterServer(
            site: try await ClusterSite(projectFolder: projectFolder, creating: creating), settings: settings,
            environment: environment, logger: logger)
    }
}

/// The state of a private cluster, as `db status` prints it.
public struct ClusterStatus: Sendable {
    /// The server's process; nil when it does not run.
    public let pid: Int32?
    /// The version of PostgreSQL that made the data; nil before the first start.
    public let majorVersion: Int?
    /// Where the data lie, or will lie.
    public let dataFolder: String
    /// Where the socket is, or will be.
    public let socketFolder: String
    /// The server's own log.
    public let logFile: String
    /// For psql and other programs.
    public let url: String
    /// True between `db start` and `db stop`.
    public let isKept: Bool

    /// True while the server's process exists.
    public var isRunning: Bool { pid != nil }
}

/// The right to use a private cluster; it runs as long as anybody holds one.
public final class ClusterLease: Sendable {
    /// Where to connect.
    public let configuration: PostgresConfiguration
    private let lock: FileLock
    private let server: ClusterServer

    init(configuration: PostgresConfiguration, lock: FileLock, server: ClusterServer) {
        self.configuration = configuration
        self.lock = lock
        self.server = server
    }

    /// Gives the lease back; the last one out stops the server, unless `start` keeps it. Twice is harmless.
    ///
    /// Works in a cancelled task too. A failure is logged: the next user finds the server running.
    public func release() async {
        lock.unlock()
        do {
            let starting = try FileLock(server.site.startLockFile)
            try await starting.lock(exclusively: true, uncancellably: true)
            defer { starting.unlock() }
            let use = try FileLock(server.site.useLockFile)
            defer { use.unlock() }
            guard !fileExists(server.site.keptFile), use.tryLock(exclusively: true) else { return }
            try await server.stop()
        } catch {
            server.logger.warning("The private cluster could not be stopped", metadata: ["reason": "\(error)"])
        }
    }
}
