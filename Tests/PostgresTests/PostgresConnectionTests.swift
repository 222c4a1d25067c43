import Postgres
import Primitives
import TestKit
import Testing

@Suite("A connection")
struct PostgresConnectionTests {
    @Test("to no server is refused with a transient error that says where")
    func noServer() async throws {
        let configuration = PostgresConfiguration(socketFolder: "/nonexistent", user: "me", database: "shop")
        let error = await postgresError {
            _ = try await PostgresConnection.connect(configuration, applicationName: "t")
        }
        #expect(error?.kind == .connection)
        #expect(error?.isTransient == true)
        #expect(error?.description.contains("postgresql:///shop?host=/nonexistent") == true)
        #expect(error?.description.contains("\n") == false)
    }

    @Test("to a closed port is refused, and does not name the password")
    func closedPort() async throws {
        let configuration = try PostgresConfiguration(url: "postgresql://me:hunter2@127.0.0.1:1/shop")
        let error = await postgresError {
            _ = try await PostgresConnection.connect(configuration, applicationName: "t")
        }
        #expect(error?.kind == .connection)
        #expect(error.map { "\($0) \($0.debugDescription)".contains("hunter2") } == false)
    }

    @Test("to a missing database fails at once with the server's code and a hint")
    func missingDatabase() async throws {
        let configuration = try await TestCluster.shared.database().database("no_such_database")
        let error = await postgresError {
            _ = try await PostgresConnection.connect(configuration, applicationName: "t")
        }
        #expect(error?.sqlState == "3D000")
        #expect(error?.isTransient == false)
        #expect(error?.hint == "create the database, or correct its name in the database URL")
        #expect(error?.description.contains("LOCATION") == false)
    }

    @Test("reports bad SQL with code, statement and one line")
    func badSQL() async throws {
        try await withDatabase { connection async throws in
            let error = await postgresError { try await connection.query("SELEC 1,\n   \(2)") }
            #expect(error?.sqlState == "42601")
            #expect(error?.statement == "SELEC 1, $1")
            #expect(error?.description == "syntax error at or near \"SELEC\" [42601] in: SELEC 1, $1")
            let one: Int = try await connection.query("SELECT 1")[0].get(0)
            #expect(one == 1)
        }
    }

    @Test("keeps values that the server quotes out of the description")
    func valuesStayOut() async throws {
        try await withDatabase { connection async throws in
            let cast = await postgresError { try await connection.query("SELECT \("hunter2")::int") }
            #expect(cast?.sqlState == "22P02")
            #expect(cast?.description.contains("hunter2") == false)
            #expect(cast?.debugDescription.contains("hunter2") == true)
            try await connection.execute("CREATE TEMP TABLE t (a text CONSTRAINT t_key UNIQUE)")
            try await connection.execute("INSERT INTO t VALUES ('hunter2')")
            let duplicate = await postgresError { try await connection.execute("INSERT INTO t VALUES (\("hunter2"))") }
            #expect(duplicate?.sqlState == "23505")
            #expect(duplicate?.description.contains("t_key") == true)
            #expect(duplicate?.description.contains("hunter2") == false)
        }
    }

    @Test("tells NULL from the empty string, and both from another type")
    func nullAndEmpty() async throws {
        try await withDatabase { connection async throws in
            let sql: SQLText =
                "SELECT NULL::text AS nothing, '' AS empty, \(nil as String?) AS bound, \("") AS bound_empty"
            let row = try await connection.query(sql)[0]
            let texts: [String?] = try ["nothing", "empty", "bound", "bound_empty"].map { try row.get($0) }
            #expect(texts == [nil, "", nil, ""])
            #expect(await postgresError { let _: String = try row.get("nothing") }?.kind == .usage)
            #expect(await postgresError { let _: Int = try row.get("empty") }?.kind == .usage)
            let missing = await postgresError { let _: Int = try row.get("emty") }
            #expect(missing?.description.contains("nothing, empty, bound, bound_empty") == true)
            #expect(await postgresError { let _: Int = try row.get(9) }?.kind == .usage)
        }
    }

