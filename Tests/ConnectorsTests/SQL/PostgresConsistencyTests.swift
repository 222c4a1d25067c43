import ConnectorKit
import JSON
import Metadata
import Postgres
import TestKit
import Testing

@Suite("PostgreSQL as a source: one instant, in chunks, through failures")
struct PostgresConsistencyTests {
    @Test("chunks by a composite key lose no row: NULLs, equal keys, ends on and beside a border", arguments: 1...8)
    func chunks(_ rows: Int) async throws {
        let source = try await PostgresSource(
            """
            CREATE TABLE public.things (id int, a text, b numeric);
            INSERT INTO public.things VALUES (1, 'x', 1), (2, 'x', 2), (3, 'x', NULL), (4, 'x', NULL), (5, NULL, 1),
                (6, NULL, NULL), (7, NULL, NULL), (8, 'X', 2), (9, 'ä', 0.10), (10, '', -1)
            """)
        let landing = try await source.scene().land(
            #"{"table": "things", "chunk_rows": \#(rows)}"#, columns: "id bigint, a text key, b numeric key")
        #expect(try landing.ids() == (1...10).map(String.init).sorted())
        let some = try await source.scene().land(
            #"{"query": "SELECT * FROM things WHERE id > 3", "chunk_rows": \#(rows)}"#,
            columns: "id bigint, b numeric key, a text key")
        #expect(try some.ids() == (4...10).map(String.init).sorted())
    }

    @Test("all chunks see one instant while somebody writes")
    func snapshot() async throws {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int PRIMARY KEY, amount int NOT NULL)",
            "INSERT INTO public.things SELECT i, 100 FROM generate_series(1, 400) i")
        let scene = try source.scene()
        let writer = Task {
            var moved = 0
            while !Task.isCancelled {
                // From the front to the back, so that a reader without a snapshot would see the amount twice.
                try await source.connection.execute(
                    """
                    UPDATE public.things SET amount = amount + CASE id WHEN \(1 + moved % 50) THEN -1 ELSE 1 END
                    WHERE id IN (\(1 + moved % 50), \(400 - moved % 50))
                    """)
                moved += 1
            }
            return moved
        }
        for _ in 0..<5 {
            let landing = try await scene.land(#"{"table": "things", "chunk_rows": 7}"#)
            let amounts = landing.lines.compactMap { line in
                line.split(separator: ":").last.flatMap { Int($0.dropLast()) }
            }
            #expect(amounts.count == 400)
            #expect(amounts.reduce(0, +) == 40_000)
        }
        writer.cancel()
        // Cancelled in the middle of a statement is how it ends as a rule.
        do { #expect(try await writer.value > 0) } catch is CancellationError {}
    }

    @Test("a killed backend is a transient failure, and the next landing brings everything")
    func killed() async throws {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int)", "INSERT INTO public.things SELECT generate_series(1, 100)")
        let name = "killed-\(UInt32.random(in: 0...UInt32.max))"
        let scene = try source.scene(#", "application_name": "\#(name)""#)
        async let failure = scene.failure(
            #"{"query": "SELECT id, CASE WHEN id > 50 THEN pg_sleep(30)::text END AS nap FROM things"}"#)
        var killed = false
        while !killed {
            killed =
                try await source.connection.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = \(name) AND wait_event = 'PgSleep'
                    """
                ).count == 1
        }
        let text = await failure
        #expect(text.hasPrefix("connector transient: entity test.things, the query: "), "\(text)")
        #expect(try await scene.land(#"{"table": "things"}"#).ids().count == 100)
    }

    @Test("a statement that takes too long ends at the server, as a timeout")
    func timeout() async throws {
        let source = try await PostgresSource()
        let failure = await (try source.scene(#", "statement_timeout_s": 1"#)).failure(
            #"{"query": "SELECT 1 AS id, pg_sleep(30)::text AS nap"}"#)
        #expect(
            failure == "timeout: entity test.things, the query: a statement took longer than 1 s; raise "
                + "connection.statement_timeout_s, or set source.chunk_rows")
    }

    @Test("cancelled in the middle of a statement, a landing ends at once and its session with it")
    func cancelled() async throws {
        let source = try await PostgresSource()
        let name = "cancelled-\(UInt32.random(in: 0...UInt32.max))"
        let scene = try source.scene(#", "application_name": "\#(name)""#)
        let landing = Task { try await scene.land(#"{"query": "SELECT 1 AS id, pg_sleep(30)::text AS nap"}"#) }
        func sessions() async throws -> Int {
            try await source.connection.query(
                "SELECT pid FROM pg_stat_activity WHERE application_name = \(name) AND wait_event = 'PgSleep'"
            ).count
        }
        while try await sessions() == 0 {}
        landing.cancel()
        await #expect(throws: CancellationError.self) { try await landing.value }
        while try await sessions() > 0 {}
    }

    @Test("an unchanged table gives the same bytes, and none of its secrets are noted")
    func unchanged() async throws {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int, a text)",
            "INSERT INTO public.things SELECT i, i::text FROM generate_series(1, 50000) i")
        let scene = try source.scene(#", "password": {"secret": "db"}"#, secrets: ["db": "canary-7f3a9c51e2"])
        let first = try await scene.land(#"{"table": "things"}"#)
        #expect(try await scene.land(#"{"table": "things"}"#).files == first.files)
        #expect(!first.request.contains("canary"))
    }

    @Test("check tells version, user and rights; discover tells tables, keys, comments and a cursor")
    func catalogue() async throws {
        let source = try await PostgresSource(
            """
            CREATE SCHEMA sales; CREATE DOMAIN sales.money_amount AS numeric(12,2);
            CREATE TABLE sales."OrderLines" (line int, order_id bigint, amount sales.money_amount NOT NULL, note varchar(40),
                tags text[], changed timestamptz, updated_at timestamptz, PRIMARY KEY (order_id, line));
            COMMENT ON TABLE sales."OrderLines" IS 'Lines of orders';
            COMMENT ON COLUMN sales."OrderLines".note IS 'What they said';
            CREATE VIEW public.totals AS SELECT order_id, sum(amount) AS total FROM sales."OrderLines" GROUP BY 1
            """)
        let (connector, _) = try source.scene().make(#"{"table": "totals"}"#)
        let lines = try #require(try await connector.check())
        #expect(lines[0].hasPrefix("PostgreSQL ") && lines[0].hasSuffix(", unencrypted"), "\(lines)")
        #expect(lines[1] == "may read 2 of 2 tables and views")
        let found = try #require(try await connector.discover())
        #expect(found.map(\.name) == ["totals", "sales_order_lines"])
        #expect(found[0].source == .object([.init("table", .string("totals"))]))
        #expect(found[0].columns.map(\.type) == [.bigint, .numeric(precision: nil, scale: nil)])
        let lineEntity = found[1]
        #expect(lineEntity.source == .object([.init("table", .string("sales.OrderLines"))]))
        #expect(lineEntity.description == "Lines of orders")
        #expect(lineEntity.key == ["order_id", "line"])
        #expect(lineEntity.cursorColumn == DiscoveredCursor(column: "updated_at", confidence: .named))
        #expect(
            lineEntity.columns == [
                DiscoveredColumn(name: "line", type: .int, isNullable: false),
                DiscoveredColumn(name: "order_id", type: .bigint, isNullable: false),
                DiscoveredColumn(name: "amount", type: .numeric(precision: 12, scale: 2), isNullable: false),
                DiscoveredColumn(name: "note", type: .string(length: 40), description: "What they said"),
                DiscoveredColumn(name: "tags", type: .json), DiscoveredColumn(name: "changed", type: .timestamptz),
                DiscoveredColumn(name: "updated_at", type: .timestamptz),
            ])
    }
}
