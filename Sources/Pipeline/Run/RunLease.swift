internal import Metadata
internal import Postgres
internal import Primitives

/// The right to run a system: a session advisory lock on a connection of its own, a heartbeat, a fencing number.
///
/// Whoever holds the lock is the only one who runs the system. A process that hangs keeps its lock; once its heartbeat
/// is stale, the next starter ends its session, and the fencing number keeps the old process from writing.
struct RunLease: Sendable {
    /// Seconds without heartbeat after which a running row's process is taken for dead.
    static let patience = 120

    private let connection: PostgresConnection
    private let system: SystemID
    private let workspace: Workspace

    /// Takes the lock.
    /// - Returns: nil and who holds it, when another process runs the system.
    static func take(_ system: SystemID, in workspace: Workspace) async throws -> (lease: RunLease?, holder: String) {
        let lease = try await RunLease(system, in: workspace)
        do {
            if try await lease.lock() { return (lease, "") }
            if try await lease.endStaleHolder(now: workspace.clock.now()), try await lease.lock(waiting: true) {
                return (lease, "")
            }
            let holder = try await lease.holder()
            await lease.connection.close()
            return (nil, holder)
        } catch {
            await lease.connection.close()
            throw error
        }
    }

    /// Waits for the lock, and tells for whom: gold builds queue up, they never skip.
    static func wait(for system: SystemID, in workspace: Workspace) async throws -> RunLease {
        let lease = try await RunLease(system, in: workspace)
        var told = ""
        do {
            while try await !lease.lock(waiting: true) {
                let holder = try await lease.holder()
                if holder != told { workspace.observer.observe(.notice("\(system): waits for \(holder)")) }
                told = holder
                _ = try await lease.endStaleHolder(now: workspace.clock.now())
            }
            return lease
        } catch {
            await lease.connection.close()
            throw error
        }
    }

    private init(_ system: SystemID, in workspace: Workspace) async throws {
        connection = try await workspace.pool.detached(
            applicationName: "\(workspace.pool.applicationName) lock \(system)")
        self.system = system
        self.workspace = workspace
    }

    private static func key(_ system: SystemID) -> String { "medallion/system/\(system)" }

    /// False where somebody else has the lock; who is waiting gives up after a pulse.
    private func lock(waiting: Bool = false) async throws -> Bool {
        let key: SQLText = "pg_catalog.hashtextextended(\(RunLease.key(system)), 0)"
        guard waiting else {
            return try await connection.query("SELECT pg_catalog.pg_try_advisory_lock(\(fragment: key))")[0].get(0)
        }
        do {
            try await patiently { try await connection.execute("SELECT pg_catalog.pg_advisory_lock(\(fragment: key))") }
            return true
        } catch let error as PostgresError where error.sqlState == "55P03" {
            return false
        }
    }

    /// A statement that waits for locks a pulse at most.
    private func patiently(_ statement: () async throws -> Void) async throws {
        try await connection.transaction {
            let limit = "\(Int(workspace.pulse / .milliseconds(1)))ms"
            try await connection.execute("SELECT pg_catalog.set_config('lock_timeout', \(limit), true)")
            try await statement()
        }
    }

    private func holder() async throws -> String {
        let rows = try await connection.query(
            """
            SELECT run_id, host, pid, started_at FROM audit.system_run
            WHERE system_id = \(system.rawValue) AND status = 'running'
            """)
        guard let row = rows.first else { return "another process" }
        return "run \(try row.get("run_id", as: UUIDValue.self)) of process \(try row.get("pid", as: Int.self)) on "
            + "\(try row.get("host", as: String.self)), since \(try row.get("started_at", as: Instant.self))"
    }

