import Foundation
import Postgres
import TestKit
import Testing

@Suite("A private cluster", .serialized, .timeLimit(.minutes(2)))
struct PrivateClusterTests {
    /// A project of its own; the cluster is stopped at the end whatever happens.
    private func withProject(_ body: (PrivateCluster, _ folder: String) async throws -> Void) async throws {
        let folder = try TestServers.makeProjectFolder()
        let cluster = TestServers.cluster(in: folder)
        do {
            try await body(cluster, folder)
        } catch {
            try await cluster.stop()
            throw error
        }
        try await cluster.stop()
    }

    private func systemIdentifier(_ configuration: PostgresConfiguration) async throws -> String {
        try await withConnection(to: configuration) { connection in
            try await connection.query("SELECT system_identifier::text FROM pg_control_system()")[0].get(0)
        }
    }

    @Test("starts from nothing, on a private socket only, and stops with its last user")
    func fromNothing() async throws {
        try await withProject { cluster, folder async throws in
            let before = try await cluster.status()
            #expect(!before.isRunning)
            #expect(before.majorVersion == nil)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/.medallion"))
            let lease = try await cluster.acquire()
            let status = try await cluster.status()
            #expect(status.isRunning)
            #expect(!status.isKept)
            #expect(status.majorVersion ?? 0 >= 14)
            #expect(status.dataFolder == "\(folder)/.medallion/postgres")
            #expect("\(status.socketFolder)/.s.PGSQL.5432".utf8.count <= 100)
            #expect(status.url == lease.configuration.url)
            #expect(try await cluster.url == status.url)
            let mode = try FileManager.default.attributesOfItem(atPath: status.socketFolder)[.posixPermissions] as? Int
            #expect(mode == 0o700)
            #expect(try String(contentsOfFile: "\(folder)/.medallion/.gitignore", encoding: .utf8) == "*\n")
            try await withConnection(to: lease.configuration) { connection in
                let row = try await connection.query(
                    """
                    SELECT current_database()::text AS database, current_user::text AS role,
                        current_setting('listen_addresses') AS addresses, current_setting('server_encoding') AS encoding,
                        current_setting('data_checksums') AS checksums, upper('ä') AS upper,
                        (SELECT datcollate FROM pg_database WHERE datname = current_database()) AS collation
                    """)[0]
                let texts: [String] = try [
                    "database", "role", "addresses", "encoding", "checksums", "upper", "collation",
                ]
                .map { try row.get($0) }
                #expect(texts == ["medallion", "medallion", "", "UTF8", "on", "Ä", "C"])
            }
            await lease.release()
            await lease.release()
            #expect(try await cluster.status().isRunning == false)
            #expect(!FileManager.default.fileExists(atPath: status.socketFolder))
            #expect(try await cluster.stop() == .wasNotRunning)
        }
    }

    @Test("runs until the last of its users is out, and keeps the data")
    func lastOneOut() async throws {
        try await withProject { cluster, _ async throws in
            let first = try await cluster.acquire()
            let second = try await cluster.acquire()
            let identifier = try await systemIdentifier(first.configuration)
            await first.release()
            #expect(try await cluster.status().isRunning)
            #expect(try await systemIdentifier(second.configuration) == identifier)
            await second.release()
            #expect(try await cluster.status().isRunning == false)
            let third = try await cluster.acquire()
            #expect(try await systemIdentifier(third.configuration) == identifier)
            await third.release()
        }
    }

    @Test("is made once when many start it at the same time")
    func manyAtOnce() async throws {
        try await withProject { cluster, _ async throws in
            let identifiers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let lease = try await cluster.acquire()
                        let identifier = try await systemIdentifier(lease.configuration)
                        await lease.release()
                        return identifier
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(identifiers.count == 1)
            #expect(try await cluster.status().isRunning == false)
        }
    }

    @Test("stays after `start` until `stop`")
    func kept() async throws {
        try await withProject { cluster, _ async throws in
            let started = try await cluster.start()
            #expect(started.isRunning && started.isKept)
            let lease = try await cluster.acquire()
            await lease.release()
            #expect(try await cluster.status().pid == started.pid)
            let user = try await cluster.acquire()
            #expect(try await cluster.stop() == .stopsAfterUse)
            #expect(try await cluster.status().isRunning)
            await user.release()
            let stopped = try await cluster.status()
            #expect(!stopped.isRunning && !stopped.isKept)
        }
    }

