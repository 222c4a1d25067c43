import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Metadata that changes under a history: each load twice, the second changes nothing.
@Suite("Schema change", .fewAtOnce)
struct SchemaChangeStoriesTests {
    private func warehouse(_ columns: String) async throws -> TestWarehouse {
        try await TestWarehouse(TestEntity(columns: columns))
    }

    /// Loads twice; the table is to be the same after both, and the second silver step to do nothing.
    private func loadTwice(
        _ warehouse: TestWarehouse, _ records: String..., finds table: String, silver: String,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        try await warehouse.load(records)
        expect(try await warehouse.table(), equals: table, sourceLocation: location)
        #expect(try await warehouse.audit().hasSuffix("silver \(silver)"), sourceLocation: location)
        let before = try await warehouse.rows("SELECT * FROM silver.t_things ORDER BY _key_hash, _valid_from")
        let changes = try await self.changes(warehouse)
        try await warehouse.load(records)
        let after = try await warehouse.rows("SELECT * FROM silver.t_things ORDER BY _key_hash, _valid_from")
        #expect(before == after, sourceLocation: location)
        #expect(try await self.changes(warehouse) == changes, sourceLocation: location)
    }

    private func changes(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows(
            """
            SELECT change, column_name, detail FROM audit.schema_change WHERE change <> 'created'
            ORDER BY recorded_at, change, column_name
            """)
    }