    @Test("carries a cell of a megabyte both ways")
    func largeCell() async throws {
        try await withDatabase { connection async throws in
            let text = String(repeating: "äöü1234567", count: 80_000)
            let bytes = [UInt8]((0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            let row = try await connection.query(
                "SELECT \(text) AS text, \(bytes) AS bytes, octet_length(\(text)) AS n")[0]
            #expect(try row.get("text") == text)
            #expect(try row.get("bytes") == bytes)
            #expect(try row.get("n") == text.utf8.count)
        }
    }

    @Test("counts the rows that a statement touched")
    func affectedRows() async throws {
        try await withDatabase { connection async throws in
            #expect(try await connection.execute("CREATE TEMP TABLE t (a int)") == 0)
            #expect(try await connection.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5)
            #expect(try await connection.execute("UPDATE t SET a = 0 WHERE a > \(2)") == 3)
            #expect(try await connection.query("SELECT a FROM t").count == 5)
            #expect(try await connection.query("SELECT a FROM t WHERE false").isEmpty)
        }
    }

    @Test("starts with settings that no role or database default changes")
    func sessionSettings() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { connection in
            for setting in [
                "TimeZone TO 'Asia/Tokyo'", "DateStyle TO 'German'", "search_path TO public",
                "bytea_output TO 'escape'",
            ] {
                try await connection.execute(
                    "ALTER DATABASE \(identifier: configuration.database ?? "") SET \(verbatim: setting)")
            }
        }
        try await withConnection(to: configuration) { connection in
            let row = try await connection.query(
                "SELECT current_setting('TimeZone') AS zone, current_setting('search_path') AS path, now()::text AS now"
            )[0]
            #expect(try row.get("zone") == "UTC")
            // A statement ends whose client was killed: the next run would wait for it.
            #expect(try await connection.query("SHOW client_connection_check_interval")[0].get(0) == "5s")
            #expect(try row.get("path") == "")
            #expect(try row.get("now", as: String.self).hasSuffix("+00"))
            #expect(try await connection.query("SELECT '\\x00ff'::bytea")[0].get(0) == [0, 255] as [UInt8])
        }
    }

    @Test("runs a script of several statements, and refuses NUL and COPY in plain statements")
    func scripts() async throws {
        try await withDatabase { connection async throws in
            try await connection.executeScript("CREATE TABLE public.a (x int); INSERT INTO public.a VALUES (1), (2);")
            #expect(try await connection.query("SELECT * FROM public.a").count == 2)
            let failing = await postgresError {
                try await connection.executeScript("INSERT INTO public.a VALUES (3); SELECT 1/0;")
            }
            #expect(failing?.sqlState == "22012")
            #expect(try await connection.query("SELECT * FROM public.a").count == 2)
            #expect(await postgresError { try await connection.execute("SELECT 'a\0b'") }?.kind == .usage)
            #expect(await postgresError { try await connection.execute("COPY public.a FROM STDIN") }?.kind == .usage)
        }
    }

    @Test("refuses more parameters than the protocol can carry")
    func tooManyParameters() async throws {
        try await withDatabase { connection async throws in
            let list = (0...65_535).map { "\($0)" as SQLText }.joined(separator: ",")
            let error = await postgresError { try await connection.query("SELECT \(fragment: list)") }
            #expect(error?.kind == .usage)
        }
    }

    @Test("is unusable once it is closed, and says so")
    func closed() async throws {
        let connection = try await PostgresConnection.connect(
            try await TestCluster.shared.database(), applicationName: "t")
        #expect(await connection.isUsable)
        #expect(await connection.backendPID > 0)
        await connection.close()
        await connection.close()
        #expect(await connection.isUsable == false)
        #expect(await postgresError { try await connection.query("SELECT 1") }?.kind == .connection)
    }

    @Test("whose server process is ended in the middle of a statement reports a transient error")
    func terminated() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { victim in
            let pid = await victim.backendPID
            async let sleeping = postgresError { try await victim.query("SELECT pg_sleep(30)") }
            try await withConnection(to: configuration) { killer in
                _ = try await eventually {
                    let active = try await killer.query(
                        "SELECT 1 FROM pg_stat_activity WHERE pid = \(pid) AND query ~ 'pg_sleep' AND state = 'active'")
                    return !active.isEmpty
                }
                try await killer.execute("SELECT pg_terminate_backend(\(pid))")
            }
            let error = await sleeping
            #expect(error?.sqlState == "57P01")
            #expect(error?.isTransient == true)
            #expect(await victim.isUsable == false)
            #expect(await postgresError { try await victim.query("SELECT 1") }?.kind == .connection)
        }
    }

    @Test("that was idle when its server process ended is found unusable without a statement")
    func terminatedWhileIdle() async throws {
        let configuration = try await TestCluster.shared.database()
        try await withConnection(to: configuration) { victim in
            let pid = await victim.backendPID
            try await withConnection(to: configuration) { killer in
                try await killer.execute("SELECT pg_terminate_backend(\(pid))")
            }
            #expect(try await eventually { await !victim.isUsable })
        }
    }
}
