import ConnectorKit
import Postgres
import Primitives
import TestKit
import Testing

@testable import Connectors

@Suite("PostgreSQL as a source")
struct PostgresConnectorTests {
    private static let stamped = "id bigint key, at timestamptz"
    private static let byTime = #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "at"}}"#

    @Test("a window is inclusive at both ends, and an instant is one whatever the session's zone")
    func window() async throws {
        let source = try await PostgresSource(
            """
            CREATE TABLE public.things (id int, at timestamptz);
            INSERT INTO public.things VALUES (1, '2026-01-01 00:00:00+00'), (2, '2026-01-01 01:00:00.000001+01'),
                (3, '2026-01-02 00:00:00+00'), (4, '2026-01-02 00:00:00.000001+00'), (5, NULL)
            """)
        let window = SQLScene.delta("2026-01-01T00:00:00.000001Z", until: Instant(microseconds: 1_767_312_000_000_000))
        let landing = try await source.scene().land(
            #"{"table": "things"}"#, window, columns: Self.stamped, Self.byTime)
        #expect(try landing.ids() == ["2", "3"])
        #expect(!landing.isUnfiltered)
        #expect(
            landing.request.contains(#"WHERE q."at" >= :lower AND q."at" <= :upper [from 2026-01-01T00:00:00.000001Z"#))
        let all = try await source.scene().land(#"{"table": "things"}"#, columns: Self.stamped, Self.byTime)
        #expect(try all.ids() == ["1", "2", "3", "4", "5"])
    }

    @Test("a clock time of unknown zone is let through from a day before on, for the pipeline to cut")
    func localTime() async throws {
        let source = try await PostgresSource(
            """
            CREATE TABLE public.things (id int, at timestamp);
            INSERT INTO public.things VALUES (1, '2026-01-01 11:00'), (2, '2026-01-03 11:00'), (3, '2099-01-01')
            """)
        let landing = try await source.scene().land(
            #"{"table": "things"}"#, SQLScene.delta("2026-01-03T12:00:00Z"), columns: Self.stamped, Self.byTime)
        #expect(try landing.ids() == ["2", "3"])
        #expect(landing.isUnfiltered)
    }

    @Test(
        "numbers and texts are cursors too, texts by their bytes",
        arguments: [
            ("bigint", "n", "7", ["7", "8"]), ("numeric", "m", "7.5", ["8"]), ("text", "t", "a", [#"7"#]),
        ])
    func otherCursors(_ type: String, _ column: String, _ from: String, _ expected: [String]) async throws {
        let source = try await PostgresSource(
            """
            CREATE TABLE public.things (id int, n bigint, m numeric, t text);
            INSERT INTO public.things VALUES (6, 6, 6.5, 'B'), (7, 7, 7.4, 'b'), (8, 8, 7.6, 'A')
            """)
        let landing = try await source.scene().land(
            #"{"table": "things"}"#, SQLScene.delta(from), columns: "id bigint key, \(column) \(type)",
            #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "\#(column)"}}"#)
        #expect(try landing.ids() == expected)
    }

    @Test("values of a query are bound: a name with quotes and a colon in a literal are no statement of ours")
    func bound() async throws {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int, at timestamptz)",
            "INSERT INTO public.things VALUES (1, '2026-01-01'), (2, '2026-02-01')")
        let query = #"""
            {"query": "SELECT id, ':from' AS literal, :entity AS entity, E'\\'' || :system AS system, $$ :x ; $$ AS d /* ; :y */ FROM things WHERE at >= :from AND at <= :until -- ;"}
            """#
        let scene = try source.scene()
        let landing = try await scene.land(
            query, SQLScene.delta("2026-01-15T00:00:00Z"), columns: Self.stamped, Self.byTime)
        #expect(landing.lines == [#"{"id":2,"literal":":from","entity":"things","system":"'test","d":" :x ; "}"#])
        #expect(try await scene.land(query, columns: Self.stamped, Self.byTime).ids() == ["1", "2"])
        let condition = #"{"table": "things", "where": "at < :until AND id = 1 OR at > :from"}"#
        #expect(try await scene.land(condition, columns: Self.stamped, Self.byTime).ids() == ["1", "2"])
    }

    @Test(
        "nothing can be changed",
        arguments: [
            (
                "WITH gone AS (DELETE FROM things RETURNING id) SELECT id FROM gone",
                "connector: entity test.things, the query: "
            ),
            ("SELECT nextval('numbers') AS id", "it changes data"),
            ("SELECT id FROM things; DELETE FROM things", "more than one statement"),
            ("SELECT id FROM things) TO STDOUT; DELETE FROM things; COPY (SELECT 1", "a ')' closes nothing"),
            ("DELETE FROM things RETURNING id", "is no query"),
            ("SELECT wipe() AS id", "it changes data"),
            ("SELECT set_config('transaction_read_only', 'off', false) AS id, (SELECT wipe())", "[25001]"),
            ("SELECT 1 AS id WHERE :form IS NULL", "there is no bound value ':form'; did you mean ':from'?"),
            ("SELECT id FROM things WHERE at > :from", ":from has no value: the entity has no cursor"),
            ("SELECT 'x AS id", "a quote is not closed"),
        ])
    func readOnly(_ query: String, _ reason: String) async throws {
        let source = try await PostgresSource(
            """
            CREATE TABLE public.things (id int, at timestamptz); INSERT INTO public.things VALUES (1, now());
            CREATE SEQUENCE public.numbers;
            CREATE FUNCTION public.wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM public.things RETURNING 1'
            """)
        let failure = await (try source.scene()).failure(#"{"query": "\#(query)"}"#)
        #expect(failure.contains(reason), "\(failure)")
        #expect(failure.hasPrefix("connector"))
        let rows = try await source.connection.query(
            "SELECT count(*), (SELECT is_called FROM public.numbers) FROM public.things")
        #expect(try rows[0].get(0, as: Int.self) == 1)
        #expect(try rows[0].get(1, as: Bool.self) == false)
    }

    @Test("names that are wrong come with the nearest right one")
    func nearest() async throws {
        let source = try await PostgresSource(
            "CREATE SCHEMA sales", "CREATE TABLE sales.orders (id int, updated_at timestamptz)")
        let scene = try source.scene()
        #expect(
            await scene.failure(#"{"table": "sales.order"}"#)
                == "connector: entity test.things, table sales.order: there is no table in schema 'sales' named 'order'; "
                + "did you mean 'orders'?")
        #expect(
            await scene.failure(#"{"table": "sale.orders"}"#)
                == "connector: entity test.things, table sale.orders: there is no schema with tables named 'sale'; "
                + "did you mean 'sales'?")
        #expect(
            await scene.failure(#"{"table": "sales.orders", "columns": ["id", "update_at"]}"#)
                .hasSuffix("there is no column 'update_at'; did you mean 'updated_at'?"))
        #expect(
            await scene.failure(
                #"{"table": "sales.orders"}"#, SQLScene.delta("2026-01-01T00:00:00Z"),
                columns: "id bigint key, updatd_at timestamptz",
                #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "updatd_at"}}"#
            )
            .hasSuffix("there is no cursor column 'updatd_at'; did you mean 'updated_at'?"))
        #expect(
            await scene.failure(#"{"table": "sales.orders", "where": "update_at > now()"}"#)
                == "connector: entity test.things, table sales.orders: column \"update_at\" does not exist [42703]; "
                + "Perhaps you meant to reference the column \"q.updated_at\".")
    }

    @Test("a refused login is of kind auth and names user, server and secret; a lost connection is transient")
    func refusals() async throws {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int)", "CREATE ROLE \"\(Self.role)\" LOGIN")
        let host = try source.json().replacing(/"user": "[^"]*"/, with: "\"user\": \"nobody\"")
        let scene = SQLScene(
            "postgres", host.dropLast() + #", "password": {"secret": "db_password"}}"#,
            secrets: ["db_password": "hunter2"])
        let failure = await scene.failure(#"{"table": "things"}"#)
        #expect(failure.hasPrefix("auth: entity test.things, table things: the server refused nobody@"), "\(failure)")
        #expect(failure.hasSuffix("check the user and the secret 'db_password'"))
        let other = try source.json().replacing(/"user": "[^"]*"/, with: "\"user\": \"\(Self.role)\"")
        let denied = await SQLScene("postgres", other).failure(#"{"table": "things"}"#)
        #expect(denied.hasPrefix("auth: ") || denied.contains("peer"), "\(denied)")
        let closed = SQLScene("postgres", #"{"port": 1, "host": "127.0.0.1", "database": "d", "user": "u"}"#)
        let unreachable = await closed.failure(#"{"table": "things"}"#)
        #expect(unreachable.hasPrefix("connector transient: entity test.things, table things: "), "\(unreachable)")
        #expect(unreachable.contains("127.0.0.1") && unreachable.contains("Connection refused"))
        try await source.connection.execute("DROP ROLE \(identifier: Self.role)")
    }

    private static let role = "reader_\(UInt32.random(in: 0...UInt32.max))"

    @Test(
        "a remote server must prove who it is, unless metadata say otherwise",
        arguments: [
            ("db.example.com", "verify-full"), ("127.evil.example", "verify-full"), ("10.0.0.1", "verify-full"),
            ("localhost.example", "verify-full"), ("127.0.0.1", "prefer"), ("::1", "prefer"),
            ("/run/postgresql", "prefer"),
        ])
    func protection(_ host: String, _ mode: String) { #expect(PostgresServer.protection(of: host) == mode) }
}
