import Foundation
import Logging

/// Makes, starts and stops the server of one site. The caller holds the start lock.
struct ClusterServer: Sendable {
    /// The role and the database that a private cluster has.
    static let role = "medallion"
    static let database = "medallion"

    let site: ClusterSite
    /// Lines for `postgresql.conf`, written once by initdb.
    let settings: [String]
    let environment: [String: String]
    let logger: Logger

    func configuration(socketFolder: String) -> PostgresConfiguration {
        PostgresConfiguration(socketFolder: socketFolder, user: Self.role, database: Self.database)
    }

    /// The running server's file; nil when none runs.
    func running() throws -> PostmasterFile? {
        guard site.hasData, let file = try PostmasterFile(dataFolder: site.dataFolder), file.isAlive else { return nil }
        return file
    }

    /// A server that answers, made and started where necessary, with the database in it.
    func ensureRunning() async throws -> PostgresConfiguration {
        if let server = try running(), let configuration = try await answering(server.socketFolder) {
            return configuration
        }
        if let server = try running() {
            logger.warning(
                "The private cluster does not answer and is started again", metadata: ["pid": "\(server.pid)"])
            try await stop()
        }
        let binaries = try await ServerBinaries.find(
            majorVersion: site.majorVersion, path: environment["PATH"] ?? "")
        if !site.hasData { try await create(with: binaries) }
        let socketFolder = site.socketFolder(runtimeFolder: environment["XDG_RUNTIME_DIR"])
        try removeRecycledLocks(socketFolder)
        try await start(with: binaries, socketFolder: socketFolder)
        guard let configuration = try await answering(socketFolder) else { throw startFailure() }
        return configuration
    }

    // MARK: Making

    /// initdb into a folder with a temporary name, so that a folder named `postgres` is always complete.
    private func create(with binaries: ServerBinaries) async throws {
        logger.info("Making the private cluster", metadata: ["folder": "\(site.dataFolder)"])
        if site.dataParent != site.stateFolder {
            try FileManager.default.createDirectory(
                atPath: site.dataParent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
        try await removeUnfinished()
        let folder = "\(site.dataFolder).new.\(getpid())"
        try site.makePrivateFolder(folder)
        try await ServerCommand(
            binaries.path("initdb"),
            [
                "--pgdata", folder, "--username", Self.role, "--auth=trust", "--encoding=UTF8", "--locale=C",
                "--lc-ctype=C.UTF-8", "--data-checksums",
            ] + (settings.contains("fsync = off") ? ["--no-sync"] : []), user: site.user
        ).succeed("cannot make the private cluster in \(site.dataFolder)")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/postgresql.conf"))
        try file.seekToEnd()
        try file.write(
            contentsOf: Data("\n# Settings of medallion's private cluster\n\(settings.joined(separator: "\n"))\n".utf8))
        try file.synchronize()
        try file.close()
        guard unsafe rename(folder, site.dataFolder) == 0 else { throw systemError("cannot name \(site.dataFolder)") }
    }

    /// What a killed start left. Its initdb may go on for a moment and write into what is being removed; what cannot be removed for
    /// that long is left to the next start.
    private func removeUnfinished() async throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: site.dataParent)
        where name.hasPrefix("postgres.new.") {
            let path = "\(site.dataParent)/\(name)"
            for _ in 0..<50 where FileManager.default.fileExists(atPath: path) {
                do { try FileManager.default.removeItem(atPath: path) } catch { await pause(milliseconds: 100) }
            }
        }
    }

    // MARK: Starting

    private func start(with binaries: ServerBinaries, socketFolder: String) async throws {
        try site.makePrivateFolder(socketFolder)
        rotateLog()
        let options = [
            "-c listen_addresses=", "-c unix_socket_directories=\(shellQuoted(socketFolder))",
            "-c unix_socket_permissions=0700", "-p 5432",
        ]
        // -W: we find out ourselves when it answers, sooner than pg_ctl, which looks ten times a second.
        try await ServerCommand(
            binaries.path("pg_ctl"),
            [
                "start", "-W", "-s", "-D", site.dataFolder, "-l", site.logFile, "-o", options.joined(separator: " "),
                "-p", binaries.path("postgres"),
            ], user: site.user
        ).succeed("cannot start the private cluster in \(site.dataFolder)", hint: "see \(site.logFile)")
        // The server writes its process file before anything that takes time.
        for _ in 0..<300 where try running() == nil { await pause(milliseconds: 10) }
    }

