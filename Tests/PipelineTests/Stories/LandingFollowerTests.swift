import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// The first batch is read while it lands (ADR 0034): whatever becomes of the landing or of the reading, the tables are those
/// of a batch that was read when it was there.
@Suite("A first batch that is read while it lands", .fewAtOnce)
struct LandingFollowerTests {
    private static let days = [
        [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"a"}"#], [#"{"id":1,"v":"b"}"#, #"{"id":3,"v":"b"}"#],
    ]
    private static let table = """
        1 | a | d1..d2
        1 | b | d2..
        2 | a | d1..d2 deleted
        3 | b | d2..
        """

    private func warehouse(system: String = "{}") async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse([TestEntity(columns: "id int key, v text")], system: system)
        warehouse.use(.always)
        return warehouse
    }

    /// Has the registration of a batch in raw wait until bronze's session has written all of the batch, do something to it, and
    /// count that. What is not met within ten seconds is not counted.
    private func meet(_ action: String, in warehouse: TestWarehouse) async throws {
        try await warehouse.connection.executeScript(
            """
            CREATE SEQUENCE public.met;
            CREATE FUNCTION public.meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT is_called FROM public.met) THEN RETURN NULL; END IF;
                FOR attempt IN 1..1000 LOOP
                    PERFORM pg_stat_clear_snapshot();
                    PERFORM nextval('public.met'), \(action) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'story landing follower'
                        AND state = 'idle in transaction' AND query LIKE 'ALTER TABLE "bronze"%DROP DEFAULT%';
                    EXIT WHEN FOUND;
                    PERFORM pg_sleep(0.01);
                END LOOP;
                RETURN NULL;
            END $$;
            CREATE TRIGGER meets AFTER INSERT ON audit.raw_batch FOR EACH ROW EXECUTE FUNCTION public.meet()
            """)
    }

    private func expectMet(in warehouse: TestWarehouse) async throws {
        expect(try await warehouse.rows("SELECT last_value, is_called FROM public.met"), equals: ["1 | true"])
        try await warehouse.connection.execute("DROP TRIGGER meets ON audit.raw_batch")
    }

    @Test("is written before raw has registered it, and committed behind it", arguments: [true, false])
    func written(withSilver: Bool) async throws {
        let warehouse = try await warehouse()
        try await meet("pid", in: warehouse)
        if withSilver {
            expect(try await warehouse.load(Self.days[0]).status, equals: .succeeded)
        } else {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(Self.days[0])
            for layers: Set<Layer> in [[.raw, .bronze], [.silver]] {
                expect(try await warehouse.run { $0.layers = layers }.status, equals: .succeeded)
            }
        }
        try await expectMet(in: warehouse)
        expect(
            try await warehouse.rows(
                "SELECT layer, nr_records_in, nr_records_inserted FROM audit.entity_layer_run ORDER BY 1"),
            equals: ["bronze | 2 | 2", "raw | 2 | 2", "silver | 2 | 2"])
        try await warehouse.load(Self.days[1])
        expect(try await warehouse.table(), equals: Self.table)
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("is written before raw has registered it, be it one file, as soon as it is worth it")
    func large() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.whereWorth)
        try await meet("pid", in: warehouse)
        let text = String(repeating: "a", count: 1000)
        let count = 6000
        expect(
            try await warehouse.load((1...count).map { #"{"id":\#($0),"v":"\#(text)"}"# }).status, equals: .succeeded)
        try await expectMet(in: warehouse)
        expect(
            try await warehouse.rows("SELECT count(*), sum(length(v)) FROM silver.t_things"),
            equals: ["\(count) | \(count * 1000)"])
    }

    /// As the server counts the rows that ever came to the log.
    @Test("is written once in vain, not twice, where keys stand twice in it")
    func duplicates() async throws {
        let warehouse = try await warehouse()
        expect(
            try await warehouse.load(Self.days[0] + [#"{"id":2,"v":"c"}"#]).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: "1 | a | d1..\n2 | c | d1..")
        // A session tells the statistics what it did when it ends.
        await warehouse.workspace.pool.close()
        #expect(
            try await eventually {
                try await warehouse.rows(
                    "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relid = 'bronze.t_things'::regclass") == ["5"]
            })
    }

    @Test("is read again where the session that wrote it was lost while it waited for raw")
    func lost() async throws {
        let warehouse = try await warehouse()
        try await meet("pg_terminate_backend(pid, 5000)", in: warehouse)
        expect(try await warehouse.load(Self.days[0]).status, equals: .succeeded)
        try await expectMet(in: warehouse)
        try await warehouse.load(Self.days[1])
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test("is not there where raw could not register it; the next run takes it up", arguments: [0, 1])
    func unregistered(retries: Int) async throws {
        let warehouse = try await warehouse(system: #"{"retries": \#(retries)}"#)
        // Bronze has written all of it, then raw's own session ends, once.
        try await meet("pg_terminate_backend(pg_backend_pid())", in: warehouse)
        expect(try await warehouse.load(Self.days[0]).status, equals: retries == 0 ? .failed : .succeeded)
        try await expectMet(in: warehouse)
        if retries == 0 {
            expect(try await warehouse.rows("SELECT count(*) FROM bronze.t_things"), equals: ["0"])
            expect(
                try await warehouse.rows(
                    "SELECT layer, status, error_kind, skip_reason FROM audit.entity_layer_run ORDER BY 2, 1"),
                equals: [
                    "raw | failed | sql | NULL", "bronze | skipped | NULL | upstream_failed",
                    "silver | skipped | NULL | upstream_failed",
                ])
        }
        try await warehouse.load(Self.days[1])
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test("leaves nothing where the run is cancelled while it waits for raw")
    func cancelled() async throws {
        let warehouse = try await warehouse()
        try await meet("pg_sleep(60)", in: warehouse)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(Self.days[0])
        let run = Task { try await Invocation(workspace: warehouse.workspace, request: RunRequest()).run() }
        #expect(try await eventually { try await warehouse.rows("SELECT is_called FROM public.met") == ["true"] })
        run.cancel()
        await #expect(throws: CancellationError.self) { _ = try await run.value }
        try await expectMet(in: warehouse)
        #expect(
            try await eventually {
                try await warehouse.rows(
                    """
                    SELECT application_name FROM pg_stat_activity WHERE datname = current_database()
                        AND application_name IN ('story landing follower', 'story companion merge')
                    """
                ).isEmpty
            })
        expect(
            try await warehouse.rows("SELECT layer, status FROM audit.entity_layer_run"), equals: ["raw | cancelled"])
        try await warehouse.run()
        try await warehouse.load(Self.days[1])
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test("of many files has each record's own", arguments: [Shortcuts.always, .never])
    func files(shortcuts: Shortcuts) async throws {
        let warehouse = try await warehouse()
        warehouse.use(shortcuts)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put((1...7).map { #"{"id":\#($0),"v":"a"}"# }, files: 3)
        try await warehouse.run()
        expect(
            try await warehouse.rows(
                "SELECT doc->>'id' AS id, _raw_file, _record_no FROM bronze.t_things ORDER BY 1"),
            equals: ["1 | 1 | 1", "2 | 1 | 2", "3 | 1 | 3", "4 | 2 | 1", "5 | 2 | 2", "6 | 2 | 3", "7 | 3 | 1"])
        expect(
            try await warehouse.rows(
                """
                SELECT count(*) FROM information_schema.columns
                WHERE table_schema = 'bronze' AND column_default IS NOT NULL
                """), equals: ["0"])
    }

    @Test("is read when it is there, where its source takes its time; nothing of it is there where the source fails")
    func slow() async throws {
        let entity = try TestEntity(columns: "id int key, v text", #"{"source": {"format": "jsonl"}}"#)
        func warehouse(_ end: String) async throws -> TestWarehouse {
            let script = #"echo '{\"id\":1,\"v\":\"a\"}'; \#(end); echo '{\"id\":2,\"v\":\"a\"}'"#
            let warehouse = try await TestWarehouse(
                [entity],
                system: """
                    {"type": "process", "connection": {"protocol": "plain", "command": ["sh", "-c", "\(script)"]}}
                    """)
            warehouse.use(.always)
            warehouse.clock.advance(seconds: 86_400)
            return warehouse
        }
        let late = try await warehouse("sleep 1.5")
        try await late.run()
        expect(try await late.table(), equals: "1 | a | d1..\n2 | a | d1..")
        let failing = try await warehouse("sleep 0.3; exit 1")
        expect(try await failing.run().status, equals: .failed)
        expect(try await failing.rows("SELECT count(*) FROM bronze.t_things"), equals: ["0"])
        expect(
            try await failing.rows(
                "SELECT indexname FROM pg_indexes WHERE schemaname IN ('bronze', 'silver') ORDER BY 1"),
            equals: try await late.rows(
                "SELECT indexname FROM pg_indexes WHERE schemaname IN ('bronze', 'silver') ORDER BY 1"))
    }
}
