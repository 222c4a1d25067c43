import Postgres
import TestKit
import Testing

@testable import Pipeline

@Suite("Comments", .fewAtOnce)
struct CommentTests {
    /// Tables, views, functions and columns of a schema that say nothing about themselves.
    private func silent(in schema: String, columnsOf kinds: String, _ warehouse: TestWarehouse) async throws -> [String]
    {
        try await warehouse.rows(
            """
            SELECT c.relname || coalesce('.' || a.attname, '') AS name
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND c.relkind::text = ANY (string_to_array(\(kinds), ','))
            WHERE n.nspname = \(schema) AND c.relkind IN ('r', 'v') AND (obj_description(c.oid, 'pg_class') IS NULL
                OR a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL)
            UNION ALL SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname = \(schema) AND obj_description(p.oid, 'pg_proc') IS NULL
            ORDER BY 1
            """)
    }

    @Test("stand on every table, view, function and column, in audit, metadata, bronze, silver and gold")
    func everywhere() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text path=/a/b, w text description=Weight"))
        _ = try await Deployment(workspace: warehouse.workspace).deploy()
        for schema in ["audit", "metadata", "bronze"] {
            expect(try await silent(in: schema, columnsOf: "r", warehouse), equals: [], "\(schema)")
        }
        expect(try await silent(in: "silver", columnsOf: "r,v", warehouse), equals: [])
        expect(
            try await warehouse.rows(
                """
                SELECT c.relname, a.attname, col_description(c.oid, a.attnum) FROM pg_class c
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('v', 'w')
                WHERE c.relname LIKE 't\\_things%' AND c.relnamespace = 'silver'::regnamespace ORDER BY 1, 2
                """),
            equals: [
                "t_things | v | Field a.b of the source", "t_things | w | Weight",
                "t_things_current | v | Field a.b of the source", "t_things_current | w | Weight",
            ])
        expect(
            try await warehouse.rows(
                """
                SELECT obj_description('silver.t_things_current'::regclass) AS view,
                    obj_description('silver.t_things_asof(timestamptz)'::regprocedure) AS function
                """),
            equals: ["Things of a test – what is true now | Things of a test – what was true at an instant"])
    }
}
