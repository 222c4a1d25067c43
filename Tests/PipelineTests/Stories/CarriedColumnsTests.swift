import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

@Suite("Columns that a source forgets for a day", .fewAtOnce, .twice)
struct CarriedColumnsTests {
    @Test("a column that a whole full batch of 100 records lacks keeps its values, and comes back without versions")
    func columnMissing() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text, w numeric(6,2), x timestamptz scd=1, y json, z int"))
        func records(_ isWhole: Bool, z: Int, extra: [String] = []) -> [String] {
            (1...100).map { id in
                let carried =
                    isWhole
                    ? #","v":"v\#(id)","w":\#(id).5,"x":"2025-01-01T00:00:00.\#(100 + id)Z","y":{"b":\#(id)e0,"a":"\u00e9"}"#
                    : ""
                return #"{"id":\#(id)\#(carried),"z":\#(id == 7 ? z : 0)}"#
            } + extra
        }
        try await warehouse.load(records(true, z: 0))
        let before = try await warehouse.table()
        try await warehouse.load(records(false, z: 0))
        expect(try await warehouse.table(), equals: before)
        #expect(try await warehouse.audit().hasSuffix("bronze 100: updated 100\nsilver 100: unchanged 100"))
        expect(
            try await warehouse.rows("SELECT missing_columns FROM audit.raw_batch GROUP BY 1 ORDER BY min(landed_at)"),
            equals: ["[]", #"["v","w","x","y"]"#])
        expect(
            try await warehouse.rows(
                "SELECT DISTINCT column_name FROM audit.schema_change WHERE change = 'column_missing' ORDER BY 1"),
            equals: ["v", "w", "x", "y"])
        try await warehouse.load(records(false, z: 1, extra: [#"{"id":101,"z":0}"#]))
        let seventh = try await warehouse.rows(
            "SELECT v, w, y, z FROM silver.t_things WHERE id = 7 ORDER BY _valid_from")
        #expect(seventh == [#"v7 | 7.50 | {"a": "é", "b": 7} | 0"#, #"v7 | 7.50 | {"a": "é", "b": 7} | 1"#])
        #expect(try await warehouse.audit().contains("silver 2: inserted 1, updated 1"))
        try await warehouse.load(records(true, z: 1, extra: [#"{"id":101,"v":null,"z":0}"#]))
        #expect(try await warehouse.audit().hasSuffix("unchanged 101"))
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things"), equals: ["102"])
    }

    @Test("below 100 records, or in a delta, a missing field is NULL")
    func fewMissing() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text", #"{"delta": {"mode": "all"}}"#))
        let all = (1...100).map { #"{"id":\#($0),"v":"a"}"# }
        try await warehouse.load(all)
        try await warehouse.load((1...100).map { #"{"id":\#($0)}"# }, type: .delta)
        expect(
            try await warehouse.rows("SELECT v, count(*) FROM silver.t_things WHERE _is_current GROUP BY v"),
            equals: ["NULL | 100"])
        try await warehouse.load(all)
        try await warehouse.load((1...99).map { #"{"id":\#($0)}"# })
        expect(
            try await warehouse.rows("SELECT v, count(*) FROM silver.t_things WHERE _is_current GROUP BY v"),
            equals: ["NULL | 99"])
    }

    @Test("values of every type are carried as they were, hash the same, and are rebuilt so")
    func everyType() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: """
                    id int key, a smallint, b bigint, c double, d numeric, e boolean, f date, g time, h timestamp, \
                    i timestamptz, j uuid, k json, l binary, m string(3), n numeric(9,2) default=7, z int
                    """))
        let values = #"""
            ,"a":-32768,"b":9223372036854775807,"c":0.1,"d":-12345678901234567890.123456789,"e":true,
            "f":"0001-01-01","g":"23:59:59.999999","h":"9999-12-31T23:59:59.999999","i":"2025-01-01T00:00:00-15:59",
            "j":"00000000-0000-0000-0000-000000000001","k":{"b":[1,"x"],"a":null},"l":"AP8=","m":"äöü","n":1e3
            """#.split(separator: "\n").joined()
        func records(_ range: ClosedRange<Int>, lacking: Bool, z: Int) -> [String] {
            range.map { #"{"id":\#($0)\#(lacking || $0 == 50 ? "" : values),"z":\#(z)}"# }
        }
        try await warehouse.load(records(1...100, lacking: false, z: 1))
        let carried: SQLText = """
            SELECT DISTINCT (id = 50)::text, a, b, c, d, e, f, g, h, i, j, k, l, m, n FROM silver.t_things
            WHERE id <= 100 ORDER BY 1
            """
        let before = try await warehouse.rows(carried)
        #expect(before.count == 2)
        try await warehouse.load(records(1...101, lacking: true, z: 2))
        #expect(try await warehouse.audit().hasSuffix("silver 101: inserted 1, updated 100"))
        expect(try await warehouse.rows(carried), equals: before)
        expect(
            try await warehouse.rows("SELECT m, n, z FROM silver.t_things WHERE id = 101"), equals: ["NULL | 7.00 | 2"])
        try await warehouse.load(records(1...100, lacking: false, z: 2))
        #expect(try await warehouse.audit().hasSuffix("silver 100: deleted 1, unchanged 99"))
        for source in Rebuild.Source.allCases {
            let report = try await warehouse.rebuild(from: source, verifies: true)
            #expect(!report.differs && report.same == 201)
        }
    }

    @Test("of many records, more than are held at once")
    func many() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text, w text"))
        func records(_ change: Int, hasText: Bool) -> [String] {
            (0..<12_000).map { id in
                #"{"id":\#(id),"v":"\#(id % 100 == 0 ? change : 0)""# + (hasText ? #","w":"\#(id) and so on"}"# : "}")
            }
        }
        try await warehouse.load(records(1, hasText: true))
        try await warehouse.load(records(2, hasText: true))
        #expect(try await warehouse.audit().hasSuffix("silver 120: updated 120"))
        try await warehouse.load(records(3, hasText: false))
        #expect(try await warehouse.audit().hasSuffix("silver 12000: updated 120, unchanged 11880"))
        try await warehouse.load(records(3, hasText: true).reversed())
        #expect(try await warehouse.audit().hasSuffix("silver 12000: unchanged 12000"))
        expect(
            try await warehouse.rows(
                """
                SELECT count(*), count(*) FILTER (WHERE _is_current), count(DISTINCT w),
                    count(*) FILTER (WHERE w = id || ' and so on') FROM silver.t_things
                """), equals: ["12240 | 12000 | 12000 | 12240"])
    }
}
