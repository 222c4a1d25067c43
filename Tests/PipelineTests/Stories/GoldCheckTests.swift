import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Checks of gold, and SELECTs of checks", .fewAtOnce)
struct GoldCheckTests {
    private let results: SQLText = """
        SELECT entity_name, check_name, passed, nr_violations, message FROM audit.v_last_check WHERE system_id = 'gold'
        ORDER BY check_name
        """

    @Test("a broken check keeps gold as it was, until data or check are mended", arguments: ["view", "table"])
    func gold(materialization: String) async throws {
        func things() throws -> TestEntity { try TestEntity(columns: "id int key, kind text") }
        func script(_ most: Int) -> String {
            """
            -- materialize: \(materialization)
            -- key: kind
            -- checks: [{"type": "range", "column": "nr", "max": \(most)},
            --   {"type": "references", "column": "nr", "references": "t.things.id", "severity": "warn"}]
            SELECT kind, count(*)::int AS nr FROM silver.t_things_current GROUP BY kind
            """
        }
        let warehouse = try await TestWarehouse(things())
        try warehouse.folder.write(script(1), to: "sql/gold/kinds.sql")
        let workspace = try warehouse.workspace(with: things())
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":7,"kind":"a"}"#])
        let first = try await warehouse.run(in: workspace)
        expect(first.map(\.status), equals: [.succeeded, .succeeded])
        let warning = "1 violation of references of nr to t.things.id (kind: a)"
        #expect(first.last?.steps.first?.warnings == ["check 'references_nr' warned: \(warning)"])
        expect(
            try await warehouse.rows(results),
            equals: ["kinds | range_nr | true | 0 | NULL", "kinds | references_nr | false | 1 | \(warning)"]
                .sorted())
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":7,"kind":"a"}"#, #"{"id":8,"kind":"a"}"#])
        let second = try await warehouse.run(in: workspace)
        expect(second.map(\.status), equals: [.succeeded, .failed])
        let error = second.last?.steps.first?.error ?? ""
        #expect(
            error.hasPrefix(
                "check 'range_nr' failed: 1 violation of range ..1 of nr (kind: a); gold.kinds stays as it was"),
            "\(error)")
        #expect(error.contains("sql/gold/kinds.sql"), "\(error)")
        if materialization == "table" { expect(try await warehouse.rows("TABLE gold.kinds"), equals: ["a | 1"]) }
        expect(
            try await warehouse.rows("SELECT status, error_kind FROM audit.v_entity_health WHERE system_id = 'gold'"),
            equals: ["failed | quality"])
        // Nothing is loaded: what failed is built again, under the mended check.
        try warehouse.folder.write(script(2), to: "sql/gold/kinds.sql")
        warehouse.clock.advance(seconds: 86_400)
        let third = try await warehouse.run(in: try warehouse.workspace(with: things()))
        expect(third.map(\.status), equals: [.succeeded, .succeeded])
        expect(try await warehouse.rows("TABLE gold.kinds"), equals: ["a | 2"])
        expect(
            try await warehouse.rows(results).first, equals: "kinds | range_nr | true | 0 | NULL")
    }

    @Test("a column that the result does not have is told as what it is")
    func unknownColumn() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try warehouse.folder.write(
            """
            -- checks: [{"type": "not_null", "column": "nothing"}, {"type": "min_rows", "min": 1}]
            SELECT id FROM silver.t_things_current
            """, to: "sql/gold/ids.sql")
        let workspace = try warehouse.workspace(with: TestEntity(columns: "id int key"))
        try warehouse.put([#"{"id":1}"#])
        expect(try await warehouse.run(in: workspace).map(\.status), equals: [.succeeded, .failed])
        expect(
            try await warehouse.rows(results),
            equals: [
                "ids | min_rows | true | 0 | NULL",
                #"ids | not_null_nothing | false | 0 | not_null of nothing cannot be evaluated: column "nothing" does not exist"#,
            ])
    }

    @Test(
        "a SELECT that is none, or reads what is not there, is refused with the metadata",
        arguments: [
            ("DELETE FROM {table}", "no SELECT, expected one SELECT whose rows are violations"),
            ("SELECT 1; SELECT 2", "2 statements, expected one SELECT"),
            ("SELEC 1", #"line 1, column 1: syntax error at or near "SELEC", expected SQL of PostgreSQL 15"#),
            (
                "WITH d AS (DELETE FROM {table} RETURNING 1) SELECT * FROM d",
                "DELETE, expected a SELECT that only reads"
            ),
            ("SELECT * FROM {table} FOR UPDATE", "FOR UPDATE or FOR SHARE, expected a SELECT that only reads"),
            (
                "SELECT * FROM t_things",
                "'t_things' has no schema, expected qualify it: silver.t_things; did you mean 'silver.t_things'?"
            ),
            (
                "SELECT * FROM silver.t_thing",
                "unknown silver table 'silver.t_thing', expected a table of the metadata; did you mean 'silver.t_things'?"
            ),
        ])
    func statements(sql: String, line: String) async throws {
        let error = await #expect(throws: MetadataError.self) {
            try await TestWarehouse(
                TestEntity(columns: "id int key", #"{"checks": [{"type": "sql", "sql": "\#(sql)"}]}"#))
        }
        let found = error?.problems.map(\.description)
        #expect(found == ["metadata/entities.json: entities[0].checks[0].sql: \(line)"], "\(found ?? [])")
    }
}
