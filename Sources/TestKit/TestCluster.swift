import Foundation
import Logging
public import Postgres

/// The PostgreSQL server of a test process: a private cluster in a temporary folder, started when first needed and
/// gone with the process, however that ends. Each test makes a database of its own.
///
/// When `MEDALLION_TEST_DATABASE_URL` is set, databases are made on that server instead.
public actor TestCluster {
    /// The one of this process.
    public static let shared = TestCluster()

    private var server: Task<PostgresConfiguration, any Error>?
    private var templates: [String: Task<String, any Error>] = [:]
    private var lastDatabase = 0
    private let prefix = "test_\(getpid())_\(UInt32.random(in: 0...UInt32.max))"

    /// A new, empty database.
    public func database() async throws -> PostgresConfiguration {
        try await makeDatabase(from: "template0")
    }

    /// A copy of a database that `prepare` filled once for all tests that say the same `name`.
    public func database(
        prepared name: String, by prepare: @escaping @Sendable (PostgresConnection) async throws -> Void
    ) async throws -> PostgresConfiguration {
        let template =
            templates[name]
            ?? Task {
                let configuration = try await database()
                let connection = try await PostgresConnection.connect(configuration, applicationName: "test \(name)")
                try await prepare(connection)
                await connection.close()
                return configuration.database ?? ""
            }
        templates[name] = template
        return try await makeDatabase(from: try await template.value)
    }

    private func makeDatabase(from template: String) async throws -> PostgresConfiguration {
        let server = try await startedServer()
        lastDatabase += 1
        let name = "\(prefix)_\(lastDatabase)"
        let connection = try await PostgresConnection.connect(server, applicationName: "test databases")
        try await connection.execute("CREATE DATABASE \(identifier: name) TEMPLATE \(identifier: template)")
        await connection.close()
        return server.database(name)
    }

    private func startedServer() async throws -> PostgresConfiguration {
        if let server { return try await server.value }
        let starting = Task {
            if let url = ProcessInfo.processInfo.environment["MEDALLION_TEST_DATABASE_URL"], !url.isEmpty {
                return try PostgresConfiguration(url: url)
            }
            let folder = try TestServers.makeProjectFolder()
            return try await TestServers.cluster(in: folder).acquire().configuration
        }
        server = starting
        return try await starting.value
    }
}

/// Private clusters for tests, all below one temporary folder that a watchdog clears when the process ends.
public enum TestServers {
    /// The folder of this process, with its watchdog running.
    private static let root = Result { try makeRoot() }

    /// A new project folder; what its cluster leaves running is stopped with the process.
    public static func makeProjectFolder() throws -> String {
        let folder = "\(try root.get())/\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        return folder
    }

    /// A private cluster that forgets everything in a crash, and is faster for it.
    public static func cluster(in projectFolder: String) -> PrivateCluster {
        PrivateCluster(
            projectFolder: projectFolder, logger: Logger(label: "medallion.test"),
            settings: [
                "fsync = off", "synchronous_commit = off", "full_page_writes = off", "shared_buffers = 128MB",
                "max_wal_size = 4GB", "jit = off", "autovacuum = off", "max_connections = 200",
            ])
    }

    /// The watchdog reads from a pipe whose other end only this process holds: its end is the process's end, also after
    /// kill -9. It keeps no other descriptor, since the other end may belong to somebody who waits for it to close.
    /// Then it stops every server below the folder and removes the folder.
    private static func makeRoot() throws -> String {
        let folder = "/tmp/medallion-tests-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let watchdog = Process()
        watchdog.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
        watchdog.arguments = ["/bin/bash", "-c", watchdogScript, "watchdog", folder]
        watchdog.currentDirectoryURL = URL(fileURLWithPath: "/")
        watchdog.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        watchdog.standardOutput = FileHandle.nullDevice
        watchdog.standardError = FileHandle.nullDevice
        try watchdog.run()
        return folder
    }

    private static let watchdogScript = """
        trap '' HUP INT TERM
        for open in /proc/$$/fd/*; do
            descriptor=${open##*/}
            [ "$descriptor" -gt 2 ] && exec {descriptor}>&-
        done
        while read -r line; do :; done
        for file in $(find "$1" -name postmaster.pid); do
            { read -r pid; read -r data; read -r began; read -r port; read -r socket; } < "$file"
            kill -QUIT "$pid"
            for attempt in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" || break; sleep 0.1; done
            case "$socket" in */medallion-*) rm -rf "$socket";; esac
        done
        rm -rf "$1"
        """
}
