import ConnectorKit
import JSON
import Metadata
import Foundation
import Glibc
import TestKit
import Testing

@Suite("SQLite as a source")
struct SQLiteConnectorTests {
    /// A database made by the sqlite3 of another program: Python's, which every Debian has.
    struct Database {
        let folder: TemporaryFolder
        var path: String { folder.path(of: "d.db") }

        init(_ statements: String) throws {
            folder = try TemporaryFolder()
            try run(statements)
        }

        func run(_ statements: String) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = [
                "-c",
                "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\nc.executescript(sys.argv[2])\nc.commit()\nc.close()",
                path, statements,
            ]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
        }

        var scene: SQLScene { SQLScene("sqlite", #"{"path": "\#(path)", "busy_timeout_s": 0.1}"#) }
    }

    @Test("values keep the type that they are stored with")
    func types() async throws {
        let database = try Database(
            """
            CREATE TABLE things (id INTEGER PRIMARY KEY, v);
            INSERT INTO things (v) VALUES (NULL), (-9223372036854775808), (9223372036854775807), (0.1), (1e300), (5e-324),
                (9e999), (-9e999), (''), ('a"b\\' || char(10, 1, 233, 128512)), ('2026-01-01 10:00:00'), (x''),
                (x'00ff10'), (x'00ff'), (1.0), (true), (char(0) || 'x')
            """)
        let values = [
            "null", "-9223372036854775808", "9223372036854775807", "0.1", "1e+300", "5e-324", #""Infinity""#,
            #""-Infinity""#, #""""#, #""a\"b\\\n\u0001é😀""#, #""2026-01-01 10:00:00""#, #""""#, #""AP8Q""#, #""AP8=""#,
            "1.0", "1", #""\u0000x""#,
        ]
        let lines = try await database.scene.land(#"{"table": "things"}"#).lines
        #expect(lines == values.enumerated().map { #"{"id":\#($0.offset + 1),"v":\#($0.element)}"# })
    }

    @Test("chunks by a composite key lose no row, whatever types and NULLs it holds", arguments: 1...8)
    func chunks(_ rows: Int) async throws {
        let database = try Database(
            """
            CREATE TABLE things (id INTEGER, a, b);
            INSERT INTO things VALUES (1, 'x', 1), (2, 'x', 2), (3, 'x', NULL), (4, 'x', NULL), (5, NULL, 1),
                (6, NULL, NULL), (7, NULL, NULL), (8, 10, 2.5), (9, x'00', 0.1), (10, '', -1)
            """)
        let landing = try await database.scene.land(
            #"{"table": "things", "chunk_rows": \#(rows)}"#, columns: "id bigint, a text key, b numeric key")
        #expect(try landing.ids() == (1...10).map(String.init).sorted())
    }

    @Test("a window is inclusive; texts of any ISO form are let through from a day before on")
    func window() async throws {
        let database = try Database(
            """
            CREATE TABLE things (id INTEGER, at TEXT, n INTEGER);
            INSERT INTO things VALUES (1, '2026-01-01', 1), (2, '2026-01-02 10:00:00', 2), (3, '2026-01-03T00:00:00Z', 3)
            """)
        let byTime = try await database.scene.land(
            #"{"table": "things"}"#, SQLScene.delta("2026-01-03T00:00:00.000000Z"),
            columns: "id bigint key, at timestamptz",
            #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "at"}}"#)
        #expect(try byTime.ids() == ["2", "3"])
        #expect(byTime.isUnfiltered)
        let byNumber = try await database.scene.land(
            #"{"table": "things"}"#, SQLScene.delta("2"), columns: "id bigint key, n bigint",
            #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "n"}}"#)
        #expect(try byNumber.ids() == ["2", "3"])
        #expect(!byNumber.isUnfiltered)
        let query =
            #"{"query": "SELECT * FROM things WHERE datetime(at) >= datetime(:from) AND datetime(at) <= datetime(:until)"}"#
        let byQuery = try await database.scene.land(
            query, SQLScene.delta("2026-01-02T10:00:00.000000Z"), columns: "id bigint key, at timestamptz",
            #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "at"}}"#)
        #expect(try byQuery.ids() == ["2", "3"])
    }

    @Test("a landing sees one state while somebody writes, and nothing of its own can be written")
    func consistency() async throws {
        let database = try Database(
            """
            PRAGMA journal_mode = WAL; CREATE TABLE things (id INTEGER PRIMARY KEY, amount INTEGER);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO things SELECT i, 5 FROM n
            """)
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        writer.arguments = [
            "-c",
            """
            import sqlite3, sys, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            i = 0
            end = time.time() + 60
            while time.time() < end:
                i += 1
                c.execute("UPDATE things SET amount = amount + CASE WHEN id < 10000 THEN -1 ELSE 1 END WHERE id IN (?, ?)", (1 + i % 100, 20000 - i % 100))
            """, database.path,
        ]
        try writer.run()
        // Not terminate(): a runner that ignores SIGTERM hands that down.
        defer { kill(writer.processIdentifier, SIGKILL) }
        for _ in 0..<3 {
            let lines = try await database.scene.land(#"{"table": "things", "chunk_rows": 500}"#).lines
            let amounts = lines.compactMap { $0.split(separator: ":").last.flatMap { Int($0.dropLast()) } }
            #expect(amounts.count == 20_000)
            #expect(amounts.reduce(0, +) == 100_000)
        }
    }

    @Test(
        "what is refused is said with its reason",
        arguments: [
            (
                #"{"table": "thing"}"#,
                "connector: entity test.things, table thing: there is no table 'thing'; did you mean 'things'?"
            ),
            (#"{"table": "things", "columns": ["ide"]}"#, "there is no column 'ide'; did you mean 'id'?"),
            (#"{"query": "DELETE FROM things RETURNING id"}"#, "source.query is no query"),
            (#"{"query": "WITH x AS (SELECT 1) DELETE FROM things RETURNING id"}"#, "near \"DELETE\": syntax error"),
            (#"{"query": "SELECT id FROM things; DROP TABLE things"}"#, "it is more than one statement"),
            (#"{"query": "SELECT id FROM things WHERE id = ?"}"#, "the statement has 1 parameters, not 0"),
            (#"{"query": "SELECT id FROM things WHERE idd = 1"}"#, "no such column: idd"),
            (#"{"query": "SELECT load_extension('x') AS id"}"#, "connector: "),
            (#"{"table": "things", "query": "SELECT 1"}"#, "source names a table and a query"),
            (#"{}"#, "source names neither a table nor a query"),
        ])
    func refused(_ source: String, _ reason: String) async throws {
        let database = try Database("CREATE TABLE things (id INTEGER); INSERT INTO things VALUES (1)")
        let failure = await database.scene.failure(source)
        #expect(failure.contains(reason), "\(failure)")
        #expect(try await database.scene.land(#"{"table": "Things"}"#).ids() == ["1"])
    }

    @Test("a file that is missing, no database, or locked")
    func files() async throws {
        let database = try Database("CREATE TABLE things (id INTEGER)")
        let missing = await SQLScene("sqlite", #"{"path": "\#(database.path)x"}"#).failure(#"{"table": "things"}"#)
        #expect(
            missing
                == "connector: entity test.things, table things: there is no file \(database.path)x; correct connection.path"
        )
        try database.folder.write(
            "no database, but long enough to be taken for one by its length" + String(repeating: ".", count: 600),
            to: "text")
        let text = await SQLScene("sqlite", #"{"path": "\#(database.folder.path(of: "text"))"}"#).failure(
            #"{"table": "things"}"#)
        #expect(text.hasPrefix("parse: ") && text.contains("file is not a database"), "\(text)")
        let locker = Process()
        let pipe = Pipe()
        locker.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        locker.arguments = [
            "-c",
            "import sqlite3,sys,time\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\nc.execute('BEGIN EXCLUSIVE')\nprint('locked',flush=True)\ntime.sleep(60)",
            database.path,
        ]
        locker.standardOutput = pipe
        try locker.run()
        _ = pipe.fileHandleForReading.availableData
        let locked = await database.scene.failure(#"{"table": "things"}"#)
        kill(locker.processIdentifier, SIGKILL)
        #expect(locked.hasPrefix("connector transient: ") && locked.contains("locked"), "\(locked)")
    }

    @Test("discover goes by what is declared and by what is stored")
    func catalogue() async throws {
        let database = try Database(
            """
            CREATE TABLE "Order Lines" (line INTEGER NOT NULL, "Order" TEXT, price DECIMAL(8,2), at DATETIME, loose TEXT,
                PRIMARY KEY ("Order", line)) WITHOUT ROWID;
            INSERT INTO "Order Lines" VALUES (1, 'a', 1.5, '2026-01-01', x'00');
            CREATE TABLE plain (id INTEGER PRIMARY KEY, updated_at TIMESTAMP)
            """)
        let (connector, _) = try database.scene.make(#"{"table": "plain"}"#)
        #expect(try await connector.check()?.last == "2 tables and views")
        let found = try #require(try await connector.discover())
        #expect(found.map(\.name) == ["order_lines", "plain"])
        #expect(found[0].key == ["order", "line"])
        #expect(found[0].source == .object([.init("table", .string("Order Lines"))]))
        #expect(
            found[0].columns.map(\.type) == [.bigint, .text, .numeric(precision: nil, scale: nil), .timestamp, .binary])
        #expect(found[0].columns[1].path == "/Order")
        #expect(found[1].columns.map(\.isNullable) == [false, true])
        #expect(found[1].cursorColumn == DiscoveredCursor(column: "updated_at", confidence: .named))
    }

    @Test("discover gives every column a name of its own, and a table with a quote in its name can be landed")
    func awkwardNames() async throws {
        let database = try Database(
            """
            CREATE TABLE "a""b" (id INTEGER, "user id" TEXT, user_id TEXT, xmin REAL, PRIMARY KEY (user_id, xmin));
            INSERT INTO "a""b" VALUES (1, 'x', 'y', 0.5)
            """)
        let (connector, _) = try database.scene.make(#"{"table": "plain"}"#)
        let found = try #require(try await connector.discover()?.first)
        #expect(found.columns.map(\.name) == ["id", "user_id", "user_id_2", "xmin_2"])
        #expect(found.columns.map(\.path) == [nil, "/user id", "/user_id", "/xmin"])
        #expect(found.key == ["user_id_2", "xmin_2"])
        let lines = try await database.scene.land(found.source.text()).lines
        #expect(lines == [#"{"id":1,"user id":"x","user_id":"y","xmin":0.5}"#])
    }
}
