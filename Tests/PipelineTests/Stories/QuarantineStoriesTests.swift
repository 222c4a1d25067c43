import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Records that cannot be applied", .fewAtOnce)
struct QuarantineStoriesTests {
    private static let deep = String(repeating: "[", count: 130) + String(repeating: "]", count: 130)

    @Test(
        "are quarantined with their reason, and their key stays open",
        arguments: [
            ("int", "1", #""x""#, "v | is not a whole number | x"),
            ("smallint", "1", "32768", "v | is out of range | 32768"),
            ("string(3)", #""abc""#, #""abcd""#, "v | is longer than 3 characters | abcd"),
            ("int nullable=false", "1", "null", "v | is NULL or missing, but must have a value | "),
            ("text", #""a""#, #"{"b":1}"#, #"v | is an object or a list, expected text | {"b":1}"#),
            ("date", #""2025-02-28""#, #""2025-02-30""#, "v | is a day that does not exist | 2025-02-30"),
            ("text", #""a""#, #""\u0000""#, "NULL | the record cannot be read: a string contains U+0000 | *"),
            (
                "text", #""a""#, #""\ud800""#,
                "NULL | the record cannot be read: a string contains half of a surrogate pair | *"
            ),
            ("double", "1", "1e400", "NULL | the record cannot be read: a number is out of range | *"),
            ("json", "1", deep, "NULL | the record cannot be read: nesting is deeper than 128 | *"),
            ("int", "1", #"1,"v":2"#, "NULL | the record cannot be read: a name occurs twice | *"),
        ])
    func reasons(type: String, good: String, bad: String, rejected: String) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v \(type)"))
        func record(_ id: Int, _ value: String) -> String { #"{"id":\#(id),"v":\#(value)}"# }
        try await warehouse.load(record(1, good), record(2, good))
        let table = try await warehouse.table()
        #expect(table.split(separator: "\n").count == 2)
        try await warehouse.load(record(1, bad), record(2, good))
        #expect(try await warehouse.table() == table)
        #expect(
            try await warehouse.audit() == """
                raw 2: inserted 2
                bronze 2: unchanged 1, rejected 1
                silver 0: nothing
                """)
        let found = try await warehouse.rows(
            """
            SELECT column_name, reason, CASE WHEN column_name IS NULL THEN '*' ELSE coalesce(excerpt, '') END AS excerpt
            FROM audit.rejected_record WHERE layer = 'bronze' AND raw_file = 1 AND record_no = 1
            """)
        #expect(found == [rejected])
        // The same bytes again are read again: what was rejected may be accepted tomorrow.
        try await warehouse.load(record(1, bad), record(2, good))
        #expect(try await warehouse.audit().contains("bronze 2: unchanged 1, rejected 1"))
        try await warehouse.load(record(1, good), record(2, good))
        #expect(try await warehouse.table() == table)
    }

    @Test("a record that is no JSON, or no object, suspends deletion by absence for its batch")
    func unreadable() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v int"))
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":1}"#)
        try await warehouse.load(#"{"id":1,"v":2}"#, #"{"id":2,"v":1"#, "[1]", "null", #""x""#)
        #expect(
            try await warehouse.table() == """
                1 | 1 | d1..d2
                1 | 2 | d2..
                2 | 1 | d1..
                """)
        #expect(try await warehouse.audit().contains("bronze 5: updated 1, rejected 4"))
        #expect(
            try await warehouse.rows("SELECT record_no, reason FROM audit.rejected_record ORDER BY 1")
                == [
                    "2 | the record cannot be read: not a JSON text",
                    "3 | the record cannot be read: not a JSON object",
                    "4 | the record cannot be read: not a JSON object",
                    "5 | the record cannot be read: not a JSON object",
                ])
    }

    @Test("a fault in front of the key hides it: deletion by absence is suspended")
    func faultBeforeKey() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"a"}"#)
        try await warehouse.load(#"{"v":"\u0000","id":1}"#)
        #expect(
            try await warehouse.table() == """
                1 | a | d1..
                2 | a | d1..
                """)
        #expect(try await warehouse.load(#"{"id":1,"v":"b"}"#).status == .succeeded)
        #expect(
            try await warehouse.table() == """
                1 | a | d1..d3
                1 | b | d3..
                2 | a | d1..d3 deleted
                """)
    }

    @Test("from ten on, more than the entity allows block the batch, until somebody accepts them")
    func tooMany() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int", #"{"max_reject_fraction": 0.5}"#))
        try await warehouse.load(#"{"id":1,"v":1}"#)
        let bad = (2...11).map { #"{"id":\#($0),"v":"bad"}"# }
        let report = try await warehouse.load([#"{"id":1,"v":2}"#] + bad)
        #expect(report.status == .failed)
        #expect(
            try await warehouse.audit() == """
                raw 11: inserted 11
                bronze failed quality
                silver skipped upstream_failed
                """)
        #expect(try await warehouse.table() == "1 | 1 | d1..")
        #expect(try await warehouse.rows("SELECT count(*) FROM audit.rejected_record") == ["10"])
        try await warehouse.run { $0.layers = [.bronze, .silver]; $0.acceptsRejects = true }
        #expect(
            try await warehouse.table() == """
                1 | 1 | d1..d2
                1 | 2 | d2..
                """)
        #expect(
            try await warehouse.rows("SELECT state, accept_rejects, nr_rejected FROM audit.raw_batch ORDER BY landed_at")
                == ["merged | false | 0", "merged | true | 10"])
        #expect(try await warehouse.rows("SELECT count(*) FROM audit.rejected_record") == ["10"])
    }

    @Test("personal data is not shown in the quarantine, and control characters are")
    func excerpts() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v int"))
        try await warehouse.load(#"{"id":1,"v":"a\nb\u001b[31m\#(String(repeating: "ä", count: 60))"}"#)
        let excerpt = try await warehouse.rows("SELECT excerpt FROM audit.rejected_record")
        #expect(excerpt.first?.contains("\u{1b}") == false)
        #expect((excerpt.first?.count ?? 0) < 90)
    }
}
