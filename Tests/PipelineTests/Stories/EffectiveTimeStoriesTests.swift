import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

/// `at(3)` is midnight of day 3 in JSON; day 1 is 2026-01-01.
private func at(_ day: Int) -> String { "\"2026-01-\(day < 10 ? "0" : "")\(day)T00:00:00Z\"" }

@Suite("Histories with an effective time", .fewAtOnce, .twice)
struct EffectiveTimeStoriesTests {
    private func warehouse(_ attributes: String = "{}", columns: String = "") async throws -> TestWarehouse {
        let common = #"{"effective_time_column": "at", "delta": {"mode": "all"}, "max_delete_fraction": 1, "#
        return try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text, at timestamptz stored=false\(columns)",
                attributes == "{}" ? String(common.dropLast(2)) + "}" : common + attributes.dropFirst()))
    }

    private func row(_ id: Int, _ name: String, _ day: Int) -> String {
        #"{"id":\#(id),"name":"\#(name)","at":\#(at(day))}"#
    }

    /// Loads as a delta, then the same again, which must change nothing.
    private func delta(_ warehouse: TestWarehouse, _ records: String...) async throws {
        try await warehouse.load(records, type: .delta)
        let (table, audit) = (try await warehouse.table(), try await warehouse.audit())
        try await warehouse.load(records, type: .delta)
        expect(try await warehouse.table(), equals: table)
        #expect(try await warehouse.audit().hasSuffix("silver 0: nothing"))
        lastAudit.value = audit
    }

    private let lastAudit = Box("")

    private final class Box: @unchecked Sendable {
        var value: String
        init(_ value: String) { self.value = value }
    }

    @Test("every distinct version of a batch becomes a row, chained; equal neighbours are one")
    func chained() async throws {
        let warehouse = try await warehouse()
        try await delta(warehouse, row(1, "A", 3), row(1, "B", 5), row(1, "B", 6), row(1, "C", 8), row(2, "X", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d3..d5
                1 | B | d5..d8
                1 | C | d8..
                2 | X | d1..
                """)
        expect(
            lastAudit.value,
            equals: """
                raw 5: inserted 5
                bronze 5: inserted 2, updated 3
                silver 5: inserted 2, updated 2, unchanged 1
                """)
        try await delta(warehouse, row(1, "C", 9), row(1, "D", 10), row(1, "E", 11), row(2, "X", 4))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d3..d5
                1 | B | d5..d8
                1 | C | d8..d10
                1 | D | d10..d11
                1 | E | d11..
                2 | X | d1..
                """)
        #expect(lastAudit.value.hasSuffix("silver 4: updated 2, unchanged 2"))
    }

    @Test("a change without an advanced time corrects the row in place")
    func correction() async throws {
        let warehouse = try await warehouse()
        try await delta(warehouse, row(1, "A", 3), row(1, "B", 5))
        try await delta(warehouse, row(1, "b", 5))
        #expect(lastAudit.value.hasSuffix("silver 1: updated 1"))
        try await delta(warehouse, row(1, "a", 3))
        #expect(lastAudit.value.hasSuffix("silver 1: late 1"))
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d3..d5
                1 | b | d5..
                """)
    }

    @Test("a late change takes its place, whatever came before it")
    func late() async throws {
        let warehouse = try await warehouse()
        try await delta(warehouse, row(1, "A", 2), row(1, "C", 8))
        try await delta(warehouse, row(1, "B", 5))
        #expect(lastAudit.value.hasSuffix("silver 1: late 1"))
        try await delta(warehouse, row(1, "C", 6), row(1, "Z", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | Z | d1..d2
                1 | A | d2..d5
                1 | B | d5..d6
                1 | C | d6..
                """)
    }

    @Test("late changes are left out where metadata says so, and kept as rejected records with reject")
    func leftOut() async throws {
        for (policy, rejects) in [("ignore", 0), ("reject", 1)] {
            let warehouse = try await warehouse(#"{"late_arrivals": "\#(policy)"}"#)
            try await delta(warehouse, row(1, "A", 2), row(1, "C", 8))
            try await delta(warehouse, row(1, "B", 5), row(1, "D", 9), row(1, "c", 8))
            expect(
                try await warehouse.table(),
                equals: """
                    1 | A | d2..d8
                    1 | c | d8..d9
                    1 | D | d9..
                    """)
            #expect(lastAudit.value.hasSuffix("silver 3: updated 2, late 1"))
            #expect(try await warehouse.rows("SELECT reason FROM audit.rejected_record").count == rejects)
        }
    }

    @Test("a key that is absent, returns and is shown in an older state never overlaps its past")
    func fullLoads() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await warehouse.load(row(2, "X", 1))
        try await warehouse.load(row(1, "A", 1), row(2, "Y", 3))
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2 deleted
                1 | A | d2..
                2 | X | d1..d3
                2 | Y | d3..d4
                2 | X | d4..
                """)
        #expect(try await warehouse.audit().hasSuffix("silver skipped no_input") == false)
        expect(
            try await warehouse.rows("SELECT _change, count(*) FROM bronze.t_things GROUP BY 1 ORDER BY 1"),
            equals: ["delete | 1", "restore | 2", "upsert | 3"])
    }

    @Test("a delete marker deletes at its time, in any order of arrival")
    func marker() async throws {
        let warehouse = try await warehouse(
            #"{"delete_marker": {"column": "gone", "equals": true}}"#, columns: ", gone boolean stored=false")
        try await delta(warehouse, row(1, "A", 1), row(2, "X", 1))
        try await delta(warehouse, #"{"id":1,"gone":true,"at":\#(at(5))}"#)
        try await delta(warehouse, row(1, "B", 3))
        #expect(lastAudit.value.hasSuffix("silver 1: late 1"))
        try await delta(warehouse, row(1, "C", 7))
        try await delta(warehouse, #"{"id":1,"gone":true,"at":\#(at(7))}"#, #"{"id":2,"gone":false,"at":\#(at(9))}"#)
        try await delta(warehouse, #"{"id":3,"gone":true,"at":\#(at(7))}"#)
        #expect(lastAudit.value.hasSuffix("bronze 1: deleted 1\nsilver 1: unchanged 1"))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d3
                1 | B | d3..d5 deleted
                1 | C | d7..d7+1us deleted
                2 | X | d1..d9
                2 | NULL | d9..
                """)
    }

    @Test("a time that its zone leads out of the years 1 to 9999 is the first or last instant of them")
    func outsideYears() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, at timestamptz", #"{"effective_time_column": "at"}"#))
        try await warehouse.load(
            #"{"id":1,"at":"0001-01-01T00:00:00+01:00"}"#, #"{"id":2,"at":"9999-12-31T23:59:59-05:00"}"#)
        let times = try await warehouse.connection.query(
            "SELECT _valid_from FROM silver.t_things ORDER BY id"
        ).map { try $0.get(0, as: Instant.self) }
        #expect(times == [.oldest, .newest])
    }

    @Test("NULL is the oldest time; an effective time in the future can be deleted")
    func extremes() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(#"{"id":1,"name":"old"}"#, row(1, "A", 2), row(2, "F", 20))
        try await warehouse.load(#"{"id":1,"name":"old"}"#, row(1, "A", 2), row(3, "Y", 2))
        expect(
            try await warehouse.rows(
                """
                SELECT id, name, _valid_from = TIMESTAMPTZ '0001-01-01 00:00:00+00' AS oldest, _is_deleted,
                    _valid_to - _valid_from AS span
                FROM silver.t_things WHERE id <> 3 ORDER BY id, _valid_from
                """),
            equals: [
                "1 | old | true | false | 739617 days", "1 | A | false | false | NULL",
                "2 | F | false | true | 00:00:00.000001",
            ])
    }

    @Test("scd1 columns belong to the row in whose time they changed; fixed ones reject the change")
    func roles() async throws {
        let warehouse = try await warehouse(columns: ", phone text scd=1, born text scd=fixed")
        func person(_ name: String, _ phone: String, _ born: String, _ day: Int) -> String {
            #"{"id":1,"name":"\#(name)","phone":"\#(phone)","born":"\#(born)","at":\#(at(day))}"#
        }
        try await delta(warehouse, person("A", "1", "x", 1), person("A", "2", "x", 2), person("B", "3", "x", 5))
        try await delta(warehouse, person("A", "9", "x", 3), person("B", "4", "x", 6), person("B", "4", "y", 7))
        expect(
            lastAudit.value,
            equals: """
                raw 3: inserted 3
                bronze 3: updated 3
                silver 3: updated 1, late 1, rejected 1
                """)
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | 9 | x | d1..d5
                1 | B | 4 | x | d5..
                """)
    }

    @Test("a full load of one partition deletes only inside it")
    func scope() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, region text", #"{"full_scope": "region"}"#))
        func thing(_ id: Int, _ region: String) -> String { #"{"id":\#(id),"region":"\#(region)"}"# }
        try await warehouse.load(thing(1, "N"), thing(2, "N"), thing(3, "S"), thing(4, "S"))
        try await warehouse.load(thing(1, "N"), thing(3, "N"))
        try await warehouse.load(thing(4, "S"))
        expect(
            try await warehouse.table(),
            equals: """
                1 | N | d1..
                2 | N | d1..d2 deleted
                3 | S | d1..d2
                3 | N | d2..
                4 | S | d1..
                """)
    }

    @Test("a delete marker without an effective time closes at the batch's instant")
    func plainMarker() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text nullable=false, gone timestamptz stored=false",
                #"{"delete_marker": {"column": "gone", "not_null": true}, "delta": {"mode": "all"}}"#))
        try await warehouse.load(#"{"id":1,"name":"A"}"#, #"{"id":2,"name":"B"}"#)
        for _ in 1...2 {
            try await warehouse.load([#"{"id":1,"gone":"2020-01-01T00:00:00Z"}"#], type: .delta)
        }
        try await warehouse.load(#"{"id":1,"gone":"2020-01-01T00:00:00Z"}"#, #"{"id":2,"name":"B"}"#)
        try await warehouse.load(#"{"id":1,"name":"A"}"#, #"{"id":2,"name":"B"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2 deleted
                1 | A | d5..
                2 | B | d1..
                """)
    }
}
