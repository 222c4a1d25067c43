import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// `at(3)` is midnight of day 3 in JSON; day 1 is 2026-01-01.
private func at(_ day: Int) -> String { "\"2026-01-\(day < 10 ? "0" : "")\(day)T00:00:00Z\"" }

private func row(_ id: Int, _ name: String, _ day: Int, _ more: String = "") -> String {
    #"{"id":\#(id),"name":"\#(name)","at":\#(at(day))\#(more)}"#
}

/// A replay, of raw or of bronze, ends in the table that is there.
func expectRebuilt(_ warehouse: TestWarehouse) async throws {
    expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
}

/// Where an effective time meets the other rules of history, one row of the contract's table after the other.
@Suite("Where an effective time meets other rules", .fewAtOnce)
struct EffectiveTimeEdgesTests {
    private func warehouse(_ attributes: String = "", columns: String = "") async throws -> TestWarehouse {
        try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text, at timestamptz stored=false\(columns)",
                #"{"effective_time_column": "at", "delta": {"mode": "all"}, "max_delete_fraction": 1\#(attributes)}"#))
    }

    private func delta(_ warehouse: TestWarehouse, _ records: String...) async throws {
        try await warehouse.load(records, type: .delta)
    }

    @Test("a rejected record hides no newer version: what is older in its batch is not taken for the present")
    func rejectedNewest() async throws {
        let warehouse = try await warehouse(
            #", "max_reject_fraction": 1, "delete_marker": {"column": "gone", "equals": true}"#,
            columns: ", n int, gone boolean stored=false")
        let gone = #"{"id":2,"gone":true,"at":\#(at(2))}"#
        try await warehouse.load(
            row(1, "A", 1, #","n":1"#), row(1, "B", 3, #","n":1"#), row(2, "X", 1), gone, row(2, "Y", 3))
        let table = """
            1 | A | 1 | d1..d3
            1 | B | 1 | d3..
            2 | X | NULL | d1..d2 deleted
            2 | Y | NULL | d3..
            """
        expect(try await warehouse.table(), equals: table)
        try await warehouse.load(
            row(1, "A", 1, #","n":1"#), row(1, "B", 3, #","n":"?""#), row(2, "X", 1), gone, row(2, "Y", 3, #","n":"?""#)
        )
        expect(try await warehouse.table(), equals: table)
        #expect(try await warehouse.audit().contains("bronze 5: unchanged 3, rejected 2"))
        try await expectRebuilt(warehouse)
    }

    @Test("a late change of a fixed column is rejected, not what came before it")
    func lateFixed() async throws {
        let warehouse = try await warehouse(columns: ", born text scd=fixed")
        func person(_ name: String, _ born: String, _ day: Int) -> String {
            #"{"id":1,"name":"\#(name)","born":"\#(born)","at":"2026-01-0\#(day)T00:00:00Z"}"#
        }
        try await delta(warehouse, person("A", "x", 5), person("B", "x", 7))
        try await delta(warehouse, person("Z", "y", 2), person("C", "x", 8))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | x | d5..d7
                1 | B | x | d7..d8
                1 | C | x | d8..
                """)
        expect(
            try await warehouse.rows("SELECT layer, column_name, reason FROM audit.rejected_record"),
            equals: ["silver | born | a fixed column changed"])
        try await expectRebuilt(warehouse)
    }

    @Test("a correction in place cannot change a fixed column either")
    func fixedCorrection() async throws {
        let warehouse = try await warehouse(columns: ", born text scd=fixed")
        try await delta(warehouse, row(1, "A", 3, #","born":"x""#))
        try await delta(warehouse, row(1, "B", 3, #","born":"y""#))
        expect(try await warehouse.table(), equals: "1 | A | x | d3..")
        #expect(try await warehouse.audit().hasSuffix("silver 1: rejected 1"))
        expect(
            try await warehouse.rows("SELECT layer, column_name, reason FROM audit.rejected_record"),
            equals: ["silver | born | a fixed column changed"])
        try await delta(warehouse, row(1, "C", 3, #","born":"x""#))
        expect(try await warehouse.table(), equals: "1 | C | x | d3..")
        try await expectRebuilt(warehouse)
    }

    @Test("another notation of the same values writes nothing in silver; an ignored column waits for the next version")
    func otherNotation() async throws {
        let warehouse = try await warehouse(columns: ", hits int scd=ignore")
        func written() async throws -> [String] {
            try await warehouse.rows("SELECT _run_id, _updated_by_run_id, _updated_at, hits FROM silver.t_things")
        }
        try await delta(warehouse, row(1, "A", 3, #","hits":1"#))
        let before = try await written()
        try await delta(warehouse, row(1, "A", 3, #", "hits": 1"#))
        #expect(try await warehouse.audit().hasSuffix("silver 1: unchanged 1"))
        expect(try await written(), equals: before)
        try await delta(warehouse, row(1, "A", 3, #","hits":2"#))
        #expect(try await warehouse.audit().hasSuffix("silver 1: unchanged 1"))
        expect(try await written(), equals: before)
        try await delta(warehouse, row(1, "A", 4, #","hits":3"#))
        expect(try await warehouse.table(), equals: "1 | A | 1 | d3..")
        try await delta(warehouse, row(1, "B", 5, #","hits":4"#))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | 1 | d3..d5
                1 | B | 4 | d5..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("scd1 with an effective time: one row from the oldest time on, with the newest values")
    func overwritten() async throws {
        let warehouse = try await warehouse(#", "history": "scd1""#)
        try await delta(warehouse, row(1, "B", 3), row(2, "X", 3))
        try await delta(warehouse, row(1, "C", 5))
        try await delta(warehouse, row(1, "A", 1), row(2, "Y", 5), row(2, "Z", 6))
        expect(
            try await warehouse.table(),
            equals: """
                1 | C | d1..
                2 | Z | d3..
                """)
        try await warehouse.load(row(1, "C", 5))
        try await warehouse.load(row(1, "D", 6), row(2, "Z", 6))
        expect(
            try await warehouse.table(),
            equals: """
                1 | D | d1..
                2 | Z | d3..d6+1us deleted
                2 | Z | d6+1us..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("the first change of a chain is counted by what it does, not by what the chain ends with")
    func firstOfChain() async throws {
        let warehouse = try await warehouse(columns: ", phone text scd=1")
        func call(_ phone: String, _ day: Int) -> String { row(1, "A", day, #","phone":"\#(phone)""#) }
        try await delta(warehouse, call("1", 1))
        try await delta(warehouse, call("1", 2), call("2", 3))
        expect(try await warehouse.table(), equals: "1 | A | 2 | d1..")
        #expect(try await warehouse.audit().hasSuffix("silver 2: updated 1, unchanged 1"))
        try await delta(warehouse, call("3", 4), call("2", 5))
        #expect(try await warehouse.audit().hasSuffix("silver 2: updated 2"))
        expect(try await warehouse.table(), equals: "1 | A | 2 | d1..")
        try await expectRebuilt(warehouse)
    }

    @Test("a partition's full load deletes inside it only; the key's scope is that of its newest document")
    func scope() async throws {
        let warehouse = try await warehouse(#", "full_scope": "region""#, columns: ", region text")
        func thing(_ id: Int, _ region: String, _ day: Int) -> String { row(id, "A", day, #","region":"\#(region)""#) }
        try await warehouse.load(thing(1, "N", 2), thing(2, "S", 2), thing(3, "N", 2))
        // Late: key 2 was in N once, its scope stays S.
        try await delta(warehouse, thing(2, "N", 1))
        try await warehouse.load(thing(1, "N", 2))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | N | d2..
                2 | A | N | d1..d2
                2 | A | S | d2..
                3 | A | N | d2..d3 deleted
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("with delete_mode ignore absence says nothing")
    func absenceIgnored() async throws {
        let warehouse = try await warehouse(#", "delete_mode": "ignore""#)
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await warehouse.load(row(1, "B", 2))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2
                1 | B | d2..
                2 | X | d1..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("a column that a whole full batch lacks keeps its values, in late changes of that batch too")
    func columnMissing() async throws {
        let warehouse = try await warehouse(columns: ", w text")
        func records(_ day: Int, isWhole: Bool, changed: String? = nil) -> [String] {
            (1...100).map { row($0, $0 == 7 ? changed ?? "A" : "A", day, isWhole ? #","w":"w\#($0)""# : "") }
        }
        try await warehouse.load(records(2, isWhole: true))
        let before = try await warehouse.table()
        try await warehouse.load(records(3, isWhole: false, changed: "B"))
        let after = before.replacing("7 | A | w7 | d2..\n8", with: "7 | A | w7 | d2..d3\n7 | B | w7 | d3..\n8")
        expect(try await warehouse.table(), equals: after)
        try await warehouse.load(records(4, isWhole: true, changed: "B"))
        expect(try await warehouse.table(), equals: after)
        // Derived again, the changes of the second batch still lack the column.
        try await delta(warehouse, row(7, "Z", 1, #","w":"z""#))
        expect(
            try await warehouse.table(),
            equals: after.replacing("7 | A | w7 | d2..d3", with: "7 | Z | z | d1..d2\n7 | A | w7 | d2..d3"))
        try await expectRebuilt(warehouse)
    }

    @Test("what late_arrivals leaves out stays out when the history is rebuilt", arguments: ["ignore", "reject"])
    func leftOut(policy: String) async throws {
        let warehouse = try await warehouse(#", "late_arrivals": "\#(policy)""#)
        try await delta(warehouse, row(1, "A", 2), row(1, "C", 8))
        try await delta(warehouse, row(1, "B", 5), row(1, "D", 9))
        try await delta(warehouse, row(1, "b", 5), row(2, "X", 1))
        try await warehouse.load(row(1, "D", 9), row(2, "X", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d2..d8
                1 | C | d8..d9
                1 | D | d9..
                2 | X | d1..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("an entity that gets an effective time goes on from what its batches said")
    func added() async throws {
        let columns = "id int key, name text, at timestamptz stored=false"
        let warehouse = try await TestWarehouse(TestEntity(columns: columns))
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await warehouse.load(row(1, "A", 1), row(2, "Y", 2))
        try warehouse.change(
            TestEntity(columns: columns, #"{"effective_time_column": "at", "delta": {"mode": "all"}}"#))
        let notices = Notices()
        warehouse.tell(notices)
        try await warehouse.load([row(1, "B", 3), row(2, "Z", 4)], type: .delta)
        try await warehouse.load(row(1, "B", 3), row(2, "Z", 4))
        expect(
            notices.lines.filter { $0.contains("count from the time") },
            equals: [
                #"bronze t.things: changes count from the time at /at (timestamptz {"timezone":"UTC"}) now, those of earlier batches still from "#
                    + "their runs; to give them theirs: medallion rebuild t.things --from raw"
            ])
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d3
                1 | B | d3..
                2 | X | d1..d2
                2 | Y | d2..d4
                2 | Z | d4..
                """)
        expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
    }

    @Test("a column added later is read from the newest document, though older ones have no place in time")
    func refilled() async throws {
        let columns = "id int key, name text, at timestamptz stored=false"
        let attributes = #"{"effective_time_column": "at", "delta": {"mode": "all"}}"#
        let warehouse = try await TestWarehouse(TestEntity(columns: columns))
        try await warehouse.load(row(2, "X", 1))
        try await warehouse.load(row(1, "A", 1, #","w":"new""#), row(2, "X", 1))
        try warehouse.change(TestEntity(columns: columns, attributes))
        try await warehouse.load([row(1, "Z", 1, #","w":"old""#)], type: .delta)
        try warehouse.change(TestEntity(columns: columns + ", w text", attributes))
        try await warehouse.load([row(3, "Y", 3)], type: .delta)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Z | NULL | d1..d2
                1 | A | new | d2..
                2 | X | NULL | d1..
                3 | Y | NULL | d3..
                """)
    }

    @Test("batches that wait are merged one by one, each with what was known before it")
    func pending() async throws {
        let warehouse = try await warehouse()
        for records in [[row(1, "C", 8)], [row(1, "A", 2), row(2, "X", 1)], [row(1, "D", 9), row(1, "B", 5)]] {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(records)
            try await warehouse.run {
                $0.loadType = .delta; $0.layers = [.raw, .bronze]
            }
        }
        try await warehouse.run { $0.layers = [.silver] }
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d2..d5
                1 | B | d5..d8
                1 | C | d8..d9
                1 | D | d9..
                2 | X | d1..
                """)
        expect(try await warehouse.audit(), equals: "silver 5: inserted 2, updated 1, late 2")
        try await expectRebuilt(warehouse)
    }

    @Test("the same full batch again is told by its checksums, and changes nothing")
    func same() async throws {
        let warehouse = try await warehouse()
        for _ in 1...3 { try await warehouse.load(row(1, "A", 1), row(1, "B", 3)) }
        expect(
            try await warehouse.rows("SELECT same_as IS NOT NULL AS same FROM audit.raw_batch ORDER BY run_timestamp"),
            equals: ["false", "true", "true"])
        // A batch came between: it is read, and what it shows is the present again.
        try await delta(warehouse, row(1, "C", 5))
        try await warehouse.load(row(1, "A", 1), row(1, "B", 3))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d3
                1 | B | d3..d5
                1 | C | d5..d5+1us
                1 | B | d5+1us..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("a correction of what a full snapshot brought back reaches the open row")
    func correctedRestore() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await warehouse.load(row(2, "X", 1))
        try await warehouse.load(row(1, "A", 1), row(2, "X", 1))
        try await delta(warehouse, row(1, "a", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2 deleted
                1 | a | d2..
                2 | X | d1..
                """)
        try await expectRebuilt(warehouse)
    }

    @Test("bitemporal without an effective time: what was known is kept, and what is known is as in scd2")
    func bitemporal() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text, phone text scd=1",
                #"{"history": "bitemporal", "max_delete_fraction": 1}"#))
        func person(_ id: Int, _ name: String, _ phone: Int) -> String {
            #"{"id":\#(id),"name":"\#(name)","phone":"\#(phone)"}"#
        }
        try await warehouse.load(person(1, "A", 1), person(2, "X", 1))
        try await warehouse.load(person(1, "A", 2))
        try await warehouse.load(person(1, "B", 2), person(2, "X", 1))
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | 2 | d1..d3
                1 | B | 2 | d3..
                2 | X | 1 | d1..d2 deleted
                2 | X | 1 | d3..
                """)
        expect(
            try await warehouse.table(knownAt: "TIMESTAMPTZ '2026-01-02 00:00:00+00'"),
            equals: """
                1 | A | 2 | d1..
                2 | X | 1 | d1..d2 deleted
                """)
        try await expectRebuilt(warehouse)
    }
}
