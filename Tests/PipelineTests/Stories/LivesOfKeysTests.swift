import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// Where one life of a key ends and another begins, with an effective time.
@Suite("The lives of a key, with an effective time", .fewAtOnce)
struct LivesOfKeysTests {
    private func warehouse(_ attributes: String, columns: String) async throws -> TestWarehouse {
        try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text, at timestamptz stored=false\(columns)",
                #"{"effective_time_column": "at", "delta": {"mode": "all"}, "max_delete_fraction": 1\#(attributes)}"#))
    }

    @Test(
        "an upsert and a delete of one time, behind a row that the upsert leaves as it is",
        arguments: [LoadType.delta, .full])
    func deleteBesideUpsert(type: LoadType) async throws {
        let warehouse = try await warehouse(
            #", "order_by": ["n"], "delete_marker": {"column": "gone", "equals": true}"#,
            columns: ", n int stored=false, gone boolean stored=false")
        func row(_ id: Int, _ day: Int, _ n: Int, isGone: Bool = false) -> String {
            #"{"id":\#(id),"name":"A","at":"2026-01-0\#(day)T00:00:00Z","n":\#(n),"gone":\#(isGone)}"#
        }
        try await warehouse.load(row(1, 1, 1), row(2, 1, 1))
        try await warehouse.load(
            row(1, 2, 3), row(1, 2, 2, isGone: true), row(2, 2, 2), row(2, 2, 3, isGone: true), type: type)
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2 deleted
                1 | A | d2..
                2 | A | d1..d2 deleted
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("a key that goes and comes back at one and the same time, as full snapshots show it")
    func comesAndGoes() async throws {
        for order in ["", #", "order_by": ["n"]"#] {
            let warehouse = try await warehouse(
                #", "delete_marker": {"column": "gone", "equals": true}\#(order)"#,
                columns: ", n int stored=false, gone boolean stored=false")
            let steps: [(fields: String, table: String, counts: String)] = [
                (#""name":"A","gone":false"#, "1 | A | d1..", "inserted 1"),
                (#""name":"A","gone":true"#, "1 | A | d1..d1+1us deleted", "deleted 1"),
                (#""name":"A","gone":false,"back":1"#, "1 | A | d1..", "inserted 1"),
                (#""name":"B","gone":false"#, "1 | B | d1..", "updated 1"),
                // A delete that was known before.
                (#""name":"A","gone":true"#, "1 | B | d1..d1+1us deleted", "deleted 1"),
                (#""name":"C","gone":false"#, "1 | C | d1..", "inserted 1"),
                (#""name":"D","gone":true"#, "1 | C | d1..d1+1us deleted", "deleted 1"),
            ]
            for (fields, table, counts) in steps {
                try await warehouse.load(#"{"id":1,\#(fields),"at":"2026-01-01T00:00:00Z","n":7}"#)
                expect(try await warehouse.table(), equals: table, "\(fields)")
                #expect(try await warehouse.audit().hasSuffix("silver 1: \(counts)"), "\(fields)")
            }
            try await expectRebuilt(warehouse)
            try await warehouse.load(#"{"id":1,"name":"D","gone":true,"at":"2026-01-01T00:00:00Z","n":7}"#)
            #expect(try await warehouse.audit().contains("bronze 1: unchanged 1"))
        }
    }

    @Test("what never changes may be another in a key's next life; what comes late is of the life before")
    func fixedLives() async throws {
        let warehouse = try await warehouse(#", "allow_empty": true"#, columns: ", born text scd=fixed")
        func person(_ name: String, _ born: String, _ hour: Int) -> String {
            #"{"id":1,"name":"\#(name)","born":"\#(born)","at":"2026-01-01T\#(hour):00:00Z"}"#
        }
        try await warehouse.load(person("A", "x", 10))
        try await warehouse.load([])
        try await warehouse.load(person("B", "y", 11), person("C", "z", 12))
        expect(
            try await warehouse.rows(
                "SELECT name, born, _is_deleted, _is_current FROM silver.t_things ORDER BY _valid_from"),
            equals: ["A | x | true | false", "C | z | false | true"])
        expect(
            try await warehouse.rows("SELECT layer, record_no, reason FROM audit.rejected_record"),
            equals: ["silver | 1 | a fixed column changed"])
        try await expectRebuilt(warehouse)
    }
}
