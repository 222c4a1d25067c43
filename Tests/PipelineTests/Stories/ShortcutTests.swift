import Metadata
import Postgres
import TestKit
import Testing

@testable import Pipeline

/// A first batch that one of the ways might get wrong, and what follows it.
struct FirstBatchCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var attributes = "{}"
    var first: [String]
    var second = [#"{"id":1,"n":"later","v":7}"#, #"{"id":9,"n":"new","v":1}"#]

    static let all = [
        FirstBatchCase(testDescription: "plain", first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"b","v":2.50}"#]),
        FirstBatchCase(
            testDescription: "duplicates", attributes: #"{"order_by": ["v"]}"#,
            first: [#"{"id":1,"n":"old","v":2}"#, #"{"id":1,"n":"new","v":3}"#, #"{"id":1,"n":"mid","v":2.5}"#]),
        FirstBatchCase(
            testDescription: "rejected records", attributes: #"{"max_reject_fraction": 1}"#,
            first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"b","v":"x"}"#, #"{"n":"no key","v":1}"#, "7"]),
        FirstBatchCase(
            testDescription: "deletes by marker",
            attributes: #"{"delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1}"#,
            first: [#"{"id":1,"n":"a","v":1}"#, #"{"id":2,"n":"gone","v":1}"#]),
        FirstBatchCase(
            testDescription: "numbers in another notation",
            first: [#"{"id":1,"n":1e2,"v":1.50E1}"#, #"{"id":2,"n":-0.0,"v":-0}"#, #"{"id":3,"n":1.0,"v":12.00}"#]),
        FirstBatchCase(
            testDescription: "unknown fields and missing columns",
            first: (1...120).map { #"{"id":\#($0),"n":"x","more":\#($0)}"# }),
        FirstBatchCase(
            testDescription: "one row a key", attributes: #"{"history": "scd1"}"#, first: [#"{"id":1,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "every document a row", attributes: #"{"history": "append"}"#,
            first: [#"{"id":1,"n":"a"}"#, #"{"id":2,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "the last load", attributes: #"{"history": "latest"}"#, first: [#"{"id":1,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "exact text", attributes: #"{"bronze": {"doc": "json"}}"#,
            first: [#"{"id":1, "n":1e2,  "v":1.50E1}"#]),
        FirstBatchCase(
            testDescription: "a check that fails", attributes: #"{"checks": [{"type": "max_rows", "max": 1}]}"#,
            first: [#"{"id":1,"n":"a"}"#, #"{"id":2,"n":"a"}"#]),
        FirstBatchCase(
            testDescription: "several changes of a key, with an effective time", attributes: timed,
            first: [
                timed(1, 3), timed(1, 2, "b"), timed(2, 1), timed(2, 1, "gone"), timed(3, 1, "gone"), timed(3, 2), "7",
                #"{"id":4,"n":"x","at":"never"}"#,
            ], second: [timed(1, 1), timed(1, 3, "c"), timed(2, 4), timed(9, 1)]),
        FirstBatchCase(
            testDescription: "a change twice, with an effective time", attributes: timed,
            first: [timed(1, 3), timed(1, 3, "b"), timed(2, 1)], second: [timed(1, 3), timed(2, 2)]),
        FirstBatchCase(
            testDescription: "two times", attributes: #"{"history": "bitemporal", "# + timed.dropFirst(),
            first: [timed(1, 3), timed(2, 1), timed(2, 2, "gone")], second: [timed(1, 2, "b"), timed(2, 3)]),
        FirstBatchCase(testDescription: "nothing", attributes: #"{"allow_empty": true}"#, first: []),
    ]
}

/// An effective time, and deletes by marker.
private let timed = """
    {"effective_time_column": "at", "delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1,
    "max_reject_fraction": 1}
    """

/// A record of that day.
private func timed(_ id: Int, _ day: Int, _ n: String = "x", v: Int? = nil) -> String {
    let value = v.map { #","v":\#($0)"# } ?? ""
    return #"{"id":\#(id),"n":"\#(n)"\#(value),"at":"2025-12-0\#(day)T00:00:00Z"}"#
}

/// Loads of an entity that is known, which one of the ways might get wrong.
struct KnownBatchCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var attributes = "{}"
    var columns = "id int key, n text, v numeric(10,2)"
    /// The metadata's columns and attributes from the third load on, where they change.
    var later: String?
    var laterAttributes: String?
    var loads: [[String]]

    private static let timedColumns = "id int key, n text, v int, at timestamptz stored=false"

    private static func rows(_ range: ClosedRange<Int>, _ n: String = "x") -> [String] {
        range.map { #"{"id":\#($0),"n":"\#(n)","v":\#($0)}"# }
    }

    static let all = [
        KnownBatchCase(
            testDescription: "changed, new, absent, back again, shuffled",
            loads: [
                rows(1...40), rows(3...39) + [#"{"id":40,"n":"y","v":1}"#, #"{"id":41,"n":"y","v":1}"#],
                rows(1...40).reversed(), rows(1...40),
            ]),
        KnownBatchCase(
            testDescription: "other notations of what is known",
            loads: [
                rows(1...3), [#"{"v":1,"id":1,"n":"x"}"#, #"{"id":2,"n":"x","v":2.00}"#, #"{"id":3,"n":"x","v":3e0}"#],
            ]),
        KnownBatchCase(
            testDescription: "duplicates among what is known", attributes: #"{"order_by": ["v"]}"#,
            loads: [rows(1...30), rows(1...30) + rows(7...9) + [#"{"id":8,"n":"z","v":99}"#], rows(1...30)]),
        KnownBatchCase(
            testDescription: "rejects, readable keys and unreadable ones", attributes: #"{"max_reject_fraction": 1}"#,
            loads: [
                rows(1...30),
                rows(4...29) + [#"{"id":30,"n":"x","v":"no"}"#, #"{"id":3,"n":"x","v":1e999}"#],
                rows(4...29) + [#"{"id":"a","n":"x"}"#, "7", #"{"n":"x","id":2"#, #"{"id":1,"n":"x","v":1,"id":1}"#],
                rows(1...28),
            ]),
        KnownBatchCase(
            testDescription: "guarded", loads: [rows(1...40), rows(1...5), [], rows(1...39)]),
        KnownBatchCase(
            testDescription: "deletes by marker",
            attributes: #"{"delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1}"#,
            loads: [rows(1...9), rows(1...4) + rows(5...9, "gone"), rows(1...4) + rows(5...9, "gone"), rows(1...9)]),
        KnownBatchCase(
            testDescription: "deletes by marker and by absence at once",
            attributes: #"{"delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1}"#,
            loads: [rows(1...9), rows(1...4, "y") + rows(5...6, "gone"), rows(4...9), rows(1...4)]),
        KnownBatchCase(
            testDescription: "absent and unreadable keys at once", attributes: #"{"max_reject_fraction": 1}"#,
            loads: [rows(1...9), rows(1...4) + ["7"], rows(1...4) + [#"{"id":5,"n":"x","v":"no"}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "a column that vanishes, and fields that come",
            loads: [
                rows(1...150), (1...150).map { #"{"id":\#($0),"n":"x","more":\#($0)}"# },
                rows(1...149) + [#"{"id":150,"n":"x","v":1,"other":1}"#],
            ]),
        KnownBatchCase(
            testDescription: "metadata that would not accept what is known", attributes: #"{"max_reject_fraction": 1}"#,
            columns: "id int key, n text, v int, w text stored=false",
            later: "id int key, n text, v int, w int stored=false",
            loads: (1...4).map { day in
                (1...9).map { #"{"id":\#($0),"n":"x","v":\#($0 == 2 ? day : 1),"w":"\#($0 == 9 ? "no" : "7")"}"# }
            }),
        KnownBatchCase(
            testDescription: "nothing deleted", attributes: #"{"delete_mode": "ignore"}"#,
            loads: [rows(1...9), rows(3...10), rows(1...9)]),
        KnownBatchCase(
            testDescription: "one row a key", attributes: #"{"history": "scd1"}"#,
            loads: [rows(1...9), rows(2...8) + [#"{"id":9,"n":"y","v":9}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "every document a row", attributes: #"{"history": "append"}"#,
            loads: [rows(1...9), rows(2...8) + [#"{"id":9,"n":"y","v":9}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "the last load", attributes: #"{"history": "latest"}"#,
            loads: [rows(1...9), rows(2...8) + [#"{"id":9,"n":"y","v":9}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "a fixed column that changes", columns: "id int key, n text scd=fixed, v numeric(10,2)",
            loads: [rows(1...9), rows(1...8) + [#"{"id":9,"n":"y","v":8}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "frozen fields", attributes: #"{"schema_mode": "freeze"}"#,
            loads: [rows(1...9), rows(1...8) + [#"{"id":9,"n":"y","v":8,"w":1}"#], rows(1...9)]),
        KnownBatchCase(
            testDescription: "newer, older, corrected, absent, gone and back, with an effective time",
            attributes: timed, columns: timedColumns,
            loads: [
                (1...9).map { timed($0, 5) },
                [timed(1, 6), timed(2, 4), timed(3, 5, "y"), timed(4, 4, "gone"), timed(5, 6, "gone")]
                    + (6...8).map { timed($0, 5) },
                [timed(1, 5), timed(2, 4), timed(3, 5), timed(4, 4, "gone"), timed(5, 5), timed(9, 4), "7"],
                (1...9).map { timed($0, 5) }, (1...9).reversed().map { timed($0, 5) }, [],
                (1...9).map { timed($0, 5) } + [timed(1, 6)],
            ]),
        KnownBatchCase(
            testDescription: "an order among changes of the same time",
            attributes: #"{"order_by": ["v"], "# + timed.dropFirst(),
            columns: timedColumns,
            loads: [
                (1...5).map { timed($0, 5, v: 3) }, [timed(1, 5, v: 2), timed(2, 5, "y", v: 4), timed(3, 6, v: 1)],
                (1...5).map { timed($0, 5, v: 3) }, [timed(1, 5, v: 3), timed(2, 5, v: 1), timed(3, 4, v: 9)],
            ]),
        KnownBatchCase(
            testDescription: "guarded, with an effective time", attributes: #"{"effective_time_column": "at"}"#,
            columns: timedColumns,
            loads: [
                (1...40).map { timed($0, 5) }, (1...5).map { timed($0, 5) }, [], (1...39).map { timed($0, 5) },
            ]),
        KnownBatchCase(
            testDescription: "a column that vanishes, with an effective time", attributes: timed, columns: timedColumns,
            loads: [
                (1...150).map { timed($0, 5, v: 1) }, (1...150).map { timed($0, 6) },
                (1...150).map { timed($0, $0 % 2 + 6, v: 2) },
            ]),
        KnownBatchCase(
            testDescription: "what a key was, with an effective time", attributes: timed, columns: timedColumns,
            loads: [
                (1...5).flatMap { [timed($0, 5), timed($0, 4)] }, (1...5).flatMap { [timed($0, 5), timed($0, 4)] },
                (1...4).flatMap { [timed($0, 5), timed($0, 6, "y")] },
            ]),
        KnownBatchCase(
            testDescription: "deletes that are none by another marker",
            attributes: #"{"delete_marker": {"column": "n", "equals": "gone"}, "max_delete_fraction": 1}"#,
            laterAttributes: #"{"delete_marker": {"column": "n", "equals": "lost"}, "max_delete_fraction": 1}"#,
            loads: [
                rows(1...3), rows(2...3) + rows(1...1, "gone"), rows(2...3), rows(2...3) + rows(1...1, "gone"),
                rows(2...3) + rows(1...1, "lost"), rows(2...3) + rows(1...1, "lost"),
            ]),
        KnownBatchCase(
            testDescription: "deletes that are none by another marker, with an effective time", attributes: timed,
            columns: timedColumns, laterAttributes: timed.replacing("gone", with: "lost"),
            loads: [
                [timed(1, 3), timed(2, 3)], [timed(1, 4, "gone"), timed(2, 3)], [timed(2, 3)],
                [timed(1, 4, "gone"), timed(2, 3)], [timed(1, 4, "gone"), timed(2, 3)],
            ]),
        KnownBatchCase(
            testDescription: "two times", attributes: #"{"history": "bitemporal", "# + timed.dropFirst(),
            columns: timedColumns,
            loads: [
                (1...5).map { timed($0, 5) }, [timed(1, 6), timed(2, 4), timed(3, 5, "y"), timed(4, 4, "gone")],
                (1...5).map { timed($0, 5) }, [timed(5, 5), #"{"id":1,"n":"x","at":"never"}"#, timed(2, 7)],
            ]),
        KnownBatchCase(
            testDescription: "an effective time that the entity did not have",
            attributes: #"{"max_delete_fraction": 1}"#,
            columns: timedColumns, laterAttributes: timed,
            loads: [
                (1...5).map { timed($0, 5) }, (1...4).map { timed($0, 5) }, (2...5).map { timed($0, 5) },
                (1...5).map { timed($0, $0) }, (1...5).map { timed($0, 5) },
            ]),
    ]
}

@Suite("Shortcuts change no result", .fewAtOnce)
struct ShortcutTests {
    /// Everything that a first and a second load leave behind, but for ids and the wall clock.
    private func tables(_ batch: FirstBatchCase, _ shortcuts: Shortcuts) async throws -> [String] {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, n text, v numeric(10,2), at timestamptz stored=false", batch.attributes))
        warehouse.use(shortcuts)
        var found: [String] = []
        for records in [batch.first, batch.second] {
            try await warehouse.load(records)
            found += try await tables(of: warehouse)
        }
        return found + (try await indexes(of: warehouse))
    }

    private func tables(_ batch: KnownBatchCase, _ shortcuts: Shortcuts) async throws -> [String] {
        let warehouse = try await TestWarehouse(TestEntity(columns: batch.columns, batch.attributes))
        warehouse.use(shortcuts)
        var found: [String] = []
        for (number, records) in batch.loads.enumerated() {
            if number == 2, batch.later != nil || batch.laterAttributes != nil {
                try warehouse.change(
                    TestEntity(columns: batch.later ?? batch.columns, batch.laterAttributes ?? batch.attributes))
            }
            try await warehouse.load(records)
            found += try await tables(of: warehouse)
        }
        return found + (try await indexes(of: warehouse))
    }

    private func indexes(of warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows("SELECT indexname FROM pg_indexes WHERE schemaname IN ('bronze', 'silver') ORDER BY 1")
    }

    private func tables(of warehouse: TestWarehouse) async throws -> [String] {
        var found: [String] = []
        found += try await warehouse.rows(
            """
            SELECT _key_hash, _doc_hash, _change, _raw_file, _record_no, doc::text, _effective_at, _applies_at, _order FROM bronze.t_things
            ORDER BY _run_timestamp, _raw_file, _record_no, _key_hash
            """)
        found += try await warehouse.rows(
            """
            SELECT id, n, v, _key_hash, _scd1_hash, _scd2_hash, _is_deleted, _valid_from, _valid_to FROM silver.t_things
            ORDER BY _valid_from, _key_hash, _valid_to, _is_deleted, _scd2_hash
            """)
        if warehouse.entity().history == .bitemporal {
            found += try await warehouse.rows(
                """
                SELECT _key_hash, _recorded_at, _superseded_at FROM silver.t_things
                ORDER BY _key_hash, _recorded_at, _valid_from, _superseded_at
                """)
        }
        let last = try await LastChanges(table: BronzeTable(warehouse.entity(), schema: "bronze"))
            .current(on: warehouse.connection)
        found += try await warehouse.rows(
            """
            SELECT _key_hash, _doc_hash, _is_deleted, _by_absence, _effective_at, _applies_at, _order
            FROM \(fragment: last) ORDER BY 1
            """)
        if warehouse.entity().fullScope != nil {
            found += try await warehouse.rows("SELECT _key_hash, _scope FROM bronze.t_things__last ORDER BY 1")
        }
        found += try await warehouse.rows(
            "SELECT raw_file, record_no, column_name, reason, excerpt FROM audit.rejected_record ORDER BY 1, 2")
        found += try await warehouse.rows("SELECT change, column_name FROM audit.schema_change ORDER BY 1, 2")
        found += try await warehouse.rows("SELECT state, nr_rejected FROM audit.raw_batch ORDER BY run_timestamp")
        found.append(try await warehouse.audit())
        return found
    }

    private func expectTheSame(_ tables: (Shortcuts) async throws -> [String]) async throws {
        let short = try await tables(.always)
        let long = try await tables(.never)
        #expect(short == long)
        #expect(short.count > 4)
    }

    @Test("of a first batch, and of what follows it", arguments: FirstBatchCase.all + FirstBatchCase.scoped)
    func firstBatch(_ batch: FirstBatchCase) async throws {
        try await expectTheSame { try await tables(batch, $0) }
    }

    @Test(
        "of a first batch of which silver has got a part, when the last record comes",
        arguments: [#"{"id":0,"n":"last","v":1}"#, #"{"id":0,"n":"goes the long way","v":1e0}"#])
    func inParts(last: String) async throws {
        let text = String(repeating: "x", count: 500)
        let records = (1...15_000).map { #"{"id":\#($0),"n":"\#($0) \#(text)","v":\#($0)}"# }
        try await expectTheSame { try await tables(FirstBatchCase(testDescription: "", first: records + [last]), $0) }
    }

    @Test(
        "of a first batch that goes the long way after all: what was undone takes no room", arguments: ["{}", timed])
    func undone(attributes: String) async throws {
        let records = (0..<20_000).map { timed($0, 5, v: 1) }
        // With an effective time, silver alone goes another way: this is one more change of a key.
        let last = attributes == timed ? timed(19_999, 6, v: 1) : records[19_999]
        func sizes(_ shortcuts: Shortcuts) async throws -> [String] {
            let warehouse = try await TestWarehouse(
                TestEntity(columns: "id int key, n text, v numeric(10,2), at timestamptz stored=false", attributes))
            warehouse.use(shortcuts)
            try await warehouse.load(records + [last])
            return try await warehouse.rows(
                """
                SELECT pg_relation_size('bronze.t_things') / 1000000 AS bronze,
                    pg_relation_size('silver.t_things') / 1000000 AS silver
                """)
        }
        #expect(try await sizes(.always) == sizes(.never))
    }

    @Test("of a batch whose keys are known", arguments: KnownBatchCase.all + KnownBatchCase.scoped)
    func knownBatch(_ batch: KnownBatchCase) async throws {
        try await expectTheSame { try await tables(batch, $0) }
    }

    @Test(
        "a known batch sends the server what changed, and no more", arguments: [Shortcuts.always, .never],
        ["{}", timed, #"{"full_scope": "n"}"#])
    func sent(_ shortcuts: Shortcuts, attributes: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, n text, at timestamptz stored=false", attributes))
        warehouse.use(shortcuts)
        let records = (1...40).map { timed($0, 1) }
        try await warehouse.load(records)
        try await warehouse.load(Array(records[2...]) + [timed(1, 2)])
        expect(
            try await warehouse.rows(
                "SELECT count(*), count(*) FILTER (WHERE _ordinal < 0) FROM stage.t_things__bronze"),
            equals: [shortcuts == .always ? "2 | 1" : "39 | 0"])
    }

    @Test("documents are known as accepted by today's metadata only while all of them are")
    func accepted() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, n text"))
        let known: SQLText = "SELECT accepted_by IS NOT NULL FROM metadata.entity_shape"
        let records = (1...3).map { #"{"id":\#($0),"n":"x"}"# }
        try await warehouse.load(records)
        expect(try await warehouse.rows(known), equals: ["true"])
        try warehouse.change(try TestEntity(columns: "id int key, n text, m text", #"{"delta": {"mode": "all"}}"#))
        try await warehouse.load([#"{"id":3,"n":"y"}"#], type: .delta)
        expect(try await warehouse.rows(known), equals: ["false"])
        try await warehouse.load(records)
        expect(try await warehouse.rows(known), equals: ["true"])
        try await warehouse.load([#"{"id":3,"n":"z"}"#], type: .delta)
        expect(try await warehouse.rows(known), equals: ["true"])
    }
}
