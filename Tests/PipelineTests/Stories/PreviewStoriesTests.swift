import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

@Suite("A preview of what a landed batch would change", .fewAtOnce)
struct PreviewStoriesTests {
    @Test("shows counts, rows and objections, and changes nothing")
    func preview() async throws {
        for isEffective in [false, true] {
            let warehouse = try await TestWarehouse(
                TestEntity(
                    columns: "id int key, name text, at timestamptz stored=false",
                    isEffective ? #"{"effective_time_column": "at"}"# : "{}"))
            func row(_ id: Int, _ name: String, _ day: Int) -> String {
                #"{"id":\#(id),"name":"\#(name)","at":"2026-01-0\#(day)T00:00:00Z"}"#
            }
            try await warehouse.load(row(1, "Ann", 1), row(2, "Bob", 1), row(3, "Cleo", 1))
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put([row(1, "Ann", 1), row(2, "Bo", 2), row(4, "Dan", 2), #"{"id":"x"}"#])
            try await warehouse.run { $0.layers = [.raw] }
            let state = try await warehouse.rows("SELECT state FROM audit.raw_batch ORDER BY run_timestamp")
            let before = try await warehouse.table()
            let preview = Preview(workspace: warehouse.workspace, entity: warehouse.entity())
            let outcomes = try await preview.run()
            let outcome = try #require(outcomes.first)
            #expect(outcomes.count == 1 && outcome.objection == nil)
            #expect(outcome.bronze?.inserted == 1 && outcome.bronze?.updated == 1 && outcome.bronze?.rejected == 1)
            #expect(outcome.silver.inserted == 1 && outcome.silver.updated == 1 && outcome.silver.deleted == 0)
            expect(
                outcome.samples.sorted(),
                equals: [
                    "closed      id=2 name=Bob  2026-01-01T00:00:00..2026-01-02T00:00:00",
                    "opened      id=2 name=Bo  2026-01-02T00:00:00..",
                    "opened      id=4 name=Dan  2026-01-02T00:00:00..",
                ])
            expect(try await warehouse.table(), equals: before)
            expect(
                try await warehouse.rows("SELECT state FROM audit.raw_batch ORDER BY run_timestamp"), equals: state)
            try await warehouse.run { $0.layers = [.bronze, .silver] }
            #expect(try await warehouse.audit().hasSuffix("silver 2: inserted 1, updated 1"))
            #expect(try await preview.run().isEmpty)
        }
    }

    @Test("says why a run would block the batch")
    func blocked() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try await warehouse.load((1...30).map { #"{"id":\#($0)}"# })
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1}"#])
        try await warehouse.run { $0.layers = [.raw] }
        let outcomes = try await Preview(workspace: warehouse.workspace, entity: warehouse.entity()).run()
        #expect(outcomes.first?.silver.deleted == 29)
        #expect(outcomes.first?.objection?.contains("lacks 29 of 30 live keys") == true)
    }

    @Test("shows rows of more columns than a function of PostgreSQL takes arguments")
    func wide() async throws {
        let more = (1...110).map { ", c\($0) int" }.joined()
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key" + more))
        try warehouse.put([#"{"id":1,"c110":7}"#])
        try await warehouse.run { $0.layers = [.raw] }
        let outcomes = try await Preview(workspace: warehouse.workspace, entity: warehouse.entity()).run()
        #expect(outcomes.first?.samples.first?.contains("c109=NULL c110=7") == true)
    }
}
