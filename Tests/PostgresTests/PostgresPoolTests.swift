import TestKit
import Testing

@testable import Postgres

@Suite("A pool")
struct PostgresPoolTests {
    private func withPool(size: Int, _ body: (PostgresPool, PostgresConfiguration) async throws -> Void) async throws {
        let configuration = try await TestCluster.shared.database()
        let pool = PostgresPool(configuration: configuration, size: size, applicationName: "pool")
        do {
            try await body(pool, configuration)
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    private func connections(_ configuration: PostgresConfiguration) async throws -> Int {
        try await withConnection(to: configuration) { observer in
            try await observer.query(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool' AND datname = \(configuration.database)"
            )[0].get(0)
        }
    }

    private func backendPID(_ pool: PostgresPool) async throws -> Int32 {
        try await pool.withConnection { await $0.backendPID }
    }

    @Test("opens connections ahead, hands each out once under its new name, and closes those that nobody took")
    func ahead() async throws {
        try await withPool(size: 2) { pool, configuration async throws in
            await pool.connectAhead()
            await pool.connectAhead()
            #expect(try await eventually { try await connections(configuration) == 1 })
            // It needs no permit.
            try await pool.withConnection { lent async throws in
                await pool.connectAhead(2)
                let own = try await pool.detached(applicationName: "own")
                let name = try await own.query("SHOW application_name")[0].get(0, as: String.self)
                let other = try await pool.detached(applicationName: "pool")
                let third = try await pool.detached(applicationName: "pool")
                #expect(name == "own" && Set([lent, own, other, third].map(ObjectIdentifier.init)).count == 4)
                #expect(try await connections(configuration) == 3)
                for connection in [own, other, third] { await connection.close() }
            }
            await pool.connectAhead(2)
            #expect(try await eventually { try await connections(configuration) == 2 })
            await pool.close()
            #expect(try await eventually { try await connections(configuration) == 0 })
        }
    }

    @Test("takes a connection back that was kept, rolls back what it left, and lends it under its own name")
    func takeBack() async throws {
        try await withPool(size: 1) { pool, configuration async throws in
            let own = try await pool.detached(applicationName: "own")
            try await own.begin()
            try await own.execute("CREATE TABLE public.left_open (id int)")
            await pool.takeBack(own)
            try await pool.withConnection { lent async throws in
                let name = try await lent.query("SHOW application_name")[0].get(0, as: String.self)
                let made = try await lent.query("SELECT to_regclass('public.left_open') IS NOT NULL")[0]
                #expect(try lent === own && name == "pool" && made.get(0) == false)
            }
            // One that waits is as good as one that is opened ahead.
            await pool.connectAhead()
            #expect(await pool.aheadCount == 0)
            // No more are kept than are lent at once, and none that cannot be used.
            let (first, second) = (
                try await pool.detached(applicationName: "first"), try await pool.detached(applicationName: "second")
            )
            await first.close()
            await pool.takeBack(first)
            await pool.takeBack(second)
            let third = try await PostgresConnection.connect(configuration, applicationName: "third")
            await pool.takeBack(third)
            #expect(try await pool.withConnection { $0 === second })
            #expect(await !third.isUsable)
        }
    }

    @Test("forgets what cannot be opened ahead, and says why to whoever asks then, or while it is tried")
    func aheadInVain() async throws {
        let configuration = try PostgresConfiguration(url: "postgresql://nobody@127.0.0.1:1/none")
        let pool = PostgresPool(configuration: configuration, size: 1, applicationName: "pool")
        for waits in [false, true] {
            await pool.connectAhead(2)
            if waits { #expect(try await eventually { await pool.aheadCount == 0 }) }
            await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
        }
        #expect(await pool.lentCount == 0)
        await pool.connectAhead()
        await pool.close()
        #expect(await pool.aheadCount == 0)
        await pool.connectAhead()
        #expect(await pool.aheadCount == 0)
    }

    @Test("gives a borrower another connection where the one that was begun for him is refused")
    func aheadAndRefused() async throws {
        let configuration = try await TestCluster.shared.database()
        let role = "one_session_of_\(configuration.database ?? "")"
        try await withConnection(to: configuration) { observer in
            let password = configuration.parameters["password"] ?? "none"
            try await observer.execute(
                "CREATE ROLE \(identifier: role) LOGIN CONNECTION LIMIT 1 PASSWORD \(literal: password)")
        }
        let few = PostgresConfiguration(parameters: configuration.parameters.merging(["user": role]) { $1 })
        for _ in 0..<8 {
            let pool = PostgresPool(configuration: few, size: 4, applicationName: "pool")
            // Two of them are refused.
            await pool.connectAhead(3)
            #expect(try await pool.withConnection { try await $0.query("SELECT 1")[0].get(0, as: Int.self) } == 1)
            await pool.close()
            #expect(try await eventually { try await connections(configuration) == 0 })
        }
        try await withConnection(to: configuration) { try await $0.execute("DROP ROLE \(identifier: role)") }
    }

    @Test("leaves idle connections to others where whoever asks is cancelled")
    func cancelledAsking() async throws {
        try await withPool(size: 3) { pool, configuration async throws in
            await pool.connectAhead(3)
            #expect(try await eventually { await pool.aheadCount == 0 })
            let asking = Task {
                withUnsafeCurrentTask { unsafe $0?.cancel() }
                return try await pool.detached(applicationName: "own")
            }
            await #expect(throws: CancellationError.self) { try await asking.value }
            await pool.connectAhead(3)
            #expect(await pool.aheadCount == 0)
            #expect(try await connections(configuration) == 3)
        }
    }

    @Test("replaces a connection opened ahead that was lost meanwhile")
    func aheadAndLost() async throws {
        try await withPool(size: 1) { pool, configuration async throws in
            await pool.connectAhead()
            #expect(try await eventually { try await connections(configuration) == 1 })
            try await withConnection(to: configuration) { observer in
                _ = try await observer.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool' AND datname = \(configuration.database)"
                )
            }
            let own = try await pool.detached(applicationName: "own")
            #expect(try await own.query("SELECT 1")[0].get(0, as: Int.self) == 1)
            await own.close()
        }
    }

    @Test("lends at most its size at once, and everybody gets a turn")
    func limit() async throws {
        try await withPool(size: 3) { pool, configuration async throws in
            let lent = Shared((now: 0, most: 0))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<30 {
                    group.addTask {
                        try await pool.withConnection { connection async throws in
                            lent.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                            try await connection.execute("SELECT pg_sleep(0.005)")
                            lent.withLock { $0.now -= 1 }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(lent.withLock { $0.most } == 3)
            #expect(try await connections(configuration) == 3)
        }
    }

    /// A commit that does not wait leaves what was written to the WAL writer, which is woken by others' commits only.
    @Test("has the server's log flushed beside work that writes much, and only as long as it lasts")
    func earlyFlush() async throws {
        try await withPool(size: 2) { pool, configuration async throws in
            func beside() async throws -> [String] {
                try await withConnection(to: configuration) { observer in
                    try await observer.query(
                        """
                        SELECT query FROM pg_stat_activity
                        WHERE application_name = 'pool early flush' AND datname = \(configuration.database)
                        """
                    ).map { try $0.get(0) }
                }
            }
            func wait(until isSeen: ([String]) -> Bool) async throws -> Bool {
                for _ in 0..<500 {
                    if isSeen(try await beside()) { return true }
                    try await Task.sleep(for: .milliseconds(10))
                }
                return false
            }
            let isSeen = try await pool.flushingEarly(if: true) {
                try await wait { $0.count == 1 && $0[0].contains("pg_current_xact_id") }
            }
            #expect(isSeen)
            #expect(try await wait(until: \.isEmpty))
            #expect(try await pool.flushingEarly(if: false) { try await beside() }.isEmpty)
            // Short work is not worth a connection.
            try await pool.flushingEarly(if: true) { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await beside().isEmpty)
            await #expect(throws: CancellationError.self) {
                try await pool.flushingEarly(if: true) { throw CancellationError() }
            }
        }
    }

    @Test("does that work also where there is no connection to spare")
    func noEarlyFlush() async throws {
        let configuration = try PostgresConfiguration(url: "postgresql://nobody@127.0.0.1:1/none")
        let pool = PostgresPool(configuration: configuration, size: 1, applicationName: "pool")
        let result = try await pool.flushingEarly(if: true) {
            try await Task.sleep(for: .milliseconds(300))
            return 7
        }
        #expect(result == 7)
        await pool.close()
    }

    @Test("lends the same connection again")
    func reuse() async throws {
        try await withPool(size: 2) { pool, _ async throws in
            let first = try await backendPID(pool)
            #expect(try await backendPID(pool) == first)
        }
    }

    @Test("serves those who wait in their order")
    func order() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            let served = Shared([Int]())
            let gate = AsyncStream.makeStream(of: Void.self)
            let held = Task { try await pool.withConnection { _ in for await _ in gate.stream { break } } }
            var waiting: [Task<Void, any Error>] = []
            #expect(try await eventually { await pool.lentCount == 1 })
            for number in 0..<5 {
                waiting.append(Task { try await pool.withConnection { _ in served.withLock { $0.append(number) } } })
                #expect(try await eventually { await pool.waitingCount == number + 1 })
            }
            gate.continuation.finish()
            try await held.value
            for task in waiting { try await task.value }
            #expect(served.withLock { $0 } == [0, 1, 2, 3, 4])
        }
    }

    @Test("forgets a waiter that is cancelled, and serves the next one")
    func cancelledWaiter() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.withConnection { _ async throws in
                let impatient = Task { try await pool.withConnection { _ in } }
                #expect(try await eventually { await pool.waitingCount == 1 })
                let patient = Task { try await pool.withConnection { await $0.backendPID } }
                #expect(try await eventually { await pool.waitingCount == 2 })
                impatient.cancel()
                await #expect(throws: CancellationError.self) { try await impatient.value }
                #expect(await pool.waitingCount == 1)
                _ = patient
            }
            #expect(try await backendPID(pool) > 0)
        }
    }

