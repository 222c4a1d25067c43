import Foundation
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// What a schema change may lose is refused for its entity only, with the SQL that does it.
@Suite("Schema changes that are refused", .fewAtOnce)
struct SchemaRefusalStoriesTests {
    private static let other = "id int key, x text"

    private func warehouse(_ columns: String, _ records: String...) async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: columns), TestEntity("others", columns: SchemaRefusalStoriesTests.other))
        try warehouse.put([#"{"id":7,"x":"a"}"#], for: "others")
        try await warehouse.load(records)
        return warehouse
    }

    private func change(_ warehouse: TestWarehouse, _ columns: String) throws {
        try warehouse.change(
            TestEntity(columns: columns), TestEntity("others", columns: SchemaRefusalStoriesTests.other))
    }

    /// A run is refused for `things`, its sibling goes on; the answer is the reason.
    private func refusal(_ warehouse: TestWarehouse, _ record: String) async throws -> String {
        try warehouse.put([#"{"id":7,"x":"\#(record.utf8.count)"}"#], for: "others")
        let report = try await warehouse.load(record)
        #expect(report.status == .failed)
        #expect(
            try await warehouse.audit()
                == "raw failed schema\nbronze skipped upstream_failed\nsilver skipped upstream_failed")
        #expect(try await warehouse.audit("others").contains("silver 1: updated 1"))
        return report.steps.compactMap(\.error).first ?? ""
    }

    /// Runs the SQL that a refusal offers.
    private func obey(_ refusal: String, from start: String, in warehouse: TestWarehouse) async throws {
        let sql = try #require(refusal.range(of: start))
        try await warehouse.connection.executeScript(String(refusal[sql.lowerBound...]))
    }

    @Test("a narrower type is refused while the sibling runs; the SQL of the message does it")
    func narrowed() async throws {
        let warehouse = try await warehouse("id int key, n bigint", #"{"id":1,"n":1}"#)
        try await warehouse.connection.execute("CREATE VIEW public.mine AS SELECT n FROM silver.t_things_current")
        try change(warehouse, "id int key, n int")
        let reason = try await refusal(warehouse, #"{"id":1,"n":2}"#)
        #expect(
            reason.contains(
                "silver.t_things.n is bigint, the metadata says integer, which may not hold its values: give it a type that "
                    + #"does, or run: DROP VIEW "public"."mine", "silver"."t_things_current"; ALTER TABLE "#
                    + #""silver"."t_things" ALTER COLUMN "n" TYPE integer USING "n"::integer; CREATE VIEW "#),
            "\(reason)")
        try await obey(reason, from: "DROP VIEW", in: warehouse)
        try await warehouse.load(#"{"id":1,"n":2}"#)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..d3\n1 | 2 | d3..")
        expect(try await warehouse.rows("SELECT n FROM public.mine"), equals: ["2"])
    }

    @Test("a column that the metadata no longer names is refused; not stored any more, it stays")
    func removed() async throws {
        let warehouse = try await warehouse("id int key, v text nullable=false, n int", #"{"id":1,"v":"a","n":1}"#)
        try change(warehouse, "id int key, n int")
        let reason = try await refusal(warehouse, #"{"id":1,"v":"b","n":1}"#)
        #expect(
            reason.hasSuffix(
                "silver.t_things has column v, which the metadata does not name and which is NOT NULL, so that no row could "
                    + #"be inserted: name it with "stored": false to keep its past, or drop it: "#
                    + #"DROP VIEW "silver"."t_things_current"; ALTER TABLE "silver"."t_things" DROP COLUMN "v";"#),
            "\(reason)")
        try await obey(reason, from: "DROP VIEW", in: warehouse)
        try await warehouse.load(#"{"id":1,"v":"b","n":1}"#)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
    }

    @Test("another key is refused: the tables have to be built again")
    func key() async throws {
        let warehouse = try await warehouse("id int key, region text", #"{"id":1,"region":"a"}"#)
        try change(warehouse, "id int key, region text key")
        let reason = try await refusal(warehouse, #"{"id":1,"region":"b"}"#)
        #expect(
            reason.contains("the key of silver.t_things was id (/id), the metadata says id (/id), region (/region)"))
        #expect(reason.contains("medallion rebuild t.things --from raw"))
    }

    @Test("NOT NULL over rows, a shorter text and a column without a value for the past are refused with their SQL")
    func required() async throws {
        let warehouse = try await warehouse("id int key, v text, s string(9)", #"{"id":1,"v":"a","s":"b"}"#)
        try change(warehouse, "id int key, v text nullable=false, s string(3), w int nullable=false")
        let reason = try await refusal(warehouse, #"{"id":1,"v":"a","s":"bb","w":1}"#)
        for sql in [
            #"ALTER TABLE "silver"."t_things" ALTER COLUMN "v" SET NOT NULL;"#,
            #"ALTER TABLE "silver"."t_things" DROP CONSTRAINT "t_things_len3", ADD CONSTRAINT "t_things_len3" CHECK "#
                + #"( length("s") <= 3);"#,
            #"ALTER TABLE "silver"."t_things" ADD COLUMN "w" integer NOT NULL DEFAULT '…'; "#
                + #"ALTER TABLE "silver"."t_things" ALTER COLUMN "w" DROP DEFAULT;"#,
        ] {
            #expect(reason.contains(sql), "\(reason)")
            try await warehouse.connection.executeScript(sql.replacing("…", with: "0"))
        }
        try await warehouse.load(#"{"id":1,"v":"a","s":"bb","w":1}"#)
        expect(try await warehouse.table(), equals: "1 | a | b | 0 | d1..d3\n1 | a | bb | 1 | d3..")
    }

    @Test("a table of which no definitions are kept is hashed anew, and its new columns are filled")
    func unrecorded() async throws {
        let warehouse = try await warehouse("id int key, v text, n int", #"{"id":1,"v":"a","n":1,"w":2}"#)
        try await warehouse.connection.execute("DELETE FROM metadata.entity_shape")
        try change(warehouse, "id int key, v text, n int scd=1, w int")
        for _ in 1...2 { try await warehouse.load(#"{"id":1,"v":"a","n":1,"w":2}"#) }
        expect(try await warehouse.table(), equals: "1 | a | 1 | 2 | d1..")
    }

    @Test("an empty table takes what rows would forbid")
    func empty() async throws {
        let warehouse = try await warehouse("id int key, v text, s string(9)")
        try change(warehouse, "id int key, v text nullable=false, s string(3), w int nullable=false")
        try await warehouse.load(#"{"id":1,"v":"a","s":"bb","w":1}"#)
        expect(try await warehouse.table(), equals: "1 | a | bb | 1 | d2..")
    }

    @Test("what medallion cannot make again keeps the entity as it was, and is named")
    func materialized() async throws {
        let warehouse = try await warehouse("id int key, n int", #"{"id":1,"n":1}"#)
        try await warehouse.connection.execute(
            "CREATE MATERIALIZED VIEW public.sums AS SELECT sum(n) FROM silver.t_things")
        try change(warehouse, "id int key, n bigint, v text")
        let reason = try await refusal(warehouse, #"{"id":1,"n":2}"#)
        #expect(reason.contains("below the materialized view public.sums"), "\(reason)")
        try await warehouse.connection.execute("DROP MATERIALIZED VIEW public.sums")
        // A function that is bound to the view's row type is found only when the view is dropped.
        try await warehouse.connection.execute(
            """
            CREATE FUNCTION public.first() RETURNS silver.t_things_current LANGUAGE sql
            AS 'SELECT NULL::silver.t_things_current'
            """)
        let second = try await refusal(warehouse, #"{"id":1,"n":22}"#)
        #expect(second.contains("the tables of t.things cannot be changed") && second.contains("2BP01"), "\(second)")
        try await warehouse.connection.execute("DROP FUNCTION public.first()")
        try await warehouse.load(#"{"id":1,"n":3,"v":"a"}"#)
        expect(try await warehouse.table(), equals: "1 | 1 | NULL | d1..d4\n1 | 3 | a | d4..")
    }

    @Test("--no-ddl refuses with the SQL, and goes on once it was run; a comment is no reason to refuse")
    func withoutDDL() async throws {
        let warehouse = try await warehouse("id int key, v text", #"{"id":1,"v":"a","w":1}"#)
        try change(warehouse, "id int key, v text, w int")
        warehouse.clock.advance(seconds: 86_400)
        var sql = ""
        do {
            try await warehouse.run { $0.appliesDDL = false }
        } catch let error as UsageError {
            sql = error.description
        }
        #expect(sql.contains(#"ALTER TABLE "silver"."t_things" ADD COLUMN "w" integer;"#), "\(sql)")
        for statement in sql.split(separator: "\n", maxSplits: 1)[1].split(separator: ";\n") {
            try await warehouse.connection.executeScript(String(statement))
        }
        try change(warehouse, #"id int key, v text, w int description="weight""#)
        try await warehouse.run { $0.appliesDDL = false }
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
        try await warehouse.run()
        expect(
            try await warehouse.rows(
                "SELECT col_description('silver.t_things'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'silver.t_things'::regclass AND attname = 'w'"
            ),
            equals: ["weight"])
    }

    @Test("a renamed entity is refused with the steps, which lead on")
    func renamedEntity() async throws {
        let warehouse = try await warehouse("id int key, v string(5)", #"{"id":1,"v":"a"}"#)
        try warehouse.change(
            TestEntity("goods", columns: "id int key, v string(5)", #"{"renamed_from": "things"}"#),
            TestEntity("others", columns: SchemaRefusalStoriesTests.other))
        let report = try await warehouse.load(#"{"id":1,"v":"b"}"#)
        let reason = try #require(report.steps.compactMap(\.error).first)
        #expect(reason.contains("t.goods is the former t.things"), "\(reason)")
        #expect(try await warehouse.audit("others").contains("silver 0: nothing"))
        let raw = warehouse.folder.path(of: "raw/t")
        #expect(reason.contains("mv \(raw)/things \(raw)/goods"))
        try FileManager.default.moveItem(atPath: "\(raw)/things", toPath: "\(raw)/goods")
        let sql = try #require(reason.range(of: "one transaction: "))
        let end = try #require(reason.range(of: " Or leave renamed_from out"))
        try await warehouse.connection.executeScript(String(reason[sql.upperBound..<end.lowerBound]))
        try await warehouse.load(#"{"id":1,"v":"b"}"#)
        expect(try await warehouse.table("goods"), equals: "1 | a | d1..d3\n1 | b | d3..")
        expect(try await warehouse.rows("SELECT v FROM silver.t_goods_current"), equals: ["b"])
        expect(
            try await warehouse.rows("SELECT v FROM silver.t_goods_asof('2026-01-01T12:00:00Z')"), equals: ["a"])
        expect(
            try await warehouse.rows("SELECT count(*) FROM audit.raw_batch WHERE entity_name = 'goods'"), equals: ["2"])
        #expect(
            try await Deployment(workspace: warehouse.workspace).plan(for: warehouse.workspace.catalog.entities)
                .statements.isEmpty)
    }
}
