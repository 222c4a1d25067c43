import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Checks after the merge", .fewAtOnce)
struct CheckStoriesTests {
    private let results: SQLText = """
        SELECT check_name, severity, passed, nr_violations, message FROM audit.check_result r
        JOIN audit.raw_batch b USING (run_id, system_id, entity_name) ORDER BY b.run_timestamp, check_name
        """

    @Test(
        "each type finds its violations, names them, and rolls the batch back",
        arguments: [
            (#"{"type": "not_null", "column": "v"}"#, "not_null_v", 1, "1 violation of not_null of v (id: 2)"),
            (
                #"{"type": "not_null", "columns": ["id", "v"]}"#, "not_null_id_v", 1,
                "1 violation of not_null of id, v (id: 2)"
            ),
            (#"{"type": "unique", "column": "w"}"#, "unique_w", 1, "1 violation of unique of w (w: b)"),
            (#"{"type": "unique", "columns": ["v", "w"]}"#, "unique_v_w", 0, ""),
            (#"{"type": "in", "column": "w", "values": ["a", "c"]}"#, "in_w", 2, "2 violations of in of w (id: 2; 3)"),
            (
                #"{"type": "range", "column": "v", "min": 2, "max": 3}"#, "range_v", 2,
                "2 violations of range 2..3 of v (id: 1; 3)"
            ),
            (#"{"type": "range", "column": "v", "max": 4}"#, "range_v", 0, ""),
            (#"{"type": "min_rows", "min": 5}"#, "min_rows", 2, "min_rows 5: 2 rows too few"),
            (#"{"type": "max_rows", "max": 1}"#, "max_rows", 2, "max_rows 1: 2 rows too many"),
            (
                #"{"type": "references", "column": "v", "references": "things.id"}"#, "references_v", 1,
                "1 violation of references of v to t.things.id (id: 3)"
            ),
            (
                #"{"type": "sql", "sql": "SELECT id, w FROM {table} WHERE w = 'b' ORDER BY id; -- so"}"#, "sql", 2,
                #"2 violations of sql ({"id":2,"w":"b"}; {"id":3,"w":"b"})"#
            ),
            (
                #"{"type": "sql", "name": "no_gap", "sql": "SELECT 1 FROM silver.t_things_current HAVING max(id) > count(*)"}"#,
                "no_gap", 0, ""
            ),
            (
                #"{"type": "sql", "sql": "SELECT nextval('s')"}"#, "sql", 0,
                #"sql cannot be evaluated: relation "s" does not exist"#
            ),
        ])
    func types(check: String, name: String, violations: Int, message: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int, w text", #"{"checks": [\#(check)]}"#))
        let report = try await warehouse.load(
            #"{"id":1,"v":1,"w":"a"}"#, #"{"id":2,"w":"b"}"#, #"{"id":3,"v":4,"w":"b"}"#)
        let passes = message.isEmpty
        expect(
            try await warehouse.rows(results),
            equals: ["\(name) | fail | \(passes) | \(violations) | \(passes ? "NULL" : message)"])
        #expect(report.status == (passes ? .succeeded : .failed))
        #expect(try await warehouse.table().isEmpty == !passes)
        let error = report.steps.first { $0.layer == .silver }?.error ?? ""
        #expect(passes || error.contains("check '\(name)' failed: \(message); nothing of the batch"), "\(error)")
    }

    @Test("a failing batch waits in bronze, is tried again, and is let through by an operator with those behind it")
    func waits() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int", #"{"checks": [{"type": "range", "column": "v", "min": 0}]}"#))
        try await warehouse.load(#"{"id":1,"v":1}"#)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
        expect(try await warehouse.load(#"{"id":1,"v":-1}"#).status, equals: .failed)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
        expect(
            try await warehouse.audit(),
            equals: """
                raw 1: inserted 1
                bronze 1: updated 1
                silver failed quality
                """)
        // What mends it is landed, and waits behind it.
        let third = try await warehouse.load(#"{"id":1,"v":3}"#)
        #expect(third.steps.first { $0.layer == .silver }?.error?.contains("--accept-checks") == true)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
        expect(
            try await warehouse.rows("SELECT state, accept_checks FROM audit.raw_batch ORDER BY run_timestamp"),
            equals: ["merged | false", "normalized | false", "normalized | false"])
        let accepted = try await warehouse.run {
            $0.layers = [.silver]; $0.acceptsChecks = true
        }
        #expect(
            accepted.steps.first?.warnings == [
                "check 'range_v' failed, accepted by an operator: 1 violation of range 0.. of v (id: 1)"
            ])
        let table = """
            1 | 1 | d1..d2
            1 | -1 | d2..d3
            1 | 3 | d3..
            """
        expect(try await warehouse.table(), equals: table)
        expect(
            try await warehouse.rows("SELECT state, accept_checks FROM audit.raw_batch ORDER BY run_timestamp"),
            equals: ["merged | false", "merged | true", "merged | false"])
        let found = [
            "range_v | fail | true | 0 | NULL",
            "range_v | fail | false | 1 | 1 violation of range 0.. of v (id: 1)",
            "range_v | fail | true | 0 | NULL",
        ]
        expect(try await warehouse.rows(results), equals: found)
        // The same once more changes nothing, and nothing is evaluated.
        expect(try await warehouse.load(#"{"id":1,"v":3}"#).status, equals: .succeeded)
        expect(try await warehouse.table(), equals: table)
        expect(try await warehouse.rows(results), equals: found)
    }

    @Test(
        "checks of an empty table hold, but for its number of rows",
        arguments: [
            #"{"type": "unique", "column": "v"}"#, #"{"type": "references", "column": "v", "references": "things.id"}"#,
            #"{"type": "not_null", "column": "v"}"#,
            #"{"type": "unique", "column": "v"}, {"type": "references", "column": "v", "references": "things.id"}"#,
        ])
    func empty(check: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int", #"{"checks": [\#(check)]}"#))
        expect(try await warehouse.load().status, equals: .succeeded)
        expect(try await warehouse.rows("SELECT DISTINCT passed FROM audit.check_result"), equals: ["true"])
    }

    @Test("a broken check of severity warn is told, and the batch is merged")
    func warns() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v int",
                #"{"checks": [{"type": "not_null", "column": "v", "severity": "warn"}, {"type": "min_rows", "min": 1}]}"#
            ))
        let report = try await warehouse.load(#"{"id":1}"#)
        #expect(report.status == .succeeded)
        #expect(report.steps.last?.warnings == ["check 'not_null_v' warned: 1 violation of not_null of v (id: 1)"])
        expect(try await warehouse.table(), equals: "1 | NULL | d1..")
        let doctor = try await Doctor(workspace: warehouse.workspace, isDeep: false).examine()
        #expect(doctor.contains { $0.level == .warn && $0.what == "check t.things.not_null_v" })
        expect(
            try await warehouse.rows(results),
            equals: [
                "min_rows | fail | true | 0 | NULL",
                "not_null_v | warn | false | 1 | 1 violation of not_null of v (id: 1)",
            ])
    }

    @Test("a check that is mended in the metadata lets the waiting batch through; an unchanged batch is checked anew")
    func mended() async throws {
        func entity(_ least: Int, _ severity: String = "fail") throws -> TestEntity {
            try TestEntity(
                columns: "id int key, v int",
                #"{"checks": [{"type": "range", "column": "v", "min": \#(least), "severity": "\#(severity)"}]}"#)
        }
        let warehouse = try await TestWarehouse(entity(5))
        expect(try await warehouse.load(#"{"id":1,"v":1}"#).status, equals: .failed)
        warehouse.clock.advance(seconds: 86_400)
        let mended = try warehouse.workspace(with: entity(0))
        expect(try await warehouse.run(in: mended) { $0.layers = [.silver] }.map(\.status), equals: [.succeeded])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
        // Stricter again: nothing changed but the check.
        warehouse.clock.advance(seconds: 86_400)
        let stricter = try warehouse.workspace(with: entity(2))
        expect(try await warehouse.run(in: stricter).map(\.status), equals: [.failed])
        warehouse.clock.advance(seconds: 86_400)
        let warning = try warehouse.workspace(with: entity(2, "warn"))
        expect(try await warehouse.run(in: warning) { $0.layers = [.silver] }.map(\.status), equals: [.succeeded])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
    }

    @Test("a SELECT of a check can write nothing, whatever it calls")
    func readOnly() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key",
                #"{"checks": [{"type": "sql", "severity": "warn", "sql": "SELECT public.evil() FROM {table} WHERE public.evil() > 0"}]}"#
            ))
        try await warehouse.connection.execute("CREATE TABLE public.trace (n int)")
        try await warehouse.connection.execute(
            """
            CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql VOLATILE AS
            'INSERT INTO public.trace VALUES (1) RETURNING n'
            """)
        let report = try await warehouse.load(#"{"id":1}"#)
        #expect(report.status == .succeeded)
        let warning = report.steps.last?.warnings.first ?? "none"
        #expect(warning.contains("cannot be evaluated: cannot execute INSERT in a read-only transaction"), "\(warning)")
        expect(try await warehouse.rows("SELECT count(*) FROM public.trace"), equals: ["0"])
        expect(try await warehouse.table(), equals: "1 | d1..")
    }
}
