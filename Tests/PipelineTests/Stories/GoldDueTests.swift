import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Which gold scripts are due", .fewAtOnce)
struct GoldDueTests {
    private static func things(_ more: String = "") throws -> TestEntity {
        try TestEntity(columns: "id int key, v int\(more)")
    }

    /// A warehouse with gold that reads silver, gold that reads gold, and gold that reads neither.
    private func built() async throws -> (TestWarehouse, Workspace) {
        let warehouse = try await TestWarehouse(Self.things())
        try warehouse.folder.write(
            "-- materialize: table\nSELECT sum(v) AS v FROM silver.t_things_current", to: "sql/gold/a.sql")
        try warehouse.folder.write("-- materialize: table\nSELECT v FROM gold.a", to: "sql/gold/b.sql")
        try warehouse.folder.write("SELECT 1 AS one", to: "sql/gold/lone.sql")
        let workspace = try warehouse.workspace(with: Self.things())
        try warehouse.put([#"{"id":1,"v":1}"#])
        expect(try await built(in: workspace, of: warehouse), equals: ["a", "b", "lone"])
        return (warehouse, workspace)
    }

    /// Runs, a day later; the scripts that were built.
    private func built(
        in workspace: Workspace, of warehouse: TestWarehouse, _ change: (inout RunRequest) -> Void = { _ in }
    ) async throws -> [String] {
        warehouse.clock.advance(seconds: 86_400)
        var request = RunRequest()
        change(&request)
        let reports = try await Invocation(workspace: workspace, request: request).run()
        return reports.filter { $0.system == .gold }.flatMap(\.steps).filter { $0.status == .succeeded }
            .map(\.entity.name).sorted()
    }

    @Test("what was merged without gold is built by the next run, once", arguments: [false, true])
    func mergedWithout(isGoldOnly: Bool) async throws {
        let (warehouse, workspace) = try await built()
        try warehouse.put([#"{"id":1,"v":2}"#])
        expect(try await built(in: workspace, of: warehouse) { $0.layers = [.raw, .bronze, .silver] }, equals: [])
        expect(try await warehouse.rows("TABLE gold.b"), equals: ["1"])
        let plan = try await RunPlan.make(for: RunRequest(), in: workspace)
        #expect(plan.goldDue == ["a", "b"] && plan.gold == [])
        let layers: Set<Layer> = isGoldOnly ? [.gold] : Set(Layer.allCases)
        expect(try await built(in: workspace, of: warehouse) { $0.layers = layers }, equals: ["a", "b"])
        expect(try await warehouse.rows("TABLE gold.b"), equals: ["2"])
        expect(try await built(in: workspace, of: warehouse) { $0.layers = layers }, equals: [])
        expect(
            try await built(in: workspace, of: warehouse) {
                $0.layers = [.gold]; $0.force = true
            }, equals: ["a", "b", "lone"])
    }

    @Test("a script that only a run of gold has seen is built once")
    func newScript() async throws {
        let (warehouse, _) = try await built()
        try warehouse.folder.write("SELECT count(*) AS n FROM silver.t_things", to: "sql/gold/c.sql")
        let more = try warehouse.workspace(with: Self.things())
        expect(try await built(in: more, of: warehouse) { $0.layers = [.gold] }, equals: ["c"])
        expect(try await built(in: more, of: warehouse) { $0.layers = [.gold] }, equals: [])
    }

    @Test("changes that come late change what gold reads, too")
    func late() async throws {
        let things = try TestEntity(
            columns: "id int key, v int, since date stored=false",
            #"{"delta": {"mode": "all"}, "effective_time_column": "since"}"#)
        let warehouse = try await TestWarehouse(things)
        try warehouse.folder.write("-- materialize: table\nSELECT v FROM silver.t_things", to: "sql/gold/a.sql")
        let workspace = try warehouse.workspace(with: things)
        try warehouse.put([#"{"id":1,"v":1,"since":"2026-01-01"}"#, #"{"id":1,"v":3,"since":"2026-03-01"}"#])
        expect(try await built(in: workspace, of: warehouse) { $0.loadType = .delta }, equals: ["a"])
        try warehouse.put([#"{"id":1,"v":2,"since":"2026-02-01"}"#])
        expect(try await built(in: workspace, of: warehouse) { $0.loadType = .delta }, equals: ["a"])
        expect(try await warehouse.rows("SELECT v FROM gold.a ORDER BY v"), equals: ["1", "2", "3"])
    }

    @Test("a run that ends between two scripts leaves the second one to the next run")
    func between() async throws {
        let (warehouse, workspace) = try await built()
        // As a process leaves it that is killed when `a` is built: nothing tells of `b`.
        try await warehouse.connection.execute(
            """
            CREATE FUNCTION public.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.entity_name = 'b' THEN RAISE 'killed' USING ERRCODE = '57P01'; END IF; RETURN NEW; END $$;
            """)
        try await warehouse.connection.execute(
            "CREATE TRIGGER stop BEFORE INSERT ON audit.entity_layer_run FOR EACH ROW EXECUTE FUNCTION public.stop()")
        try warehouse.put([#"{"id":1,"v":2}"#])
        _ = try? await built(in: workspace, of: warehouse)
        try await warehouse.connection.execute("DROP FUNCTION public.stop CASCADE")
        expect(
            try await warehouse.rows("SELECT (TABLE gold.a), (TABLE gold.b)"), equals: ["2 | 1"])
        expect(try await built(in: workspace, of: warehouse), equals: ["b"])
        expect(try await warehouse.rows("TABLE gold.b"), equals: ["2"])
    }

    @Test("rows that are read again because their metadata changed make what reads them due")
    func readAgain() async throws {
        let (warehouse, _) = try await built()
        warehouse.clock.advance(seconds: 86_400)
        let wider = try warehouse.workspace(with: Self.things(", w int"))
        expect(try await built(in: wider, of: warehouse) { $0.layers = [.raw, .bronze, .silver] }, equals: [])
        expect(try await built(in: wider, of: warehouse), equals: ["a", "b"])
        expect(try await built(in: wider, of: warehouse), equals: [])
    }
}
