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
        let rebuild = Rebuild(workspace: warehouse.workspace, entity: warehouse.entity(), from: .raw, verifies: false)
        expect(try await rebuild.run().run.status, equals: .succeeded)
    }

    private func open(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows("SELECT id FROM silver.t_things_current ORDER BY 1")
    }

    private func refusal(_ before: String, _ now: String) -> String {
        "tables differ from the metadata and are never repaired silently: keys of t.things have their full_scope from "
            + "\(before), the metadata says \(now): those that do not change would keep it, and be deleted wrongly or not at "
            + "all, so the tables must be built again from raw: medallion rebuild t.things --from raw"
    }

    @Test("one that comes later is refused until the tables are built again; keys that never changed have it then")
    func later() async throws {
        let warehouse = try await TestWarehouse(entity(nil))
        try await warehouse.load(things)
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region")])
        try await rebuild(warehouse)
        try await warehouse.load([thing(1, "n", "x")])
        expect(try await open(warehouse), equals: ["1", "3", "4"])
    }

    @Test("one that comes together with its column is refused as well, and the column is made")
    func withColumn() async throws {
        let warehouse = try await TestWarehouse(entity(nil, columns: "id int key, land text"))
        try await warehouse.load(things)
        try warehouse.change(entity("region"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region")])
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
        expect(reasons(try await warehouse.load(things)), equals: [refusal("/region", "/land")])
        try warehouse.change(entity("region", columns: "id int key, region text path=/land, land text"))
        expect(reasons(try await warehouse.load(things)), equals: [refusal("/region", "/land")])
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
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region")])
    }

    @Test("where no key is live, any may come")
    func empty() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: Self.columns, #"{"allow_empty": true}"#))
        try await warehouse.load(Array(things.prefix(1)))
        try await warehouse.load([])
        expect(try await open(warehouse), equals: [])
        try warehouse.change(entity("region"))
        try await warehouse.load(things)
        try await warehouse.load([thing(1, "n", "x")])
        expect(try await open(warehouse), equals: ["1", "3", "4"])
    }

    @Test("tables of a version that noted nothing go on where every key has a scope")
    func unknown() async throws {
        let warehouse = try await TestWarehouse(entity("region"))
        try await warehouse.load(things)
        try await warehouse.connection.execute("UPDATE metadata.entity_shape SET scopes_by = NULL")
        try await warehouse.load([thing(1, "n", "z")])
        expect(try await open(warehouse), equals: ["1", "3", "4"])
        expect(
            try await warehouse.rows("SELECT scopes_by FROM metadata.entity_shape"),
            equals: [#"{"path":["region"],"kind":"text","reading":{}}"#])
        try await warehouse.connection.execute("UPDATE metadata.entity_shape SET scopes_by = NULL")
        try await warehouse.connection.execute("UPDATE bronze.t_things__last SET _scope = NULL WHERE NOT _is_deleted")
        expect(reasons(try await warehouse.load(things)), equals: [refusal("nowhere", "/region")])
    }
}
