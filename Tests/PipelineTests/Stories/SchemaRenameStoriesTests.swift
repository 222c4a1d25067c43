import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// What keeps its values when names and definitions change around it.
@Suite("Names and values that stay", .fewAtOnce)
struct SchemaRenameStoriesTests {
    @Test("a column is renamed because its source renamed the field: no version, before and after its records come")
    func renamedAtSource() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#)
        try warehouse.change(TestEntity(columns: "id int key, title text renamed_from=v"))
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run { $0.layers = [.silver] }
        let same = "1 | a | d1..\n2 | b | d1.."
        expect(try await warehouse.table(), equals: same)
        for _ in 1...2 {
            try await warehouse.load(#"{"id":1,"title":"a"}"#, #"{"id":2,"title":"b"}"#)
            expect(try await warehouse.table(), equals: same)
        }
        try await warehouse.load(#"{"id":1,"title":"c"}"#, #"{"id":2,"title":"b"}"#)
        expect(try await warehouse.table(), equals: "1 | a | d1..d5\n1 | c | d5..\n2 | b | d1..")
    }

    @Test("a key column is renamed and grows: its keys stay the same")
    func renamedKey() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        try warehouse.change(TestEntity(columns: "number bigint key renamed_from=id path=id, v text"))
        for _ in 1...2 {
            let report = try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":9000000000,"v":"b"}"#)
            #expect(report.steps.compactMap(\.error) == [])
        }
        expect(try await warehouse.table(), equals: "1 | a | d1..\n9000000000 | b | d2..")
    }

    @Test("a value that was carried over a gap of the source stays when other definitions change")
    func carried() async throws {
        func records(_ more: String) -> [String] { (1...100).map { #"{"id":\#($0)\#(more)}"# } }
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text, n int"))
        try await warehouse.load(records(#","v":"a","n":1"#))
        try await warehouse.load(records(#","n":1,"w":2"#))
        let before = ["100 | 100 | 0"]
        let carried: SQLText = """
            SELECT count(*), count(*) FILTER (WHERE v = 'a' AND _valid_to IS NULL), count(_valid_to) FROM silver.t_things
            """
        expect(try await warehouse.rows(carried), equals: before)
        try warehouse.change(TestEntity(columns: "id int key, v text, n int scd=1, w int"))
        for _ in 1...2 {
            try await warehouse.load(records(#","n":1,"w":2"#))
            expect(try await warehouse.rows(carried), equals: before)
        }
        expect(try await warehouse.rows("SELECT DISTINCT w FROM silver.t_things"), equals: ["2"])
    }

    @Test("deploy changes what it can, says what it refuses, and the next run refills")
    func deployed() async throws {
        let other = try TestEntity("others", columns: "id int key, x int")
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"), other)
        try warehouse.put([#"{"id":7,"x":1}"#], for: "others")
        try await warehouse.load(#"{"id":1,"v":"a","w":5}"#)
        warehouse.clock.advance(seconds: 60)
        try warehouse.change(
            TestEntity(columns: "id int key, v text, w int"), TestEntity("others", columns: "id int key, x boolean"))
        let (plan, _) = try await Deployment(workspace: warehouse.workspace).deploy()
        #expect(
            plan.changes.map { "\($0.entity) \($0.change.kind) \($0.change.column)" }.contains("t.things columnAdded w")
        )
        #expect(plan.differences.map(\.key.name) == ["others"])
        expect(try await warehouse.table(), equals: "1 | a | NULL | d1..")
        let next = try await Deployment(workspace: warehouse.workspace).plan(for: [warehouse.entity()])
        #expect(next.statements.isEmpty)
        #expect(next.changes.map(\.change.kind) == [.refilled])
        let report = try await warehouse.load(#"{"id":1,"v":"a","w":5}"#)
        #expect(report.steps.filter { $0.status == .failed }.map(\.entity.name) == ["others"])
        expect(try await warehouse.table(), equals: "1 | a | 5 | d1..")
    }
}
