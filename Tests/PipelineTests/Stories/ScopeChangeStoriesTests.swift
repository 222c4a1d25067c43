import Metadata
import Postgres
import TestKit
import Testing

@testable import Pipeline

/// The scope of a key is that of its last document, read when it came: what happens when `full_scope` comes later, changes
/// or goes.
@Suite("Scopes that come later or change", .fewAtOnce)
struct ScopeChangeStoriesTests {
    private static let columns = "id int key, region text, land text"

    private func entity(_ scope: String?, columns: String = columns) throws -> TestEntity {
        try TestEntity(columns: columns, scope.map { #"{"full_scope": "\#($0)"}"# } ?? "{}")
    }

    private func thing(_ id: Int, _ region: String, _ land: String) -> String {
        #"{"id":\#(id),"region":"\#(region)","land":"\#(land)"}"#
    }

    private var things: [String] { [thing(1, "n", "x"), thing(2, "n", "y"), thing(3, "s", "x"), thing(4, "s", "y")] }

    private func reasons(_ report: RunReport) -> [String] { report.steps.compactMap(\.error) }

    private func rebuild(_ warehouse: TestWarehouse) async throws {
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
    }

    private func open(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows("SELECT id FROM silver.t_things_current ORDER BY 1")
    }

    private func refusal(_ before: String, _ now: String) -> String {
        "tables differ from the metadata and are never repaired silently: keys of t.things have their full_scope from "
            + "\(before), the metadata says \(now): those that do not change would keep it, and be deleted wrongly or not at "
            + "all; set full_scope back, or build the tables again from raw: medallion rebuild t.things --from raw"
    }

    @Test("one that comes later is refused until the tables are built again; keys that never changed have it then")
    func later() async throws {
        let warehouse = try await TestWarehouse(entity(nil))
        try await warehouse.load(things)
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region (text)")])
        try await rebuild(warehouse)
        try await warehouse.load([thing(1, "n", "x")])
        expect(try await open(warehouse), equals: ["1", "3", "4"])
    }

    @Test("one that comes together with its column is refused as well, and the column is made")
    func withColumn() async throws {
        let warehouse = try await TestWarehouse(entity(nil, columns: "id int key, land text"))
        try await warehouse.load(things)
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region (text)")])
        try await rebuild(warehouse)
        try await warehouse.load([thing(1, "n", "x")])
        expect(
            try await warehouse.rows("SELECT id, region, land FROM silver.t_things_current ORDER BY 1"),
            equals: ["1 | n | x", "3 | s | x", "4 | s | y"])
    }

    @Test("another column, path or kind is refused, and going back is not")
    func changed() async throws {
        let warehouse = try await TestWarehouse(entity("region"))
        try await warehouse.load(things)
        try warehouse.change(entity("land"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("/region (text)", "/land (text)")])
        try warehouse.change(entity("region", columns: "id int key, region text path=/land, land text"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("/region (text)", "/land (text)")])
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things.reversed())), equals: [])
        try warehouse.change(entity("land"))
        try await rebuild(warehouse)
        try await warehouse.load([thing(1, "n", "x")])
        expect(try await open(warehouse), equals: ["1", "2", "4"])
    }

    @Test("one that goes is noted by the next batch, so that it cannot come back unseen")
    func gone() async throws {
        let warehouse = try await TestWarehouse(entity("region"))
        try await warehouse.load(things)
        try warehouse.change(entity(nil))
        try await warehouse.load(things.dropLast() + [thing(4, "n", "y")])
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region (text)")])
    }

    @Test("before the first batch any may come, and where no absence counts it means nothing")
    func free() async throws {
        let warehouse = try await TestWarehouse(entity(nil))
        let deployment = Deployment(workspace: warehouse.workspace)
        _ = try await deployment.deploy()
        try warehouse.change(entity("region"))
        try await warehouse.load(things)
        try await warehouse.load([thing(1, "n", "x")])
        expect(try await open(warehouse), equals: ["1", "3", "4"])
        let keeping = try await TestWarehouse(TestEntity(columns: Self.columns, #"{"delete_mode": "ignore"}"#))
        try await keeping.load(things)
        try keeping.change(
            TestEntity(columns: Self.columns, #"{"delete_mode": "ignore", "full_scope": "region"}"#))
        expect(reasons(try await keeping.load(things.reversed())), equals: [])
        try keeping.change(entity("region"))
        expect(reasons(try await keeping.load(things)), equals: [refusal("nowhere", "/region (text)")])
    }

    @Test("another type or default of the column is told; what was never noted is refused")
    func told() async throws {
        let warehouse = try await TestWarehouse(entity("region"))
        try await warehouse.load(things)
        try warehouse.change(entity("region", columns: "id int key, region text default=n, land text"))
        let reason = try #require(reasons(try await warehouse.load(things)).first)
        #expect(reason.contains(#"from /region (text), the metadata says /region (text {"default":"n""#), "\(reason)")
        try warehouse.change(entity("region"))
        try await warehouse.connection.execute("UPDATE metadata.entity_shape SET scopes_by = NULL")
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region (text)")])
    }

    @Test("a rebuild from raw is refused where the server has refused to change the tables")
    func refusedByServer() async throws {
        let warehouse = try await TestWarehouse(entity(nil))
        try await warehouse.load(things)
        try warehouse.change(entity("region", columns: Self.columns + ", more text"))
        try await warehouse.connection.executeScript(
            """
            CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'nobody alters tables today'; END $$;
            CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION public.no();
            """)
        warehouse.clock.advance(seconds: 60)
        let error = await #expect(throws: StepError.self) { _ = try await warehouse.rebuild(from: .raw) }
        #expect(error?.description.contains("nobody alters tables today") == true, "\(String(describing: error))")
        try await warehouse.connection.execute("DROP EVENT TRIGGER no")
        warehouse.clock.advance(seconds: 60)
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
    }
}