    /// Connects as soon as the server does; nil when it is gone or has no socket any more.
    private func answering(_ socketFolder: String) async throws -> PostgresConfiguration? {
        let configuration = configuration(socketFolder: socketFolder)
        let began = ContinuousClock.now
        var said = false
        while try running() != nil {
            do {
                let connection = try await PostgresConnection.connect(configuration, applicationName: "medallion start")
                await connection.close()
                return configuration
            } catch let error as PostgresError where error.sqlState == "3D000" {
                try await createDatabase(configuration.database("postgres"))
            } catch let error as PostgresError where error.isTransient {
                let waited = ContinuousClock.now - began
                // Recovery says so (57P03) and may take its time; a silent socket is given ten seconds.
                if error.sqlState == nil, waited > .seconds(10) { return nil }
                if waited > .seconds(2), !said {
                    said = true
                    logger.notice("Waiting for the private cluster", metadata: ["reason": "\(error)"])
                }
                await pause(milliseconds: 10)
            }
        }
        return nil
    }

    private func createDatabase(_ configuration: PostgresConfiguration) async throws {
        let connection = try await PostgresConnection.connect(configuration, applicationName: "medallion start")
        // A start that was killed may be making it still.
        do { try await connection.execute("CREATE DATABASE \(identifier: Self.database)") } catch let error
            as PostgresError
            where error.sqlState == "42P04"
        {}
        await connection.close()
    }

    /// After a crash the process numbers in the server's lock files may be another program's, or a zombie's; the server
    /// would refuse to start. A number that nobody has is left to the server, which also looks for shared memory.
    private func removeRecycledLocks(_ socketFolder: String) throws {
        // Nobody else puts a socket into this folder.
        for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] { _ = unsafe unlink("\(socketFolder)/\(name)") }
        guard let file = try PostmasterFile(dataFolder: site.dataFolder), file.processExists, !file.isAlive else {
            return
        }
        logger.info("The private cluster was not stopped properly; it recovers now")
        try FileManager.default.removeItem(atPath: PostmasterFile.path(site.dataFolder))
    }

    private func rotateLog() {
        var status = stat()
        guard unsafe stat(site.logFile, &status) == 0, status.st_size > 16 << 20 else { return }
        // A log that cannot be renamed only grows on.
        _ = unsafe rename(site.logFile, site.logFile + ".1")
    }

    private func startFailure() -> PostgresError {
        // Without a log there is nothing to quote.
        let log = (try? String(contentsOfFile: site.logFile, encoding: .utf8)) ?? ""
        let reason =
            log.split(separator: "\n").last { $0.contains("FATAL") || $0.contains("PANIC") } ?? "no reason given"
        return PostgresError(.usage, "the private cluster did not start: \(reason)", hint: "see \(site.logFile)")
    }

    // MARK: Stopping

    /// Fast shutdown: sessions end, data are checkpointed. Returns when the server is gone
    /// (https://www.postgresql.org/docs/current/server-shutdown.html).
    func stop() async throws {
        guard let server = try running() else { return }
        guard kill(server.pid, SIGINT) == 0 || errno == ESRCH else {
            throw systemError("cannot stop the server process \(server.pid)")
        }
        let deadline = ContinuousClock.now + .seconds(120)
        while server.isAlive {
            guard ContinuousClock.now < deadline else {
                throw PostgresError(
                    .usage, "the private cluster did not stop within 120 s", hint: "see \(site.logFile)")
            }
            await pause(milliseconds: 5)
        }
        // Left behind where something else lies in it; the next start makes it again.
        if !server.socketFolder.isEmpty { _ = unsafe rmdir(server.socketFolder) }
    }
}

private func shellQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
