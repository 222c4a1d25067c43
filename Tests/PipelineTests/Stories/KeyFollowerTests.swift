import Foundation
import Metadata
@testable import Pipeline
import Postgres
import TestKit
import Testing

/// The keys of a later full batch are read while it lands (ADR 0035): whatever becomes of the landing, the tables are those of a
/// batch that was read when it was there.
@Suite("A known batch whose keys are read while it lands", .fewAtOnce)
struct KeyFollowerTests {
    private static let first = [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"a"}"#, #"{"id":3,"v":"a"}"#]
    /// True while somebody wants to read what `runHeld` holds.
    private static let asks: SQLText = """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND query LIKE '%FROM "bronze"."t_things"%'
        """

    /// A warehouse whose source first prints what a file holds, and then does something that changes from day to day.
    private func warehouse(_ folder: TemporaryFolder) async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            [TestEntity(columns: "id int key, v text", #"{"source": {"format": "jsonl"}}"#)],
            system: """
                {"type": "process", "connection": {"protocol": "plain", "command": ["sh", "\(folder.path)/source"]}}
                """)
        warehouse.use(.always)
        return warehouse
    }

    private func day(
        after beginning: String = "true", _ records: [String], then end: String = "true", in folder: TemporaryFolder,
        of warehouse: TestWarehouse
    ) throws {
        let lines = [beginning] + records.map { "echo '\($0)'" } + [end]
        try folder.write(Array(lines.joined(separator: "\n").utf8), to: "source")
        warehouse.clock.advance(seconds: 86_400)
    }

    /// What the source does before it goes on when it is told to.
    private func waiting(for word: String = "go", in folder: TemporaryFolder) -> String {
        "touch \(folder.path)/waits; while [ ! -e \(folder.path)/\(word) ]; do sleep 0.02; done"
    }

    /// Runs, and holds bronze's log from before the source says anything to what is returned is closed.
    private func runHeld(
        _ warehouse: TestWarehouse, _ folder: TemporaryFolder
    ) async throws -> (Task<RunReport?, any Error>, hold: PostgresConnection) {
        let running = run(warehouse)
        #expect(try await eventually { FileManager.default.fileExists(atPath: "\(folder.path)/waits") })
        let other = try await warehouse.workspace.pool.detached(applicationName: "somebody")
        try await other.begin()
        try await other.execute("LOCK TABLE bronze.t_things IN ACCESS EXCLUSIVE MODE")
        try folder.write([], to: "begin")
        return (running, other)
    }

    private func run(_ warehouse: TestWarehouse) -> Task<RunReport?, any Error> {
        Task { try await Invocation(workspace: warehouse.workspace, request: RunRequest()).run().first }
    }

    @Test(
        "asks for the last changes before anything is registered, and knows what came after", arguments: [false, true])
    func early(areKept: Bool) async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        expect(try await warehouse.run().status, equals: .succeeded)
        if areKept { try await keep(warehouse) }
        try day(
            after: waiting(for: "begin", in: folder), [#"{"id":1,"v":"b"}"#],
            then: waiting(in: folder) + #"; echo '{"id":2,"v":"a"}'"#, in: folder, of: warehouse)
        let (running, other) = try await runHeld(warehouse, folder)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
        expect(try await warehouse.rows("SELECT count(*) FROM audit.raw_batch"), equals: ["1"])
        await other.close()
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.table(), equals: "1 | a | d1..d2\n1 | b | d2..\n2 | a | d1..\n3 | a | d1..d2 deleted")
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    private func keep(_ warehouse: TestWarehouse) async throws {
        try await LastChanges(table: BronzeTable(warehouse.entity(), schema: "bronze")).keep(on: warehouse.connection)
    }

    /// Bronze would take a document that it finds changed for a change.
    @Test("does not read the last changes again")
    func once() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        try await warehouse.run()
        try day(
            after: waiting(for: "begin", in: folder), [#"{"id":1,"v":"b"}"#],
            then: waiting(in: folder) + #"; echo '{"id":2,"v":"a"}'"#, in: folder, of: warehouse)
        let (running, other) = try await runHeld(warehouse, folder)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
        await other.close()
        #expect(
            try await eventually {
                try await warehouse.rows(
                    """
                    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT'
                        AND state = 'idle' AND application_name = 'story' AND NOT EXISTS (
                            SELECT FROM pg_locks WHERE relation = 'bronze.t_things'::regclass)
                    """) != ["0"]
            })
        try await warehouse.connection.execute(
            "UPDATE bronze.t_things SET _doc_hash = _key_hash WHERE doc->>'id' = '2'")
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.rows("SELECT doc->>'id', count(*) FROM bronze.t_things GROUP BY 1 ORDER BY 1"),
            equals: ["1 | 2", "2 | 1", "3 | 1", "NULL | 1"])
    }

