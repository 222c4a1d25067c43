import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Values", .fewAtOnce, .twice)
struct ValueStoriesTests {
    @Test("NULL becomes a value, a value becomes NULL, and NULL is not the empty string")
    func null() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, a text, b int"))
        try await warehouse.load(#"{"id":1,"a":null,"b":1}"#, #"{"id":2,"a":"","b":null}"#)
        try await warehouse.load(#"{"id":1,"a":"x","b":1}"#, #"{"id":2,"a":null,"b":0}"#)
        try await warehouse.load(#"{"id":1,"a":null,"b":1}"#, #"{"id":2,"a":"","b":0}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | NULL | 1 | d1..d2
                1 | x | 1 | d2..d3
                1 | NULL | 1 | d3..
                2 |  | NULL | d1..d2
                2 | NULL | 0 | d2..d3
                2 |  | 0 | d3..
                """)
    }

    @Test("a missing field is NULL, or its default where NULL is not allowed")
    func missing() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, a text, b int nullable=false default=7"))
        try await warehouse.load(#"{"id":1,"a":null,"b":7}"#, #"{"id":2,"a":"x","b":null}"#)
        try await warehouse.load(#"{"id":1}"#, #"{"id":2,"b":8}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | NULL | 7 | d1..
                2 | x | 7 | d1..d2
                2 | NULL | 8 | d2..
                """)
    }

    @Test(
        "another notation of the same value is no change",
        arguments: [
            ("int", "1", "1.0"), ("int", "1", #""1""#), ("bigint", "-0", "0"), ("double", "-0.0", "0"),
            ("double", "1e2", "100.0"), ("double", "0.1", "0.1000"), ("numeric", "1.50", "15e-1"),
            ("numeric(10,2)", "1.5", "1.500"), ("numeric", "-0", "0.00"), ("numeric", "1e3", #""1000""#),
            ("timestamptz", #""2025-03-30T01:30:00+01:00""#, #""2025-03-29 19:30:00.000000-05""#),
            ("timestamptz timezone=Europe/Berlin", #""2025-01-01T00:00:00Z""#, #""2025-01-01T01:00""#),
            ("timestamp", #""2025-01-01T00:00:00""#, #""2025-01-01 00:00:00.000""#),
            ("time", #""12:30""#, #""12:30:00.000""#), ("date format=epoch_s", "86400", #""86400.0""#),
            ("uuid", #""0000000A-0000-7000-8000-000000000000""#, #""0000000a-0000-7000-8000-000000000000""#),
            ("text", #""\u0041\/é""#, #""A/\u00e9""#), ("text", "true", #""true""#),
            ("json", #"{"a":1.0,"b":[1,-0],"c":"\u0041"}"#, #"{ "c":"A", "b" : [1e0, 0] ,"a":1 }"#),
            ("json", #"{"a":1e2,"a":2.50}"#, #"{"a":2.5}"#), ("binary", #""AQ==""#, #""AQ==""#),
            ("text trim null_values=[\"-\"]", #"" - ""#, "null"), ("boolean", "true", " true "),
        ])
    func notation(type: String, first: String, second: String) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v \(type)"))
        try await warehouse.load(#"{"id":1,"v":\#(first)}"#)
        let table = try await warehouse.table()
        try await warehouse.load(#"{ "v":\#(second), "id":1 }"#)
        expect(try await warehouse.table(), equals: table)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 1: inserted 1
                bronze 1: updated 1
                silver 1: unchanged 1
                """)
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things"), equals: ["1"])
    }

    @Test("every kind of value arrives as it was sent, and any change of one opens a version")
    func everyType() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: """
                    id int key, a smallint, b bigint, c double, d numeric, e boolean, f date, g time, h timestamp, \
                    i timestamptz, j uuid, k json, l binary, m string(3)
                    """))
        try await warehouse.load(
            #"""
            {"id":1,"a":-32768,"b":9223372036854775807,"c":0.1,"d":12345678901234567890.12345678901234567890,"e":true,
            "f":"0001-01-01","g":"23:59:59.999999","h":"9999-12-31T23:59:59.999999","i":"2025-01-01T00:00:00-15:59",
            "j":"00000000-0000-0000-0000-000000000001","k":{"b":[1,"x"],"a":null},"l":"AP8=","m":"äöü"}
            """#.split(separator: "\n").joined())
        let first = """
            1 | -32768 | 9223372036854775807 | 0.1 | 12345678901234567890.12345678901234567890 | true | 0001-01-01 \
            | 23:59:59.999999 | 9999-12-31 23:59:59.999999 | 2025-01-01 15:59:00+00 \
            | 00000000-0000-0000-0000-000000000001 | {"a": null, "b": [1, "x"]} | \\x00ff | äöü | d1..
            """
        expect(try await warehouse.table(), equals: first)
        try await warehouse.load(#"{"id":1}"#)
        expect(
            try await warehouse.table(), equals: first + "d2\n1 | " + String(repeating: "NULL | ", count: 13) + "d2..")
    }

    @Test("nothing in a text is lost or taken for syntax")
    func syntax() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        let texts = [
            #"'); DROP TABLE silver.t_things; --"#, #"\."#, #"\N"#, "a\\tb", "\\u0001\\u007f", "=1+1", "\\u202e",
            "\\ud83d\\ude00",
            "\\uffff", "\\u2028", #"$$ ${x} \#("\\\\")"#,
        ].map { $0.hasPrefix("\\.") || $0.hasPrefix("\\N") ? "\\" + $0 : $0 }
        try await warehouse.load(texts.enumerated().map { #"{"id":\#($0.offset),"v":"\#($0.element)"}"# })
        // PostgreSQL's own reading of the same JSON is the measure.
        let expected = try await warehouse.rows(
            "SELECT j->>'id' AS id, j->>'v' = v AS same FROM (SELECT doc AS j FROM bronze.t_things) b JOIN silver.t_things ON id = (j->>'id')::int ORDER BY id"
        )
        #expect(expected == texts.indices.map { "\($0) | true" }.sorted())
    }

    @Test("a record that fills more columns than a row holds fails with what to do")
    func wide() async throws {
        let names = (1...600).map { "c\($0)" }
        let warehouse = try await TestWarehouse(
            TestEntity(columns: (["id int key"] + names.map { "\($0) text" }).joined(separator: ", ")))
        let cells = names.map { #""\#($0)":"some value of a text""# }.joined(separator: ",")
        try await warehouse.load(#"{"id":1,\#(cells)}"#)
        let messages = try await warehouse.rows(
            "SELECT error_message FROM audit.entity_layer_run WHERE layer = 'silver'")
        #expect(
            messages.first?.contains(#"t.things fills more columns than a row holds: read some with "stored": false"#)
                == true)
    }
}