    @Test("replaces a connection that was lost while it was lent, and one that was lost while it lay idle")
    func brokenConnections() async throws {
        try await withPool(size: 1) { pool, configuration async throws in
            let first = try await backendPID(pool)
            let error = await postgresError {
                try await pool.withConnection { try await $0.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
            }
            #expect(error?.sqlState == "57P01")
            let second = try await backendPID(pool)
            #expect(second != first)
            try await withConnection(to: configuration) { killer in
                try await killer.execute("SELECT pg_terminate_backend(\(second))")
                _ = try await eventually {
                    try await killer.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(second)").isEmpty
                }
            }
            #expect(try await backendPID(pool) != second)
        }
    }

    @Test("closes a connection whose task was cancelled in a statement")
    func cancelledBorrower() async throws {
        try await withPool(size: 1) { pool, configuration async throws in
            let first = try await backendPID(pool)
            let task = Task { try await pool.withConnection { try await $0.query("SELECT pg_sleep(30)") } }
            try await withConnection(to: configuration) { observer in
                _ = try await eventually {
                    try await !observer.query(
                        "SELECT 1 FROM pg_stat_activity WHERE pid = \(first) AND wait_event = 'PgSleep'"
                    ).isEmpty
                }
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await backendPID(pool) != first)
        }
    }

    @Test("rolls back what a borrower left open, and closes one that was left in a COPY")
    func leftOpen() async throws {
        try await withPool(size: 1) { pool, _ async throws in
            try await pool.withConnection { connection async throws in
                try await connection.execute("CREATE TABLE public.t (a int)")
                try await connection.begin()
                try await connection.execute("INSERT INTO public.t VALUES (1)")
            }
            let pid = try await pool.withConnection { connection async throws in
                #expect(await connection.isInTransaction == false)
                #expect(try await connection.query("SELECT count(*) FROM public.t")[0].get(0) == 0)
                try await connection.beginCopyIn("COPY public.t FROM STDIN")
                return await connection.backendPID
            }
            #expect(try await backendPID(pool) != pid)
        }
    }

    @Test("survives refused connections: the next borrower tries again")
    func refusedConnections() async throws {
        let configuration = try await TestCluster.shared.database().database("no_such_database")
        let pool = PostgresPool(configuration: configuration, size: 1, applicationName: "pool")
        for _ in 0..<3 {
            #expect(await postgresError { try await pool.withConnection { _ in } }?.sqlState == "3D000")
        }
    }

    @Test("that is closed lends nothing, and ends with the connections that come back")
    func closed() async throws {
        try await withPool(size: 1) { pool, configuration async throws in
            let waiter = try await pool.withConnection { _ async throws in
                let waiter = Task { await postgresError { try await pool.withConnection { _ in } } }
                #expect(try await eventually { await pool.waitingCount == 1 })
                await pool.close()
                return waiter
            }
            #expect(await waiter.value?.kind == .usage)
            #expect(await postgresError { try await pool.withConnection { _ in } }?.kind == .usage)
            #expect(await postgresError { _ = try await pool.detached(applicationName: "late") }?.kind == .usage)
            #expect(try await eventually { try await connections(configuration) == 0 })
        }
    }
}
