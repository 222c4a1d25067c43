import Postgres
import Synchronization
import TestKit
import Testing

@testable import Pipeline

/// A COPY that is sent by a task of its own.
@Suite("A queue in front of a COPY", .timeLimit(.minutes(1)))
struct CopyQueueTests {
    private static let rows = 50_000
    private let warehouse: TestWarehouse
    private var connection: PostgresConnection { warehouse.connection }

    init() async throws {
        warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try await connection.execute("CREATE TABLE public.taken (place bigint GENERATED ALWAYS AS IDENTITY, row int)")
        try await connection.begin()
    }

    private func begin() async throws -> CopyQueue {
        try await CopyQueue("COPY public.taken (row) FROM STDIN (FORMAT binary)", on: connection)
    }

    /// Rows from 1 on, a few of them to a buffer.
    private func add(_ rows: Int = Self.rows, to queue: inout CopyQueue) async throws {
        var buffer = CopyBuffer()
        for row in 1...rows {
            buffer.beginRow(columns: 1)
            buffer.append(int32: Int32(row))
            if row.isMultiple(of: 1000) {
                try await queue.add(&buffer)
                #expect(buffer.byteCount == 0)
            }
        }
        buffer.finish()
        try await queue.add(&buffer)
    }

    @Test("brings every row once, in their order")
    func order() async throws {
        var queue = try await begin()
        try await add(to: &queue)
        #expect(try await queue.end() == Self.rows)
        #expect(
            try await warehouse.rows("SELECT count(*), count(*) FILTER (WHERE row = place) FROM public.taken")
                == ["\(Self.rows) | \(Self.rows)"])
    }

    @Test("tells at its end what the server refuses")
    func refused() async throws {
        try await connection.execute("ALTER TABLE public.taken ADD CHECK (row < 10)")
        var queue = try await begin()
        try await add(to: &queue)
        await #expect(throws: PostgresError.self) { try await queue.end() }
    }

    private func endSession() async throws {
        let other = try await warehouse.workspace.pool.detached(applicationName: "somebody")
        try await other.execute(
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'COPY public.taken%'
            """)
        await other.close()
    }

    @Test("tells whoever fills it that the server is gone")
    func gone() async throws {
        var queue = try await begin()
        try await endSession()
        await #expect(throws: PostgresError.self) {
            while true { try await add(to: &queue) }
        }
        await #expect(throws: PostgresError.self) { try await queue.abort("nobody is there") }
    }

    @Test("stores nothing of a COPY that is aborted, and leaves the connection usable")
    func aborted() async throws {
        try await connection.execute("SAVEPOINT before")
        var queue = try await begin()
        try await add(to: &queue)
        try await queue.abort("enough")
        // Not a COPY that was ended.
        await #expect(throws: PostgresError.self) { try await connection.execute("SELECT 1") }
        try await connection.execute("ROLLBACK TO SAVEPOINT before")
        #expect(try await warehouse.rows("SELECT count(*) FROM public.taken") == ["0"])
    }

    /// Lets a COPY wait at its first row.
    private func slowDown() async throws {
        try await connection.executeScript(
            """
            CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
            CREATE TRIGGER slow BEFORE INSERT ON public.taken FOR EACH ROW EXECUTE FUNCTION public.slow()
            """)
    }

    @Test("stops where it is, although the server takes nothing")
    func stops() async throws {
        try await slowDown()
        var queue = try await begin()
        var buffer = CopyBuffer()
        for count in [1, 1_000_000, 1] {
            // The server takes the first one as a whole, and the third one waits for the second.
            for _ in 0..<count {
                buffer.beginRow(columns: 1)
                buffer.append(int32: 1)
            }
            try await queue.add(&buffer)
        }
        let start = ContinuousClock.now
        await queue.stop()
        #expect(ContinuousClock.now - start < .seconds(5))
        try await endSession()
    }

    @Test("lets whoever fills it wait while the server takes nothing, and ends when that one is cancelled")
    func waits() async throws {
        try await slowDown()
        let added = Counter()
        let filling = Task {
            var (queue, buffer) = (try await begin(), CopyBuffer())
            while true {
                while !buffer.needsFlush {
                    buffer.beginRow(columns: 1)
                    buffer.append(int32: 1)
                }
                try await queue.add(&buffer)
                added.count.add(1, ordering: .relaxed)
            }
        }
        // As long as anything is taken, it is not slower than this.
        var last = -1
        #expect(
            try await eventually {
                try await Task.sleep(for: .milliseconds(300))
                defer { last = added.count.load(ordering: .relaxed) }
                return last >= 8 && last == added.count.load(ordering: .relaxed)
            })
        // The network takes some, eight wait.
        #expect(last < 100)
        filling.cancel()
        await #expect(throws: CancellationError.self) { try await filling.value }
    }

    @Test("takes a buffer of any size")
    func large() async throws {
        try await connection.execute("CREATE TABLE public.texts (text text)")
        var queue = try await CopyQueue("COPY public.texts FROM STDIN (FORMAT binary)", on: connection)
        var buffer = CopyBuffer()
        let text = String(repeating: "a", count: 700_000)
        for count in [0, 1, 2, 20, 1, 0, 9] {
            for _ in 0..<count {
                buffer.beginRow(columns: 1)
                buffer.append(text: text)
            }
            try await queue.add(&buffer)
        }
        buffer.finish()
        try await queue.add(&buffer)
        #expect(try await queue.end() == 33)
        #expect(try await warehouse.rows("SELECT sum(length(text)) FROM public.texts") == ["\(33 * 700_000)"])
    }

    private final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }
}
