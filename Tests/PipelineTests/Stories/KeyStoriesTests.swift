import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Keys", .fewAtOnce, .twice)
struct KeyStoriesTests {
    @Test("composite keys that a joined string would confuse are two keys")
    func composite() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "a text key, b text key, v int"))
        try await warehouse.load(
            #"{"a":"x|","b":"y","v":1}"#, #"{"a":"x","b":"|y","v":2}"#, #"{"a":"","b":"x|y","v":3}"#,
            #"{"a":"x|y","b":"","v":4}"#)
        try await warehouse.load(
            #"{"a":"x|","b":"y","v":1}"#, #"{"a":"x","b":"|y","v":5}"#, #"{"a":"x|y","b":"","v":4}"#)
        expect(
            try await warehouse.table(),
            equals: """
                 | x|y | 3 | d1..d2 deleted
                x | |y | 2 | d1..d2
                x | |y | 5 | d2..
                x| | y | 1 | d1..
                x|y |  | 4 | d1..
                """)
    }

    @Test("a letter with its accent, composed and decomposed, is two keys and two values")
    func normalization() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id text key, v text"))
        let lengths: @Sendable () async throws -> [String] = {
            try await warehouse.rows(
                """
                SELECT octet_length(id), octet_length(v), _valid_to IS NULL FROM silver.t_things
                ORDER BY id COLLATE "C", _valid_from
                """)
        }
        try await warehouse.load(#"{"id":"\u00e9","v":"\u00e9"}"#, #"{"id":"e\u0301","v":"é"}"#)
        expect(try await lengths(), equals: ["3 | 2 | true", "2 | 2 | true"])
        try await warehouse.load(#"{"id":"\u00e9","v":"e\u0301"}"#, #"{"id":"e\u0301","v":"é"}"#)
        expect(try await lengths(), equals: ["3 | 2 | true", "2 | 2 | false", "2 | 3 | true"])
    }

    @Test("a key written in another notation is the same key")
    func notation() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "a bigint key, b numeric key, c timestamptz key, d uuid key, v int"))
        let unit = "00000000-0000-7000-8000-00000000000a"
        try await warehouse.load(#"{"a":1,"b":2.50,"c":"2025-01-01T00:00:00Z","d":"\#(unit)","v":1}"#)
        try await warehouse.load(
            #"{"a":"1","b":25e-1,"c":"2025-01-01T01:00:00.000+01:00","d":"\#(unit.uppercased())","v":1}"#)
        expect(try await warehouse.table(), equals: "1 | 2.50 | 2025-01-01 00:00:00+00 | \(unit) | 1 | d1..")
        #expect(try await warehouse.audit().hasSuffix("silver 1: unchanged 1"))
    }

    @Test("a number in a text column is one text, whatever its notation, in key and value")
    func numbersAsText() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id text key, v string(6)"))
        try await warehouse.load(#"{"id":1e2,"v":-0}"#, #"{"id":"1e2","v":1.50}"#)
        try await warehouse.load(#"{"id":100,"v":0}"#, #"{"id":"1e2","v":"1.50"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                100 | 0 | d1..
                1e2 | 1.50 | d1..
                """)
        try await warehouse.load(#"{"id":100,"v":1e9}"#, #"{"id":"1e2","v":1.50e1}"#)
        expect(
            try await warehouse.table(),
            equals: """
                100 | 0 | d1..
                1e2 | 1.50 | d1..d3
                1e2 | 15.0 | d3..
                """)
        expect(
            try await warehouse.rows("SELECT DISTINCT column_name, reason FROM audit.rejected_record"),
            equals: ["v | is longer than 6 characters"])
    }

    @Test("a record without its key is quarantined, and nothing is deleted by absence in that batch")
    func missingKey() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "a int key, b text key, v int"))
        try await warehouse.load(#"{"a":1,"b":"x","v":1}"#, #"{"a":2,"b":"x","v":1}"#)
        try await warehouse.load(#"{"a":1,"b":"x","v":2}"#, #"{"a":2,"b":null,"v":2}"#, #"{"b":"x","v":3}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | x | 1 | d1..d2
                1 | x | 2 | d2..
                2 | x | 1 | d1..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 3: inserted 3
                bronze 3: updated 1, rejected 2
                silver 1: updated 1
                """)
        expect(
            try await warehouse.rows(
                "SELECT DISTINCT record_no, column_name, reason FROM audit.rejected_record ORDER BY record_no"),
            equals: [
                "2 | b | key column is NULL or missing, but must have a value",
                "3 | a | key column is NULL or missing, but must have a value",
            ])
        expect(
            try await warehouse.rows("SELECT DISTINCT state_reason FROM audit.raw_batch WHERE nr_rejected > 0"),
            equals: ["deletion by absence suspended: 2 records without a readable key"])
        try await warehouse.load(#"{"a":1,"b":"x","v":2}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | x | 1 | d1..d2
                1 | x | 2 | d2..
                2 | x | 1 | d1..d3 deleted
                """)
    }
}
