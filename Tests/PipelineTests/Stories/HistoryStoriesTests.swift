import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("History, load after load", .fewAtOnce, .twice)
struct HistoryStoriesTests {
    @Test("keys are inserted, changed, left alone, deleted and taken back")
    func life() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, name text, city text"))
        try await warehouse.load(
            #"{"id":1,"name":"Ann","city":"Rome"}"#, #"{"id":2,"name":"Bob","city":"Oslo"}"#,
            #"{"id":3,"name":"Cleo","city":"Bern"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | Rome | d1..
                2 | Bob | Oslo | d1..
                3 | Cleo | Bern | d1..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 3: inserted 3
                bronze 3: inserted 3
                silver 3: inserted 3
                """)
        try await warehouse.load(
            #"{"id":1,"name":"Ann","city":"Rome"}"#, #"{"id":2,"name":"Bob","city":"Paris"}"#,
            #"{"id":4,"name":"Dan","city":"Graz"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | Rome | d1..
                2 | Bob | Oslo | d1..d2
                2 | Bob | Paris | d2..
                3 | Cleo | Bern | d1..d2 deleted
                4 | Dan | Graz | d2..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 3: inserted 3
                bronze 3: inserted 1, updated 1, deleted 1, absent 1, unchanged 1
                silver 3: inserted 1, updated 1, deleted 1
                """)
        try await warehouse.load(
            #"{"id":1,"name":"Ann","city":"Rome"}"#, #"{"id":2,"name":"Bob","city":"Oslo"}"#,
            #"{"id":3,"name":"Cleo","city":"Bern"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | Rome | d1..
                2 | Bob | Oslo | d1..d2
                2 | Bob | Paris | d2..d3
                2 | Bob | Oslo | d3..
                3 | Cleo | Bern | d1..d2 deleted
                3 | Cleo | Bern | d3..
                4 | Dan | Graz | d2..d3 deleted
                """)
        expect(
            try await warehouse.rows("SELECT _change, count(*) FROM bronze.t_things GROUP BY 1 ORDER BY 1"),
            equals: ["delete | 2", "restore | 1", "upsert | 6"])
    }

    @Test("a column of scd 1 is overwritten where it is current, and makes no version")
    func overwritten() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, name text scd=1, phone text scd=1"))
        try await warehouse.load(#"{"id":1,"name":"Ann","phone":"1"}"#, #"{"id":2,"name":"Bob","phone":"2"}"#)
        try await warehouse.load(#"{"id":1,"name":"Anne","phone":"1"}"#, #"{"id":2,"name":"Bob","phone":"2"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Anne | 1 | d1..
                2 | Bob | 2 | d1..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 2: inserted 2
                bronze 2: updated 1, unchanged 1
                silver 1: updated 1
                """)
        expect(
            try await warehouse.rows("SELECT id, _run_id = _updated_by_run_id FROM silver.t_things ORDER BY 1"),
            equals: ["1 | false", "2 | true"])
    }

    @Test("of scd 1 and scd 2 at once, the new version has both, and the closed one keeps both")
    func overwrittenAndVersioned() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, city text, phone text scd=1"))
        try await warehouse.load(#"{"id":1,"city":"Rome","phone":"1"}"#)
        try await warehouse.load(#"{"id":1,"city":"Oslo","phone":"2"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Rome | 1 | d1..d2
                1 | Oslo | 2 | d2..
                """)
        #expect(try await warehouse.audit().hasSuffix("silver 1: updated 1"))
        try await warehouse.load(#"{"id":1,"city":"Oslo","phone":"3"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Rome | 1 | d1..d2
                1 | Oslo | 3 | d2..
                """)
        try await warehouse.load(#"{"id":1,"city":"Oslo","phone":null}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Rome | 1 | d1..d2
                1 | Oslo | NULL | d2..
                """)
    }

    @Test("an ignored column is not compared, and comes along with the next version")
    func ignored() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, city text, hits int scd=ignore"))
        try await warehouse.load(#"{"id":1,"city":"Rome","hits":1}"#)
        try await warehouse.load(#"{"id":1,"city":"Rome","hits":2}"#)
        expect(try await warehouse.table(), equals: "1 | Rome | 1 | d1..")
        #expect(try await warehouse.audit().hasSuffix("silver 1: unchanged 1"))
        try await warehouse.load(#"{"id":1,"city":"Oslo","hits":3}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Rome | 1 | d1..d3
                1 | Oslo | 3 | d3..
                """)
    }

    @Test("a change of a fixed column is rejected, and the key stays as it was")
    func fixed() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, born date scd=fixed, city text"))
        try await warehouse.load(
            #"{"id":1,"born":"1990-01-01","city":"Rome"}"#, #"{"id":2,"born":null,"city":"Bern"}"#)
        try await warehouse.load(
            #"{"id":1,"born":"1991-01-01","city":"Oslo"}"#, #"{"id":2,"born":null,"city":"Graz"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1990-01-01 | Rome | d1..
                2 | NULL | Bern | d1..d2
                2 | NULL | Graz | d2..
                """)
        #expect(try await warehouse.audit().hasSuffix("silver 2: updated 1, rejected 1"))
        expect(
            try await warehouse.rows(
                "SELECT layer, raw_file, record_no, column_name, reason FROM audit.rejected_record"),
            equals: ["silver | 1 | 1 | born | a fixed column changed"])
        try await warehouse.load(
            #"{"id":1,"born":"1990-01-01","city":"Paris"}"#, #"{"id":2,"born":null,"city":"Graz"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1990-01-01 | Rome | d1..d3
                1 | 1990-01-01 | Paris | d3..
                2 | NULL | Bern | d1..d2
                2 | NULL | Graz | d2..
                """)
    }

    @Test("with delete_mode ignore an absent key stays open")
    func deletesIgnored() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, city text", #"{"delete_mode": "ignore"}"#))
        try await warehouse.load(#"{"id":1,"city":"Rome"}"#, #"{"id":2,"city":"Bern"}"#)
        try await warehouse.load(#"{"id":2,"city":"Graz"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Rome | d1..
                2 | Bern | d1..d2
                2 | Graz | d2..
                """)
        expect(try await warehouse.load().status, equals: .succeeded)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 0: nothing
                bronze 0: nothing
                silver 0: nothing
                """)
    }

    @Test("the view shows what is current, the function what was true at an instant, whatever columns are called")
    func views() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, instant timestamptz, v text"))
        try await warehouse.load(#"{"id":1,"instant":"2020-01-01T00:00:00Z","v":"a"}"#, #"{"id":2,"v":"b"}"#)
        try await warehouse.load(#"{"id":1,"instant":"2020-01-01T00:00:00Z","v":"c"}"#)
        try await warehouse.load(#"{"id":1,"v":"d"}"#, #"{"id":2,"v":"e"}"#)
        func asOf(_ instant: String) async throws -> [String] {
            try await warehouse.rows(
                "SELECT id, v FROM silver.t_things_asof(\(literal: instant)::timestamptz) ORDER BY id")
        }
        expect(try await asOf("2025-12-31T23:59:59Z"), equals: [])
        expect(try await asOf("2026-01-01T00:00:00Z"), equals: ["1 | a", "2 | b"])
        expect(try await asOf("2026-01-02T23:59:59.999999Z"), equals: ["1 | c"])
        expect(try await asOf("2026-01-03T00:00:00Z"), equals: ["1 | d", "2 | e"])
        expect(
            try await warehouse.rows("SELECT id, v FROM silver.t_things_current ORDER BY id"),
            equals: ["1 | d", "2 | e"])
    }
}
