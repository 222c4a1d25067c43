import Postgres
import TestKit
import Testing

@Suite("Cancelling a task")
struct CancellationTests {
    /// Alone it takes a few milliseconds; the bound leaves room for a busy machine.
    @Test("ends its statement long before its end and closes the connection")
    func endsStatement() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { observer in
            let connection = try await PostgresConnection.connect(configuration, applicationName: "sleeper")
            let pid = await connection.backendPID
            let task = Task { try await connection.query("SELECT pg_sleep(30)") }
            _ = try await eventually {
                try await !observer.query(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = \(pid) AND wait_event = 'PgSleep'"
                ).isEmpty
            }
            let began = ContinuousClock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(ContinuousClock.now - began < .seconds(5))
            #expect(await connection.isUsable == false)
            #expect(
                try await eventually {
                    try await observer.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(pid)").isEmpty
                })
        }
    }

    @Test(
        "again and again, at any moment of a statement, never hangs and never blames the server",
        .timeLimit(.minutes(1)))
    func anyMoment() async throws {
        let configuration = try await TestCluster.shared.database()
        for delay in 0..<40 {
            let task = Task {
                let connection = try await PostgresConnection.connect(configuration, applicationName: "sleeper")
                _ = try await connection.query("SELECT pg_sleep(20)")
            }
            try await Task.sleep(for: .microseconds(delay * 150))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("before a statement sends nothing and leaves the connection usable")
    func beforeStatement() async throws {
        try await withDatabase { connection async throws in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await connection.query("SELECT 1")
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await connection.isUsable)
        }
    }

    @Test("during a COPY that the server holds up ends it, and nothing is stored")
    func duringCopy() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { observer in
            try await observer.executeScript(
                """
                CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_catalog.pg_sleep(30); RETURN NEW; END $$;
                CREATE TABLE public.t (a text);
                CREATE TRIGGER slow BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.slow();
                """)
            let connection = try await PostgresConnection.connect(configuration, applicationName: "copier")
            try await connection.beginCopyIn("COPY public.t FROM STDIN")
            let pid = await connection.backendPID
            let task = Task {
                let line = Array((String(repeating: "x", count: 1023) + "\n").utf8)
                let buffer = Array(repeatElement(line, count: 256).joined())
                while true { try await connection.putCopyData(buffer) }
            }
            _ = try await eventually {
                try await !observer.query(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = \(pid) AND wait_event = 'PgSleep'"
                ).isEmpty
            }
            let began = ContinuousClock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(ContinuousClock.now - began < .seconds(5))
            await connection.abortCopyIn("cancelled")
            #expect(await connection.isUsable == false)
            #expect(try await observer.query("SELECT count(*) FROM public.t")[0].get(0) == 0)
        }
    }
}