    @Test("left running by a process that was killed is found, used and stopped by the next one")
    func killedClient() async throws {
        try await withProject { cluster, folder async throws in
            await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String] in
                _ = try await TestServers.cluster(in: folder).acquire()
                kill(getpid(), SIGKILL)
            }
            let left = try await cluster.status()
            #expect(left.isRunning)
            let lease = try await cluster.acquire()
            #expect(try await cluster.status().pid == left.pid)
            #expect(!(try await systemIdentifier(lease.configuration)).isEmpty)
            await lease.release()
            #expect(try await cluster.status().isRunning == false)
        }
    }

    @Test("whose server was killed recovers, also when the old process number is another program's now")
    func killedServer() async throws {
        try await withProject { cluster, folder async throws in
            let lease = try await cluster.acquire()
            let identifier = try await systemIdentifier(lease.configuration)
            let pid = try #require(try await cluster.status().pid)
            kill(pid, SIGKILL)
            #expect(try await eventually { try await !cluster.status().isRunning })
            let again = try await cluster.acquire()
            #expect(try await systemIdentifier(again.configuration) == identifier)
            let second = try #require(try await cluster.status().pid)
            kill(second, SIGKILL)
            #expect(try await eventually { try await !cluster.status().isRunning })
            let file = "\(folder)/.medallion/postgres/postmaster.pid"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacingOccurrences(of: "\(second)\n", with: "\(getpid())\n")
                .write(toFile: file, atomically: false, encoding: .utf8)
            #expect(try await cluster.status().isRunning == false)
            let third = try await cluster.acquire()
            #expect(try await systemIdentifier(third.configuration) == identifier)
            for lease in [lease, again, third] { await lease.release() }
            #expect(try await cluster.status().isRunning == false)
        }
    }

    @Test("is not confused by what an interrupted first start left behind")
    func interruptedCreation() async throws {
        try await withProject { cluster, folder async throws in
            let leftover = "\(folder)/.medallion/postgres.new.1"
            try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: true)
            chmod("\(folder)/.medallion", 0o711)
            try "half".write(toFile: "\(leftover)/PG_VERSION", atomically: false, encoding: .utf8)
            // The initdb of the killed process goes on for a while.
            let orphan = Task.detached {
                for round in 0..<200 {
                    for file in 0..<50 {
                        _ = FileManager.default.createFile(atPath: "\(leftover)/\(round).\(file)", contents: nil)
                    }
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            let lease = try await cluster.acquire()
            try await orphan.value
            #expect(!FileManager.default.fileExists(atPath: leftover))
            await lease.release()
        }
    }

    @Test("lies in /var/lib/medallion where the server's user cannot reach the project", .enabled(if: getuid() == 0))
    func unreachableProject() async throws {
        try await withProject { cluster, folder async throws in
            chmod(folder, 0o700)
            let lease = try await cluster.acquire()
            let status = try await cluster.status()
            #expect(status.isRunning)
            #expect(status.dataFolder.hasPrefix("/var/lib/medallion/"))
            #expect(!(try await systemIdentifier(lease.configuration)).isEmpty)
            await lease.release()
            #expect(try await cluster.status().isRunning == false)
            try FileManager.default.removeItem(
                atPath: URL(fileURLWithPath: status.dataFolder).deletingLastPathComponent().path)
        }
    }

    @Test("of a folder that does not exist is refused with its path")
    func missingProject() async throws {
        let error = await postgresError { _ = try await TestServers.cluster(in: "/nonexistent/project").acquire() }
        #expect(error?.kind == .usage)
        #expect(error?.description.contains("/nonexistent/project") == true)
    }

    @Test("of an unknown version says which package to install")
    func missingBinaries() async throws {
        try await withProject { cluster, folder async throws in
            let lease = try await cluster.acquire()
            await lease.release()
            let file = "\(folder)/.medallion/postgres/PG_VERSION"
            let version = try String(contentsOfFile: file, encoding: .utf8)
            try "13\n".write(toFile: file, atomically: false, encoding: .utf8)
            let error = await postgresError { _ = try await cluster.acquire() }
            #expect(error?.hint == "install it again: sudo apt-get install postgresql-13")
            try version.write(toFile: file, atomically: false, encoding: .utf8)
        }
    }
}