    @Test("a column is added: open rows get it from bronze, closed ones are NULL, and no version is made")
    func columnAdded() async throws {
        let warehouse = try await warehouse("id int key, v text")
        try await warehouse.load(#"{"id":1,"v":"a","w":10}"#, #"{"id":2,"v":"x","w":20}"#)
        try await warehouse.load(#"{"id":1,"v":"b","w":11}"#, #"{"id":2,"v":"x","w":20}"#)
        try warehouse.change(TestEntity(columns: "id int key, w int, v text, u text"))
        try await loadTwice(
            warehouse, #"{"id":1,"v":"b","w":11}"#, #"{"id":2,"v":"x","w":20}"#,
            finds: """
                1 | NULL | a | NULL | d1..d2
                1 | 11 | b | NULL | d2..
                2 | 20 | x | NULL | d1..
                """, silver: "0: nothing")
        expect(
            try await changes(warehouse),
            equals: [
                "field_appeared | w | kept in bronze; add a column to have it in silver",
                "column_added | u | text", "column_added | w | integer",
                "refilled | w, u | 2 open rows read again from their last documents and hashed anew, 2 of them changed",
            ])
        expect(
            try await warehouse.rows("SELECT * FROM silver.t_things_current ORDER BY id").map { $0.prefix(5) },
            equals: ["1 | b", "2 | x"])
        expect(
            try await warehouse.rows("SELECT id, w, u FROM silver.t_things_current ORDER BY id"),
            equals: ["1 | 11 | NULL", "2 | 20 | NULL"])
        expect(
            try await warehouse.rows(
                "SELECT id, w FROM silver.t_things_asof('2026-01-01T12:00:00Z') ORDER BY id"),
            equals: ["1 | NULL", "2 | 20"])
        // From now on the new column makes versions.
        try await loadTwice(
            warehouse, #"{"id":1,"v":"b","w":12}"#, #"{"id":2,"v":"x","w":20}"#,
            finds: """
                1 | NULL | a | NULL | d1..d2
                1 | 11 | b | NULL | d2..d5
                1 | 12 | b | NULL | d5..
                2 | 20 | x | NULL | d1..
                """, silver: "1: updated 1")
    }

    @Test("a path changes: open rows are read again; where no document has it yet, values stay")
    func pathChanged() async throws {
        let warehouse = try await warehouse("id int key, v text")
        try await warehouse.load(#"{"id":1,"v":"a","name":{"long":"A"}}"#, #"{"id":2,"v":"b"}"#)
        try warehouse.change(TestEntity(columns: "id int key, v text path=name.long"))
        try await loadTwice(
            warehouse, #"{"id":1,"v":"a","name":{"long":"A"}}"#, #"{"id":2,"v":"b"}"#,
            finds: """
                1 | A | d1..
                2 | NULL | d1..
                """, silver: "0: nothing")
        try warehouse.change(TestEntity(columns: "id int key, v text path=title"))
        try await loadTwice(
            warehouse, #"{"id":1,"title":"A"}"#, #"{"id":2}"#,
            finds: """
                1 | A | d1..
                2 | NULL | d1..
                """, silver: "2: unchanged 2")
        #expect(
            try await changes(warehouse).last
                == "refilled |  | 2 open rows hashed anew, 0 of them changed; no document has v at its new path, values kept"
        )
    }

    @Test("a default, null texts, trimming or a time zone change: open rows are read again")
    func readingChanged() async throws {
        let warehouse = try await warehouse("id int key, v text, at timestamptz")
        let record = #"{"id":1,"v":" - ","at":"2026-01-01T10:00:00"}"#
        try await warehouse.load(record)
        try warehouse.change(
            TestEntity(columns: #"id int key, v text trim null_values=["-"], at timestamptz timezone=Europe/Berlin"#))
        try await loadTwice(
            warehouse, record, finds: "1 | NULL | 2026-01-01 09:00:00+00 | d1..", silver: "0: nothing")
    }

    @Test("a column goes from 2 to 1: hashed anew in place, and then overwritten")
    func roleChanged() async throws {
        let warehouse = try await warehouse("id int key, v text, n int")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        try warehouse.change(TestEntity(columns: "id int key, v text, n int scd=1"))
        try await loadTwice(warehouse, #"{"id":1,"v":"a","n":1}"#, finds: "1 | a | 1 | d1..", silver: "0: nothing")
        try await loadTwice(warehouse, #"{"id":1,"v":"a","n":2}"#, finds: "1 | a | 2 | d1..", silver: "1: updated 1")
        expect(
            try await changes(warehouse),
            equals: ["refilled |  | 1 open rows hashed anew, 1 of them changed"])
    }

    @Test("an integer grows below views of users: they stand as before, with owner, grants and comments")
    func widened() async throws {
        let warehouse = try await warehouse("id int key, n int, p numeric(6,2), s string(3)")
        try await warehouse.load(#"{"id":1,"n":1,"p":1.5,"s":"abc"}"#)
        for sql in [
            "CREATE SCHEMA reports", "DROP ROLE IF EXISTS story_reader", "CREATE ROLE story_reader",
            "CREATE VIEW reports.sums AS SELECT id, n + 1 AS next FROM silver.t_things WHERE _is_current",
            "CREATE VIEW reports.top AS SELECT max(next) AS top FROM reports.sums",
            "CREATE VIEW reports.past AS SELECT n FROM silver.t_things_asof('2026-01-01T12:00:00Z')",
            "COMMENT ON VIEW reports.sums IS 'what is next'", "COMMENT ON COLUMN reports.sums.next IS 'one more'",
            "GRANT USAGE ON SCHEMA reports TO story_reader", "GRANT SELECT ON reports.top TO story_reader",
            "GRANT SELECT (next) ON reports.sums TO PUBLIC", "GRANT SELECT ON silver.t_things_current TO story_reader",
        ] { try await warehouse.connection.execute(SQLText(verbatim: sql)) }
        try warehouse.change(
            TestEntity(columns: "id bigint key, n bigint, p numeric(8,3), s string(5)"), rereads: true)
        let plan = try await Deployment(workspace: warehouse.workspace).plan(for: warehouse.workspace.catalog.entities)
        #expect(plan.changes.map(\.change.kind.rawValue).sorted().joined(separator: " ").contains("type_widened"))
        #expect(plan.statements.flatMap(\.sql).contains { $0.text.hasPrefix("DROP VIEW") })
        let big = #"{"id":1,"n":5000000000,"p":12345.125,"s":"abcde"}"#
        try await loadTwice(
            warehouse, big,
            finds: """
                1 | 1 | 1.500 | abc | d1..d2
                1 | 5000000000 | 12345.125 | abcde | d2..
                """, silver: "1: updated 1")
        expect(
            try await changes(warehouse),
            equals: [
                "length_widened | s | 3 to 5 characters", "type_widened | id | integer to bigint",
                "type_widened | n | integer to bigint", "type_widened | p | numeric(6,2) to numeric(8,3)",
            ])
        expect(
            try await warehouse.rows(
                """
                SELECT has_table_privilege('story_reader', 'reports.top', 'SELECT') AS top,
                    has_table_privilege('story_reader', 'silver.t_things_current', 'SELECT') AS current,
                    has_column_privilege('story_reader', 'reports.sums', 'next', 'SELECT') AS next,
                    has_table_privilege('story_reader', 'reports.sums', 'SELECT') AS sums,
                    obj_description('reports.sums'::regclass) AS view,
                    col_description('reports.sums'::regclass, 2) AS "column", (SELECT top FROM reports.top) AS value,
                    (SELECT n FROM reports.past) AS past
                """),
            equals: ["true | true | true | false | what is next | one more | 5000000001 | 1"])
        try await warehouse.connection.execute("DROP OWNED BY story_reader")
        try await warehouse.connection.execute("DROP ROLE story_reader")
    }

    @Test("a column is renamed: table, view and history follow; a view of a user goes on")
    func renamed() async throws {
        let warehouse = try await warehouse("id int key, v string(5), n int")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        try await warehouse.load(#"{"id":1,"v":"b","n":1}"#)
        try await warehouse.connection.execute("CREATE VIEW public.mine AS SELECT v FROM silver.t_things_current")
        try warehouse.change(
            TestEntity(columns: "id int key, a_title string(5) renamed_from=v path=v, n int"), rereads: true)
        try await loadTwice(
            warehouse, #"{"id":1,"v":"b","n":1}"#,
            finds: """
                1 | a | 1 | d1..d2
                1 | b | 1 | d2..
                """, silver: "0: nothing")
        expect(
            try await changes(warehouse),
            equals: [
                "column_renamed | a_title | was v", "refilled |  | 1 open rows hashed anew, 1 of them changed",
            ])
        expect(try await warehouse.rows("SELECT a_title FROM silver.t_things_current"), equals: ["b"])
        expect(try await warehouse.rows("SELECT v FROM public.mine"), equals: ["b"])
    }

    @Test("a column may be NULL now, and another is no longer stored")
    func nullable() async throws {
        let warehouse = try await warehouse("id int key, v text nullable=false, n int nullable=false")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        try warehouse.change(TestEntity(columns: "id int key, v text, n int stored=false"))
        try await loadTwice(warehouse, #"{"id":1,"v":"a","n":1}"#, finds: "1 | a | d1..", silver: "0: nothing")
        try await loadTwice(
            warehouse, #"{"id":1,"n":2}"#, finds: "1 | a | d1..d4\n1 | NULL | d4..", silver: "1: updated 1")
        expect(
            try await changes(warehouse),
            equals: [
                "not_null_dropped | n | stored no longer", "not_null_dropped | v | may be NULL now",
                "refilled |  | 1 open rows hashed anew, 1 of them changed",
            ])
    }

    @Test("a document does not fit the new definition: its row keeps its value, and the count is told")
    func unreadable() async throws {
        let warehouse = try await warehouse("id int key, v text")
        let records = [#"{"id":1,"v":"a","at":"2026-01-01"}"#, #"{"id":2,"v":"b","at":"soon"}"#]
        try await warehouse.load(records)
        try warehouse.change(
            TestEntity(columns: "id int key, v text, at date", #"{"max_reject_fraction": 1}"#))
        try await loadTwice(
            warehouse, records[0], records[1],
            finds: """
                1 | a | 2026-01-01 | d1..
                2 | b | NULL | d1..
                """, silver: "0: nothing")
        #expect(
            try await changes(warehouse).last
                == "refilled | at | 2 open rows read again from their last documents and hashed anew, 2 of them changed; "
                + "1 documents do not fit the new definitions, values kept")
    }

    @Test("whole numbers become numerics, a limit goes: hashed anew, no version")
    func otherNotation() async throws {
        let warehouse = try await warehouse("id int key, n int, s string(3)")
        try await warehouse.load(#"{"id":1,"n":10,"s":"abc"}"#)
        try warehouse.change(TestEntity(columns: "id int key, n numeric, s text"))
        try await loadTwice(
            warehouse, #"{"id":1,"n":10,"s":"abc"}"#, finds: "1 | 10 | abc | d1..", silver: "0: nothing")
        try await loadTwice(
            warehouse, #"{"id":1,"n":10.0,"s":"abc"}"#, finds: "1 | 10 | abc | d1..", silver: "1: unchanged 1")
        try await loadTwice(
            warehouse, #"{"id":1,"n":10.5,"s":"abcd"}"#, finds: "1 | 10 | abc | d1..d6\n1 | 10.5 | abcd | d6..",
            silver: "1: updated 1")
    }

    @Test(
        "every way of keeping the past fills a new column",
        arguments: [
            ("scd1", "1 | b | 2 | d1..", "1: updated 1"), ("latest", "1 | b | 2 | d1..", "1: updated 1"),
            ("append", "1 | a | 1 | d1..", "1: duplicate 1"),
        ])
    func modes(history: String, table: String, last: String) async throws {
        let attributes = #"{"history": "\#(history)", "bronze": {"doc": "json"}}"#
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text", attributes))
        try await warehouse.load(#"{"id":1,"v":"a","w":{"x":1}}"#)
        try await warehouse.load(#"{"id":1,"v":"b","w":{"x":2}}"#)
        #expect(try await warehouse.audit().hasSuffix("silver \(last)"))
        try warehouse.change(TestEntity(columns: "id int key, v text, w int path=w.x", attributes))
        try await loadTwice(warehouse, #"{"id":1,"v":"b","w":{"x":2}}"#, finds: table, silver: "0: nothing")
    }

    @Test("rows without a key are filled each from their own document, however many")
    func many() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "v text", #"{"history": "append"}"#))
        let records = (1...20_000).map {
            #"{"v":"a\#($0)","w":\#($0),"pad":"\#(String(repeating: "x", count: $0 % 97))"}"#
        }
        try await warehouse.load(records)
        try warehouse.change(TestEntity(columns: "v text, w int", #"{"history": "append"}"#))
        try await warehouse.load([])
        expect(
            try await warehouse.rows("SELECT count(*), count(*) FILTER (WHERE v = 'a' || w) FROM silver.t_things"),
            equals: ["20000 | 20000"])
    }

    @Test("what gold shows follows a refill")
    func gold() async throws {
        let warehouse = try await warehouse("id int key, v text")
        try warehouse.folder.write(
            "-- description: d\n-- materialize: table\nSELECT id, v FROM silver.t_things_current",
            to: "sql/gold/things.sql")
        try warehouse.change(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a","w":"b"}"#)
        expect(try await warehouse.rows("SELECT v FROM gold.things"), equals: ["a"])
        try warehouse.change(TestEntity(columns: "id int key, v text path=w"))
        try await warehouse.load(#"{"id":1,"v":"a","w":"b"}"#)
        expect(try await warehouse.rows("SELECT v FROM gold.things"), equals: ["b"])
    }

    @Test("a batch that waits in bronze is merged after the refill, and makes its versions")
    func waiting() async throws {
        let warehouse = try await warehouse("id int key, v text")
        try await warehouse.load(#"{"id":1,"v":"a","w":1}"#)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"a","w":2}"#])
        try await warehouse.run { $0.layers = [.raw, .bronze] }
        try warehouse.change(TestEntity(columns: "id int key, v text, w int"))
        try await warehouse.run { $0.layers = [.silver] }
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 1 | d1..d2
                1 | a | 2 | d2..
                """)
    }

    @Test("a new field of the source is reported once")
    func newField() async throws {
        let warehouse = try await warehouse("id int key")
        try await loadTwice(warehouse, #"{"id":1,"w":1}"#, finds: "1 | d1..", silver: "1: inserted 1")
        try await loadTwice(warehouse, #"{"id":1,"w":2}"#, finds: "1 | d1..", silver: "1: unchanged 1")
        expect(
            try await changes(warehouse),
            equals: ["field_appeared | w | kept in bronze; add a column to have it in silver"])
    }
}
