import Metadata
import Postgres
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Pipeline

/// Runs that break at every place where something is written: the next run must end where no run ever broke.
@Suite("Runs that break", .fewAtOnce)
struct BrokenRunTests {
    private static let days = [
        [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"a"}"#], [#"{"id":1,"v":"b"}"#, #"{"id":3,"v":"b"}"#],
        [#"{"id":1,"v":"c"}"#, #"{"id":2,"v":"c"}"#],
    ]
    private static let table = """
        1 | a | d1..d2
        1 | b | d2..d3
        1 | c | d3..
        2 | a | d1..d2 deleted
        2 | c | d3..
        3 | b | d2..d3 deleted
        """

    /// Ends the session that writes such a row, once: at the row itself, or at its COMMIT.
    private func breakOnce(_ place: String, atCommit: Bool, in warehouse: TestWarehouse) async throws {
        try await warehouse.connection.executeScript(
            """
            CREATE SEQUENCE public.breaks;
            CREATE FUNCTION public.break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('public.breaks') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER breaks AFTER \(place.replacing("WHEN", with: atCommit
                ? "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN" : "FOR EACH ROW WHEN")) EXECUTE FUNCTION public.break()
            """)
    }

    @Test(
        "by a lost connection lose nothing and repeat nothing",
        arguments: [
            "INSERT ON audit.raw_batch WHEN (true)", "INSERT ON bronze.t_things WHEN (true)",
            "INSERT OR UPDATE ON bronze.t_things__last WHEN (true)", "UPDATE ON silver.t_things WHEN (true)",
            "INSERT ON silver.t_things WHEN (true)", "UPDATE ON audit.raw_batch WHEN (NEW.state = 'normalized')",
            "UPDATE ON audit.raw_batch WHEN (NEW.state = 'merged')",
            "UPDATE ON audit.entity_layer_run WHEN (NEW.layer = 'raw' AND NEW.status = 'succeeded')",
            "UPDATE ON audit.entity_layer_run WHEN (NEW.layer = 'bronze' AND NEW.status = 'succeeded')",
            "UPDATE ON audit.entity_layer_run WHEN (NEW.layer = 'silver' AND NEW.status = 'succeeded')",
        ], [false, true])
    func lostConnection(place: String, atCommit: Bool) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(Self.days[0])
        let bronze = BronzeTable(warehouse.entity(), schema: "bronze")
        if place.contains("__last") { try await LastChanges(table: bronze).keep(on: warehouse.connection) }
        try await breakOnce(place, atCommit: atCommit, in: warehouse)
        // What breaks beside bronze is no failure: the next test.
        if place.contains("silver.t_things"), !atCommit { warehouse.use(.never) }
        let broken = try await warehouse.load(Self.days[1])
        #expect(broken.status == .failed && broken.isInfrastructure)
        expect(
            try await warehouse.rows(
                "SELECT count(*), min(error_kind) FROM audit.entity_layer_run WHERE status = 'failed'"),
            equals: ["1 | sql"])
        expect(try await warehouse.load(Self.days[2]).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test(
        "where silver's companion of bronze loses its connection merge from the log",
        arguments: ["UPDATE ON silver.t_things WHEN (true)", "INSERT ON silver.t_things WHEN (true)"])
    func lostCompanion(place: String) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.always)
        try await warehouse.load(Self.days[0])
        try await breakOnce(place, atCommit: false, in: warehouse)
        expect(try await warehouse.load(Self.days[1]).status, equals: .succeeded)
        expect(try await warehouse.rows("SELECT last_value FROM public.breaks"), equals: ["3"])
        expect(try await warehouse.load(Self.days[2]).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test("where silver's companion has merged, and is lost while bronze commits, merge from the log")
    func lostBehindItsMerge() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        warehouse.use(.always)
        try await warehouse.load(Self.days[0])
        // Bronze's own session waits here until silver's has merged, which it would not if bronze had to wait for that.
        try await warehouse.connection.executeScript(
            """
            CREATE SEQUENCE public.breaks;
            CREATE FUNCTION public.break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                FOR attempt IN 1..1000 LOOP
                    PERFORM pg_stat_clear_snapshot();
                    PERFORM pg_terminate_backend(pid, 5000), nextval('public.breaks') FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'story companion merge'
                        AND state = 'idle in transaction' AND query LIKE 'INSERT INTO "silver"%';
                    EXIT WHEN FOUND;
                    PERFORM pg_sleep(0.01);
                END LOOP;
                RETURN NULL;
            END $$;
            CREATE TRIGGER breaks AFTER UPDATE ON audit.raw_batch FOR EACH ROW
                WHEN (NEW.state = 'normalized' AND OLD.state = 'landed') EXECUTE FUNCTION public.break()
            """)
        expect(try await warehouse.load(Self.days[1]).status, equals: .succeeded)
        expect(try await warehouse.rows("SELECT last_value, is_called FROM public.breaks"), equals: ["1 | true"])
        try await warehouse.connection.execute("DROP TRIGGER breaks ON audit.raw_batch")
        expect(try await warehouse.load(Self.days[2]).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test(
        "before a step could begin say so in its row, and count it",
        arguments: [
            "INSERT ON audit.system_layer_run WHEN (NEW.layer = 'raw')",
            "INSERT ON audit.entity_layer_run WHEN (NEW.layer = 'raw' AND NEW.status = 'running')",
        ], [false, true])
    func unbegunStep(place: String, atCommit: Bool) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(Self.days[0])
        try await breakOnce(place, atCommit: atCommit, in: warehouse)
        try warehouse.put(Self.days[1])
        expect(try await warehouse.run { $0.layers = [.raw] }.status, equals: .failed)
        expect(
            try await warehouse.rows(
                """
                SELECT e.layer, e.status, e.error_kind, r.status, r.nr_entities_failed, l.status, l.nr_entities_failed
                FROM audit.system_run r JOIN audit.system_layer_run l USING (run_id)
                JOIN audit.entity_layer_run e USING (system_layer_run_id)
                WHERE r.run_timestamp = (SELECT max(run_timestamp) FROM audit.system_run WHERE system_id = 't')
                """), equals: ["raw | failed | sql | failed | 1 | failed | 1"])
        expect(try await warehouse.brokenPromises(), equals: [])
    }

    @Test("that could not close a step have it closed by the next one")
    func openStep() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(Self.days[0])
        try await warehouse.connection.execute(
            """
            UPDATE audit.entity_layer_run SET status = 'running', finished_at = NULL
            WHERE layer = 'silver' AND run_timestamp = (SELECT max(run_timestamp) FROM audit.system_run
                WHERE system_id <> 'gold')
            """)
        try await warehouse.load(Self.days[1])
        expect(
            try await warehouse.rows(
                "SELECT layer, status FROM audit.entity_layer_run WHERE status IN ('running', 'abandoned')"),
            equals: ["silver | abandoned"])
    }

    @Test(
        "by a lost connection go on within the run where the system asks for retries", arguments: ["bronze", "silver"])
    func retried(schema: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text"), system: #"{"retries": 1}"#)
        try await warehouse.load(Self.days[0])
        if schema == "silver" { warehouse.use(.never) }
        try await breakOnce("INSERT ON \(schema).t_things WHEN (true)", atCommit: false, in: warehouse)
        expect(try await warehouse.load(Self.days[1]).status, equals: .succeeded)
        expect(
            try await warehouse.rows(
                """
                SELECT attempt, status FROM audit.entity_layer_run WHERE layer = \(literal: schema)
                ORDER BY run_timestamp DESC, attempt LIMIT 2
                """), equals: ["1 | failed", "2 | succeeded"])
        try await warehouse.load(Self.days[2])
        expect(try await warehouse.table(), equals: Self.table)
    }

    @Test("by somebody's wish are cancelled, and leave a clean audit", arguments: [Layer.raw, .bronze, .silver])
    func cancelled(layer: Layer) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(Self.days[0])
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(Self.days[1])
        var workspace = warehouse.workspace
        let stopper = Stopper(layer)
        workspace.observer = stopper
        let (gate, opening) = AsyncStream<Void>.makeStream()
        let run = Task { [workspace] in
            for await _ in gate { break }
            return try await Invocation(workspace: workspace, request: RunRequest()).run()
        }
        stopper.stops(run)
        opening.yield()
        await #expect(throws: CancellationError.self) { _ = try await run.value }
        expect(try await warehouse.brokenPromises(), equals: [])
        expect(
            try await warehouse.rows("SELECT status FROM audit.system_run ORDER BY run_timestamp"),
            equals: ["succeeded", "cancelled"])
        expect(
            try await warehouse.rows("SELECT layer, status FROM audit.entity_layer_run WHERE status = 'cancelled'"),
            equals: ["\(layer.rawValue) | cancelled"])
        if layer == .raw { try await warehouse.run() }
        try await warehouse.load(Self.days[2])
        expect(
            try await warehouse.table(),
            equals: layer == .raw ? Self.table.replacing("d2", with: "d2+1us") : Self.table)
    }
}

/// Cancels a run when a layer begins.
private final class Stopper: RunObserver {
    private let layer: Layer
    private let run = Mutex(Task<[RunReport], any Error>?.none)

    init(_ layer: Layer) { self.layer = layer }

    func stops(_ task: Task<[RunReport], any Error>) { run.withLock { $0 = task } }

    func observe(_ event: RunEvent) {
        if case .stepStarted(layer, _, _) = event { run.withLock { $0 }?.cancel() }
    }
}