    /// As a crash of the server does.
    @Test("knows the last changes where their table is emptied while the source says nothing")
    func emptied() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        try await warehouse.run()
        try await keep(warehouse)
        let records = #"; echo '{"id":1,"v":"b"}'; echo '{"id":2,"v":"a"}'"#
        try day([], then: waiting(in: folder) + records, in: folder, of: warehouse)
        let running = run(warehouse)
        #expect(try await eventually { FileManager.default.fileExists(atPath: "\(folder.path)/waits") })
        try await warehouse.loseUnlogged()
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.table(), equals: "1 | a | d1..d2\n1 | b | d2..\n2 | a | d1..\n3 | a | d1..d2 deleted")
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("does not ask as long as the landing repeats what is known")
    func repeated() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        expect(try await warehouse.run().status, equals: .succeeded)
        try day(
            after: waiting(for: "begin", in: folder), Self.first, then: waiting(in: folder), in: folder, of: warehouse)
        let (running, other) = try await runHeld(warehouse, folder)
        try await Task.sleep(for: .milliseconds(200))
        expect(try await warehouse.rows(Self.asks), equals: ["false"])
        await other.close()
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.rows("SELECT same_as IS NOT NULL FROM audit.raw_batch ORDER BY run_timestamp"),
            equals: ["false", "true"])
    }

    @Test("leaves nothing where the landing fails; the next run lands and reads anew")
    func failed() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        try await warehouse.run()
        try day(
            after: waiting(for: "begin", in: folder), [#"{"id":1,"v":"b"}"#], then: waiting(in: folder) + "; exit 1",
            in: folder, of: warehouse)
        let (running, other) = try await runHeld(warehouse, folder)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
        await other.close()
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .failed)
        expect(try await warehouse.table(), equals: "1 | a | d1..\n2 | a | d1..\n3 | a | d1..")
        try day([#"{"id":2,"v":"c"}"#], in: folder, of: warehouse)
        expect(try await warehouse.run().status, equals: .succeeded)
        expect(
            try await warehouse.table(),
            equals: "1 | a | d1..d3 deleted\n2 | a | d1..d3\n2 | c | d3..\n3 | a | d1..d3 deleted")
    }

    @Test("ends with the run that is cancelled while its source says nothing", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        try await warehouse.run()
        try day(
            after: waiting(for: "begin", in: folder), [#"{"id":1,"v":"b"}"#], then: "sleep 300", in: folder,
            of: warehouse)
        let (running, other) = try await runHeld(warehouse, folder)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
        await other.close()
        running.cancel()
        await #expect(throws: CancellationError.self) { _ = try await running.value }
        expect(try await warehouse.table(), equals: "1 | a | d1..\n2 | a | d1..\n3 | a | d1..")
    }

    @Test("has each file, be it one that came again", arguments: [Shortcuts.always, .never])
    func files(shortcuts: Shortcuts) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(shortcuts)
        func day(_ values: String) async throws {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(
                zip(1..., values).compactMap { $1 == "-" ? nil : #"{"id":\#($0),"v":"\#($1)"}"# }, files: 3)
            try await warehouse.run()
        }
        try await day("aaaaaaaaa")
        // The first file comes again, the second one differs in its last record, the third one is shorter.
        try await day("aaaaabaa-")
        // Now the second one comes again, behind one that differs.
        try await day("bcaaab--a")
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d3
                1 | b | d3..
                2 | a | d1..d3
                2 | c | d3..
                3 | a | d1..
                4 | a | d1..
                5 | a | d1..
                6 | a | d1..d2
                6 | b | d2..
                7 | a | d1..d3 deleted
                8 | a | d1..d3 deleted
                9 | a | d1..d2 deleted
                9 | a | d3..
                """)
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    /// A warehouse with a first load, whose bronze waits, before it writes a change, for whoever holds the lock that comes with it.
    private func slowBronze() async throws -> (TestWarehouse, lock: PostgresConnection) {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.always)
        try await warehouse.load(Self.first)
        try await warehouse.connection.executeScript(
            """
            CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
            CREATE TRIGGER wait BEFORE INSERT ON bronze.t_things FOR EACH ROW EXECUTE FUNCTION public.wait()
            """)
        let other = try await warehouse.workspace.pool.detached(applicationName: "somebody")
        try await other.begin()
        try await other.execute("SELECT pg_advisory_xact_lock(1)")
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"b"}"#, #"{"id":3,"v":"a"}"#])
        return (warehouse, other)
    }

    /// Who ends rows in silver, and what he waits for, while bronze waits before it writes a change.
    private static let early: SQLText = """
        SELECT s.wait_event FROM pg_stat_activity s, pg_stat_activity b
        WHERE s.datname = current_database() AND b.datname = current_database()
            AND s.application_name = 'story companion merge' AND s.query LIKE 'UPDATE%_is_deleted = true%'
            AND s.wait_event IN ('PgSleep', 'transactionid', 'tuple')
            AND b.query LIKE 'COPY "bronze"%' AND b.wait_event = 'advisory'
        """

    @Test("ends with the run that is cancelled while silver ends rows early", .timeLimit(.minutes(1)))
    func cancelledDeletes() async throws {
        let (warehouse, lock) = try await slowBronze()
        try await warehouse.connection.executeScript(
            """
            CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
            CREATE TRIGGER slow BEFORE UPDATE ON silver.t_things FOR EACH ROW EXECUTE FUNCTION public.slow()
            """)
        let running = run(warehouse)
        #expect(try await eventually { try await warehouse.rows(Self.early) == ["PgSleep"] })
        await lock.close()
        #expect(
            try await eventually {
                try await warehouse.rows(
                    "SELECT count(*) FROM audit.entity_layer_run WHERE layer = 'silver' AND status = 'running'") == [
                        "1"
                    ]
            })
        // Silver's step waits for the companion by now.
        try await Task.sleep(for: .milliseconds(200))
        let start = ContinuousClock.now
        running.cancel()
        await #expect(throws: CancellationError.self) { _ = try await running.value }
        #expect(ContinuousClock.now - start < .seconds(10))
        try await warehouse.connection.execute("DROP TRIGGER slow ON silver.t_things")
        try await warehouse.run()
        expect(
            try await warehouse.table(), equals: "1 | a | d1..d2\n1 | b | d2..\n2 | a | d1..d2 deleted\n3 | a | d1..")
    }

    @Test("has silver end the absent keys' rows from the log where it could not do so early")
    func locked() async throws {
        let (warehouse, lock) = try await slowBronze()
        let other = try await warehouse.workspace.pool.detached(applicationName: "somebody")
        try await other.begin()
        try await other.execute("SELECT FROM silver.t_things WHERE id = 2 FOR UPDATE")
        let running = run(warehouse)
        #expect(try await eventually { try await warehouse.rows(Self.early) == ["transactionid"] })
        await lock.close()
        // Silver's companion gives up after two seconds, then silver itself waits.
        #expect(
            try await eventually {
                try await warehouse.rows(
                    """
                    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'story'
                        AND datname = current_database() AND query LIKE 'UPDATE%_is_deleted = true%'
                    """) == ["1"]
            })
        try await other.rollback()
        await other.close()
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.table(), equals: "1 | a | d1..d2\n1 | b | d2..\n2 | a | d1..d2 deleted\n3 | a | d1..")
    }
}
