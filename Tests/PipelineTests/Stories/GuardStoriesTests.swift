import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Guards against deleting too much", .fewAtOnce)
struct GuardStoriesTests {
    private let few = [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#, #"{"id":3,"v":"c"}"#]
    private let open = "1 | a | d1..\n2 | b | d1..\n3 | c | d1.."

    private func records(_ ids: some Sequence<Int>) -> [String] { ids.map { #"{"id":\#($0)}"# } }

    private func rows(_ ids: some Sequence<Int>, _ period: String) -> [String] { ids.map { "\($0) | \(period)" } }

    @Test("an empty full load is blocked, and deletes only when somebody allows it")
    func empty() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(few)
        let report = try await warehouse.load()
        #expect(report.status == .failed)
        #expect(
            report.steps.first { $0.layer == .bronze }?.error?.contains("the full batch is empty but 3 keys are live")
                == true)
        expect(try await warehouse.table(), equals: open)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 0: nothing
                bronze failed guard
                silver skipped upstream_failed
                """)
        try await warehouse.run {
            $0.layers = [.bronze, .silver]; $0.allowsDeletes = true
        }
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d2 deleted
                2 | b | d1..d2 deleted
                3 | c | d1..d2 deleted
                """)
        expect(
            try await warehouse.rows("SELECT state, allow_deletes FROM audit.raw_batch ORDER BY landed_at"),
            equals: ["merged | false", "merged | true"])
        // Nothing is live any more: there is nothing to guard.
        expect(try await warehouse.load().status, equals: .succeeded)
        try await warehouse.load(few)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d2 deleted
                1 | a | d4..
                2 | b | d1..d2 deleted
                2 | b | d4..
                3 | c | d1..d2 deleted
                3 | c | d4..
                """)
    }

    @Test("a first empty load, and one of an entity that allows it, are not blocked")
    func emptyAllowed() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text", #"{"allow_empty": true}"#))
        expect(try await warehouse.load().status, equals: .succeeded)
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        expect(try await warehouse.load().status, equals: .succeeded)
        expect(try await warehouse.table(), equals: "1 | a | d2..d3 deleted")
    }

    @Test("a mass delete is blocked, and superseded by the next good full batch")
    func superseded() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try await warehouse.load(records(1...20))
        expect(try await warehouse.load(records(1...13)).status, equals: .failed)
        expect(try await warehouse.table().split(separator: "\n").map(String.init), equals: rows(1...20, "d1.."))
        expect(
            try await warehouse.rows(
                "SELECT state, state_reason LIKE '%lacks 7 of 20 live keys%' FROM audit.raw_batch ORDER BY landed_at"),
            equals: ["merged | NULL", "blocked | true"])
        expect(try await warehouse.load(records(1...14)).status, equals: .succeeded)
        expect(
            try await warehouse.table().split(separator: "\n").map(String.init),
            equals: rows(1...14, "d1..") + rows(15...20, "d1..d3 deleted"))
        expect(
            try await warehouse.rows("SELECT state FROM audit.raw_batch ORDER BY landed_at"),
            equals: ["merged", "superseded", "merged"])
        // Below 20 live keys there is no fraction to speak of.
        expect(try await warehouse.load(records(1...1)).status, equals: .succeeded)
        expect(
            try await warehouse.table().split(separator: "\n").map(String.init),
            equals: rows(1...1, "d1..") + rows(2...14, "d1..d4 deleted") + rows(15...20, "d1..d3 deleted"))
    }

    @Test("a newer full batch supersedes a blocked one even when deletes are allowed")
    func supersededThoughAllowed() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(few)
        expect(try await warehouse.load().status, equals: .failed)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([few[0], few[1]])
        try await warehouse.run { $0.allowsDeletes = true }
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..
                2 | b | d1..
                3 | c | d1..d3 deleted
                """)
    }

    @Test("blocked changes stay where the full batch behind them is blocked, too, and given up")
    func givenUp() async throws {
        let entity = EntityID(system: SystemID(rawValue: "t"), name: "things")
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int", #"{"delta": {"mode": "all"}}"#))
        try await warehouse.load(records(1...20))
        let bad = (1...10).map { #"{"id":\#($0),"v":"bad"}"# }
        expect(try await warehouse.load(bad + [#"{"id":21}"#], type: .delta).status, equals: .failed)
        for last in 1...2 { expect(try await warehouse.load(records(1...last), type: .full).status, equals: .failed) }
        let states: SQLText = "SELECT load_type, state FROM audit.raw_batch ORDER BY run_timestamp"
        expect(
            try await warehouse.rows(states),
            equals: ["full | merged", "delta | blocked", "full | superseded", "full | blocked"])
        let run: UUIDValue = try await warehouse.connection.query(
            "SELECT run_id FROM audit.raw_batch ORDER BY run_timestamp DESC LIMIT 1")[0].get(0)
        try await OperatorLedger(workspace: warehouse.workspace).discard(run, of: entity)
        warehouse.clock.advance(seconds: 86_400)
        expect(
            try await warehouse.run { ($0.layers, $0.acceptsRejects) = ([.bronze, .silver], true) }.status,
            equals: .succeeded)
        expect(try await warehouse.rows(states).suffix(2), equals: ["full | superseded", "full | discarded"])
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things_current"), equals: ["21"])
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("a blocked batch holds back the changes behind it, and a full one ends the wait")
    func holdsBack() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text", #"{"delta": {"mode": "all"}}"#))
        try await warehouse.load(few)
        expect(try await warehouse.load().status, equals: .failed)
        expect(try await warehouse.load(#"{"id":1,"v":"x"}"#, type: .delta).status, equals: .failed)
        expect(try await warehouse.table(), equals: open)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 1: inserted 1
                bronze failed guard
                silver skipped upstream_failed
                """)
        expect(try await warehouse.load(few[0], few[1]).status, equals: .succeeded)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d3
                1 | x | d3..d4
                1 | a | d4..
                2 | b | d1..
                3 | c | d1..d4 deleted
                """)
    }

    @Test("a repeated batch of another day, whose keys left and came back, is guarded by what is live then")
    func blockedTwice() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(few)
        expect(try await warehouse.load().status, equals: .failed)
        expect(try await warehouse.load().status, equals: .failed)
        expect(
            try await warehouse.rows("SELECT state FROM audit.raw_batch ORDER BY landed_at"),
            equals: ["merged", "superseded", "blocked"])
        expect(try await warehouse.load(few).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: open)
    }
}
