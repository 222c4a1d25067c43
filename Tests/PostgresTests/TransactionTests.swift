import Postgres
import TestKit
import Testing

@Suite("A transaction")
struct TransactionTests {
    private struct Refused: Error {}

    private func withTable(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await withDatabase { connection async throws in
            try await connection.execute("CREATE TABLE public.t (a int)")
            try await body(connection)
        }
    }

    private func count(_ connection: PostgresConnection) async throws -> Int {
        try await connection.query("SELECT count(*) FROM public.t")[0].get(0)
    }

    @Test("commits what its body did and returns its value")
    func commits() async throws {
        try await withTable { connection async throws in
            let value = try await connection.transaction {
                try await connection.execute("INSERT INTO public.t VALUES (1)")
                return "done"
            }
            #expect(value == "done")
            #expect(try await count(connection) == 1)
            #expect(await connection.isInTransaction == false)
        }
    }

    @Test("rolls back when its body throws, and throws that error")
    func rollsBack() async throws {
        try await withTable { connection async throws in
            await #expect(throws: Refused.self) {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO public.t VALUES (1)")
                    throw Refused()
                }
            }
            #expect(try await count(connection) == 0)
            #expect(await connection.isInTransaction == false)
        }
    }

    @Test("in which a statement failed unnoticed is not reported as committed")
    func failedUnnoticed() async throws {
        try await withTable { connection async throws in
            let error = await postgresError {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO public.t VALUES (1)")
                    _ = await postgresError { try await connection.execute("SELECT 1/0") }
                }
            }
            #expect(error?.sqlState == "25P02")
            #expect(try await count(connection) == 0)
            #expect(await connection.isUsable)
        }
    }

    @Test("whose deferred constraint fails at COMMIT reports that, not an unknown outcome")
    func deferredConstraint() async throws {
        try await withTable { connection async throws in
            try await connection.execute(
                "ALTER TABLE public.t ADD CONSTRAINT t_key UNIQUE (a) DEFERRABLE INITIALLY DEFERRED")
            let error = await postgresError {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO public.t VALUES (1), (1)")
                }
            }
            #expect(error?.sqlState == "23505")
            #expect(await connection.isUsable)
        }
    }

    @Test("whose connection is lost at COMMIT has an unknown outcome, which is not transient")
    func lostAtCommit() async throws {
        try await withTable { connection async throws in
            try await connection.executeScript(
                """
                CREATE FUNCTION public.vanish() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER vanish AFTER INSERT ON public.t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION public.vanish();
                """)
            let error = await postgresError {
                try await connection.transaction { try await connection.execute("INSERT INTO public.t VALUES (1)") }
            }
            #expect(error?.kind == .commitOutcomeUnknown)
            #expect(error?.isTransient == false)
            #expect(error?.hint == "look up whether the work is there before repeating it")
            #expect(await connection.isUsable == false)
        }
    }

    @Test("whose connection was lost before COMMIT was certainly not committed")
    func lostBeforeCommit() async throws {
        try await withTable { connection async throws in
            let error = await postgresError {
                try await connection.transaction {
                    _ = await postgresError {
                        try await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                    }
                }
            }
            #expect(error?.kind == .connection)
        }
    }

    @Test("of a task that was cancelled is rolled back")
    func cancelled() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { connection in
            try await connection.execute("CREATE TABLE public.t (a int)")
            let task = Task {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO public.t VALUES (1)")
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(await connection.isInTransaction == false)
            #expect(try await count(connection) == 0)
        }
    }
}