    /// Ends the sessions of a holder whose heartbeat stopped, those that it has open transactions on, too; false when there is none.
    /// It has opened none since: what began later under its name is a process that was started in its place.
    private func endStaleHolder(now: Instant) async throws -> Bool {
        let limit = now.advanced(byMicroseconds: -Int64(RunLease.patience) * 1_000_000)
        let stale = try await connection.query(
            """
            SELECT host, pid, heartbeat_at FROM audit.system_run
            WHERE system_id = \(system.rawValue) AND status = 'running' AND heartbeat_at < \(limit)
            """)
        guard let holder = stale.first else { return false }
        let name = Workspace.sessionName(try holder.get("host"), try holder.get("pid"))
        let ended = try await connection.query(
            """
            SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
            CROSS JOIN (SELECT pg_catalog.hashtextextended(\(RunLease.key(system)), 0) AS key) k
            WHERE EXISTS (
                SELECT FROM pg_catalog.pg_locks l
                WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
                    AND l.classid = ((k.key >> 32) & 4294967295)::oid AND l.objid = (k.key & 4294967295)::oid)
                OR a.datname = current_database()
                    AND a.backend_start < \(try holder.get("heartbeat_at", as: Instant.self)) + INTERVAL '1 minute'
                    AND (a.application_name = left(\(name), 63) OR starts_with(a.application_name, left(\(name + " "), 63)))
            """)
        return !ended.isEmpty
    }

    /// Does the work, then gives the lock back whatever came of it.
    ///
    /// Meanwhile it says, at once and every ten seconds, that the holder is alive, and tells who keeps it waiting.
    func releasing<Outcome>(_ work: () async throws -> Outcome) async throws -> Outcome {
        let heart = Task { await beat() }
        do {
            let outcome = try await work()
            await release(heart)
            return outcome
        } catch {
            await release(heart)
            throw error
        }
    }

    /// Does the work while nobody runs the system.
    /// - Throws: `SystemBusy` when somebody does; what the work throws.
    static func whileIdle<Outcome>(
        _ system: SystemID, in workspace: Workspace, _ work: () async throws -> Outcome
    ) async throws -> Outcome {
        let (lease, holder) = try await take(system, in: workspace)
        guard let lease else { throw SystemBusy(system: system, holder: holder) }
        return try await lease.releasing(work)
    }

    /// Beats until it is cancelled. A row that is still running where the lock is held is the holder's own, or one of a run that
    /// was killed, which the holder is about to close.
    private func beat() async {
        let watch = LockWatch(system, in: workspace)
        var told: Set<LockWatch.Wait.Sessions> = []
        while !Task.isCancelled {
            await quietly { [self] in
                try await patiently {
                    try await connection.execute(
                        """
                        UPDATE audit.system_run SET heartbeat_at = \(workspace.clock.now())
                        WHERE system_id = \(system.rawValue) AND status = 'running'
                        """)
                }
            }
            guard (try? await Task.sleep(for: workspace.pulse)) != nil else { return }
            let waits = await quietly { [connection] in try await watch.look(on: connection) }
            for wait in waits ?? [] where told.insert(wait.sessions).inserted {
                workspace.observer.observe(.notice(wait.text))
            }
        }
    }

    /// A statement on the lease's connection that the end of the work does not cut short, for that would cost the connection, and
    /// the lock would be given back late. What fails is tried again by the next beat; the fence guards the data.
    @discardableResult
    private func quietly<Result: Sendable>(_ statement: @escaping @Sendable () async throws -> Result) async -> Result?
    {
        await uncancelled { try? await statement() }
    }

    /// Gives the lock back, and the connection to the pool.
    ///
    /// Unlocked in so many words: a server that is busy ends a closed session, and its locks, only a while later, and a
    /// run that follows at once would be skipped.
    private func release(_ heart: Task<Void, Never>) async {
        heart.cancel()
        await heart.value
        await uncancelled {
            do {
                try await connection.execute(
                    "SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(\(RunLease.key(system)), 0))")
                await workspace.pool.takeBack(connection)
            } catch {
                // A session that is lost, or ended here, has lost its lock, too.
                await connection.close()
            }
        }
    }
}
