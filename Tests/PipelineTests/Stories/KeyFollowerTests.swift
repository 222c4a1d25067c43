import Foundation
import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// The keys of a later full batch are read while it lands (ADR 0035): whatever becomes of the landing, the tables are those of a
/// batch that was read when it was there.
@Suite("A known batch whose keys are read while it lands", .fewAtOnce)
struct KeyFollowerTests {
    private static let first = [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"a"}"#, #"{"id":3,"v":"a"}"#]
    private static let asks: SQLText = """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
            AND query LIKE 'COPY (SELECT _key_hash, _doc_hash%'
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
        _ records: [String], then end: String = "true", in folder: TemporaryFolder, of warehouse: TestWarehouse
    ) throws {
        let lines = records.map { "echo '\($0)'" } + [end]
        try folder.write(Array(lines.joined(separator: "\n").utf8), to: "source")
        warehouse.clock.advance(seconds: 86_400)
    }

    private func waiting(in folder: TemporaryFolder) -> String {
        "while [ ! -e \(folder.path)/go ]; do sleep 0.02; done"
    }

    private func run(_ warehouse: TestWarehouse) -> Task<RunReport?, any Error> {
        Task { try await Invocation(workspace: warehouse.workspace, request: RunRequest()).run().first }
    }

    @Test("asks for the last changes before anything is registered, and knows what came after")
    func early() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        expect(try await warehouse.run().status, equals: .succeeded)
        try day(
            [#"{"id":1,"v":"b"}"#], then: waiting(in: folder) + #"; echo '{"id":2,"v":"a"}'"#, in: folder, of: warehouse
        )
        expect(try await warehouse.rows(Self.asks), equals: ["false"])
        let running = run(warehouse)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
        expect(try await warehouse.rows("SELECT count(*) FROM audit.raw_batch"), equals: ["1"])
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
        try day(Self.first, then: "touch \(folder.path)/waits; " + waiting(in: folder), in: folder, of: warehouse)
        let running = run(warehouse)
        #expect(try await eventually { FileManager.default.fileExists(atPath: "\(folder.path)/waits") })
        try await Task.sleep(for: .milliseconds(200))
        expect(try await warehouse.rows(Self.asks), equals: ["false"])
        try folder.write([], to: "go")
        expect(try await running.value?.status, equals: .succeeded)
        expect(
            try await warehouse.rows("SELECT same_as IS NOT NULL FROM audit.raw_batch ORDER BY run_timestamp"),
            equals: ["false", "true"])
    }

    @Test("leaves nothing where the landing fails; a retry lands and reads anew")
    func failed() async throws {
        let folder = try TemporaryFolder()
        let warehouse = try await warehouse(folder)
        try day(Self.first, in: folder, of: warehouse)
        try await warehouse.run()
        try day([#"{"id":1,"v":"b"}"#], then: "sleep 0.2; exit 1", in: folder, of: warehouse)
        expect(try await warehouse.run().status, equals: .failed)
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
        try day([#"{"id":1,"v":"b"}"#], then: "sleep 300", in: folder, of: warehouse)
        let running = run(warehouse)
        #expect(try await eventually { try await warehouse.rows(Self.asks) == ["true"] })
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

    @Test("ends with the run that is cancelled while silver ends rows", .timeLimit(.minutes(1)))
    func cancelledDeletes() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.always)
        try await warehouse.load(Self.first)
        try await warehouse.connection.executeScript(
            """
            CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
            CREATE TRIGGER slow BEFORE UPDATE ON silver.t_things FOR EACH ROW EXECUTE FUNCTION public.slow()
            """)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"b"}"#, #"{"id":3,"v":"a"}"#])
        let running = run(warehouse)
        #expect(
            try await eventually {
                try await warehouse.rows(
                    """
                    SELECT count(*) FROM audit.entity_layer_run r, pg_stat_activity s
                    WHERE r.layer = 'silver' AND r.status = 'running' AND s.datname = current_database()
                        AND s.wait_event = 'PgSleep'
                    """) == ["1"]
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
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.always)
        try await warehouse.load(Self.first)
        let other = try await warehouse.workspace.pool.detached(applicationName: "somebody")
        try await other.begin()
        try await other.execute("SELECT FROM silver.t_things WHERE id = 2 FOR UPDATE")
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"b"}"#, #"{"id":3,"v":"a"}"#])
        let running = run(warehouse)
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
