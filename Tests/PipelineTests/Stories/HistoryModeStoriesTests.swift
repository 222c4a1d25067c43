import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Other ways to keep the past", .fewAtOnce, .twice)
struct HistoryModeStoriesTests {
    @Test("scd1 keeps one row per key, overwritten in place; a deletion still ends it")
    func scd1() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, a text, b int", #"{"history": "scd1"}"#))
        try await warehouse.load(#"{"id":1,"a":"x","b":1}"#, #"{"id":2,"a":"y","b":2}"#)
        try await warehouse.load(#"{"id":1,"a":"z","b":1}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | z | 1 | d1..
                2 | y | 2 | d1..d2 deleted
                """)
        #expect(try await warehouse.audit().hasSuffix("silver 2: updated 1, deleted 1"))
        try await warehouse.load(#"{"id":1,"a":"z","b":null}"#, #"{"id":2,"a":"y","b":2}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | z | NULL | d1..
                2 | y | 2 | d1..d2 deleted
                2 | y | 2 | d3..
                """)
    }

    @Test("append adds every document of a new key, closes nothing, and counts known keys as duplicates")
    func append() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text", #"{"history": "append"}"#))
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#)
        try await warehouse.load(#"{"id":1,"v":"changed"}"#, #"{"id":3,"v":"c"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..
                2 | b | d1..
                3 | c | d2..
                """)
        #expect(try await warehouse.audit().hasSuffix("silver 2: inserted 1, duplicate 1"))
    }

    @Test("append without a key keeps every record of every batch")
    func appendWithoutKey() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "v text", #"{"history": "append"}"#))
        try await warehouse.load(#"{"v":"a"}"#, #"{"v":"a"}"#)
        try await warehouse.load(#"{"v":"a"}"#, #"{"v":"b"}"#)
        expect(
            try await warehouse.rows("SELECT v, count(*) FROM silver.t_things GROUP BY v ORDER BY v"),
            equals: [
                "a | 3", "b | 1",
            ])
    }

    @Test("latest holds exactly the last full batch")
    func latest() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text, w int", #"{"history": "latest"}"#))
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#, #"{"id":3,"v":"c"}"#)
        try await warehouse.load(#"{"id":2,"v":"B"}"#, #"{"id":3,"v":"c"}"#, #"{"id":4,"v":"d"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                2 | B | NULL | d1..
                3 | c | NULL | d1..
                4 | d | NULL | d2..
                """)
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        expect(try await warehouse.table(), equals: "1 | a | NULL | d3..")
    }

    @Test("latest without a key holds exactly the last full batch, too")
    func latestWithoutKey() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "v int", #"{"history": "latest"}"#))
        func values() async throws -> [String] {
            try await warehouse.rows("SELECT v FROM silver.t_things ORDER BY v")
        }
        let records: @Sendable (ClosedRange<Int>) -> [String] = { $0.map { #"{"v":\#($0)}"# } }
        try await warehouse.load(records(10...40))
        try await warehouse.load(records(11...41))
        expect(try await values(), equals: (11...41).map(String.init))
        expect(try await warehouse.load(records(11...12)).status, equals: .failed)
        expect(try await values(), equals: (11...41).map(String.init))
        try await warehouse.load(records(11...39))
        expect(try await values(), equals: (11...39).map(String.init))
    }

    @Test("a field that no column names is reported once, and kept in bronze")
    func fieldAppeared() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key"),
            TestEntity("frozen", columns: "id int key", #"{"schema_mode": "freeze"}"#))
        try warehouse.put([#"{"id":1}"#], for: "frozen")
        try await warehouse.load(#"{"id":1,"new":5}"#)
        try await warehouse.load(#"{"id":1,"new":6}"#)
        expect(
            try await warehouse.rows("SELECT column_name FROM audit.schema_change WHERE change = 'field_appeared'"),
            equals: ["new"])
        expect(try await warehouse.rows("SELECT doc->>'new' AS n FROM bronze.t_things ORDER BY 1"), equals: ["5", "6"])
        expect(try await warehouse.table(), equals: "1 | d1..")
        try warehouse.put([#"{"id":1,"new":5}"#, #"{"id":2}"#], for: "frozen")
        expect(try await warehouse.load(#"{"id":1}"#).status, equals: .failed)
        expect(try await warehouse.table("frozen"), equals: "1 | d1..")
        #expect(try await warehouse.audit("frozen").contains("bronze failed schema"))
    }

    @Test("in CSV an empty unquoted cell is NULL, a quoted one is text, and booleans have more spellings")
    func csv() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text, ok boolean, born date format=%d.%m.%Y",
                #"{"source": {"path": "things/*.csv"}}"#))
        try warehouse.put(
            texts: [
                "id,name,ok,born\r\n1,,t,01.02.2003\r\n2,\"\",0,\r\n3,\"a \"\"b\"\"\r\nc, d\",false,29.02.2004\r\n",
                "ok,id,name\n1,4, x \nyes,5,y\n",
            ], ending: "csv")
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run()
        expect(
            try await warehouse.table(),
            equals: """
                1 | NULL | true | 2003-02-01 | d1..
                2 |  | false | NULL | d1..
                3 | a "b"\r
                c, d | false | 2004-02-29 | d1..
                4 |  x  | true | NULL | d1..
                """)
        expect(
            try await warehouse.rows(
                "SELECT raw_file, record_no, column_name, reason, excerpt FROM audit.rejected_record"),
            equals: ["2 | 2 | ok | is not true or false | yes"])
        // Another order of columns, other quotes and line ends, another spelling: nothing changed.
        try warehouse.put(
            texts: [
                "ok,id,born,name\nfalse,2,,\"\"\ntrue,1,01.02.2003,\n1,\"4\",,\" x \"\n0,3,29.02.2004,\"a \"\"b\"\"\r\nc, d\""
            ],
            ending: "csv")
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run()
        expect(try await warehouse.audit().contains("rejected"), equals: false)
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things"), equals: ["4"])
    }
}
