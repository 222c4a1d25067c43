#if MySQL
    import ConnectorKit
    import JSON
    import MariaDB
    import Metadata
    import Primitives
    import TestKit
    import Testing

    @Suite("MariaDB as a source")
    struct MySQLConnectorTests {
        struct Case: Sendable {
            var type: String
            var literal: String
            var json: String
            init(_ type: String, _ literal: String, _ json: String) {
                (self.type, self.literal, self.json) = (type, literal, json)
            }
        }

        static let cases = [
            Case("TINYINT", "-128", "-128"), Case("BIGINT", "-9223372036854775808", "-9223372036854775808"),
            Case("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
            Case("INT UNSIGNED", "4294967295", "4294967295"),
            Case(
                "DECIMAL(40,20)", "12345678901234567890.12345678901234567890",
                "12345678901234567890.12345678901234567890"),
            Case("DECIMAL(9,2)", "-0.10", "-0.10"), Case("DECIMAL(6,2) ZEROFILL", "1.5", "1.50"),
            Case("FLOAT", "16777216", "16777216.0"), Case("FLOAT", "1.1", "1.1"), Case("DOUBLE", "0.1", "0.1"),
            Case("DOUBLE", "5e-324", "5e-324"), Case("DOUBLE", "1.7976931348623157e308", "1.7976931348623157e+308"),
            Case("BIT(10)", "b'1000000001'", "513"), Case("BOOLEAN", "TRUE", "1"), Case("YEAR", "2026", "2026"),
            Case("DATE", "'2024-02-29'", #""2024-02-29""#), Case("DATE", "'0000-00-00'", "null"),
            Case("DATE", "'2026-00-10'", #""2026-00-10""#),
            Case("DATETIME(6)", "'2026-11-21 02:40:42.123456'", #""2026-11-21T02:40:42.123456""#),
            Case("DATETIME", "'1000-01-01 00:00:00'", #""1000-01-01T00:00:00""#),
            Case("DATETIME", "'0000-00-00 00:00:00'", "null"),
            Case("TIMESTAMP(3) NULL", "'2026-11-21 02:40:42.120'", #""2026-11-21T02:40:42.120Z""#),
            Case("TIME(2)", "'-838:59:58.50'", #""-838:59:58.50""#),
            Case("VARCHAR(20) CHARACTER SET latin1", "'é\"\\\\'", #""é\"\\""#), Case("TEXT", "''", #""""#),
            Case("VARCHAR(20)", "'😀\\n'", #""😀\n""#), Case("CHAR(5)", "'x'", #""x""#),
            Case("ENUM('a','b')", "'b'", #""b""#), Case("SET('a','b')", "'a,b'", #""a,b""#),
            Case("VARBINARY(9)", "x'00ff10'", #""AP8Q""#), Case("BLOB", "x'00ff'", #""AP8=""#),
            Case("BINARY(3)", "x'01'", #""AQAA""#), Case("JSON", "'{\"a\":\\n 1.10}'", #"{"a":  1.10}"#),
            Case("INET6", "'::1'", #""::1""#),
            Case("UUID", "'00112233-4455-6677-8899-aabbccddeeff'", #""00112233-4455-6677-8899-aabbccddeeff""#),
        ]

        @Test("the table of types, NULL beside each value, and a cell that is longer than any buffer")
        func types() async throws {
            let columns = Self.cases.indices.map { "c\($0) \(Self.cases[$0].type)" }.joined(separator: ", ")
            let values = Self.cases.map(\.literal).joined(separator: ", ")
            let source = try await MySQLSource(
                "SET sql_mode = '', time_zone = '+00:00'", "CREATE TABLE things (id BIGINT, \(columns), big LONGTEXT)",
                "INSERT INTO things VALUES (1, \(values), repeat('ä', 1000000))", "INSERT INTO things (id) VALUES (2)")
            let lines = try await source.scene().land(#"{"table": "things"}"#).lines
            let expected = Self.cases.enumerated().map { #","c\#($0.offset)":\#($0.element.json)"# }.joined()
            let nulls = Self.cases.indices.map { #","c\#($0)":null"# }.joined()
            #expect(lines.first == #"{"id":1\#(expected),"big":"\#(String(repeating: "ä", count: 1_000_000))"}"#)
            #expect(lines.last == #"{"id":2\#(nulls),"big":null}"#)
            let zero = try await source.scene(#", "zero_dates": "text""#).land(
                #"{"query": "SELECT id, c16 FROM things WHERE id = 1"}"#)
            #expect(zero.lines == [#"{"id":1,"c16":"0000-00-00"}"#])
        }

        @Test("chunks by a composite key lose no row: NULLs, equal keys, keys that differ in case", arguments: 1...8)
        func chunks(_ rows: Int) async throws {
            let source = try await MySQLSource(
                "CREATE TABLE things (id INT, a VARCHAR(9), b DECIMAL(30,10), c BIGINT UNSIGNED NOT NULL)",
                """
                INSERT INTO things VALUES (1, 'x', 1, 1), (2, 'x', 2, 1), (3, 'x', NULL, 18446744073709551615),
                    (4, 'x', NULL, 18446744073709551614), (5, NULL, 1, 1), (6, NULL, NULL, 1), (7, NULL, NULL, 1),
                    (8, 'X', 2, 1), (9, 'ä', 0.1, 1), (10, '', -1, 1)
                """)
            let landing = try await source.scene().land(
                #"{"table": "things", "chunk_rows": \#(rows)}"#,
                columns: "id bigint, a text key, b numeric key, c numeric key")
            #expect(try landing.ids() == (1...10).map(String.init).sorted())
        }

        @Test("a window is inclusive at both ends; clock times are let through from a day before on")
        func window() async throws {
            let source = try await MySQLSource(
                "SET time_zone = '+00:00'",
                "CREATE TABLE things (id INT, at TIMESTAMP(6) NULL, local DATETIME, t VARCHAR(9))",
                """
                INSERT INTO things VALUES (1, '2026-01-01 00:00:00', '2026-01-01', 'B'),
                    (2, '2026-01-01 00:00:00.000001', '2026-01-02 12:00:00', 'b'),
                    (3, '2026-01-02 00:00:00', '2026-01-03', 'A'), (4, '2026-01-02 00:00:00.000001', '2026-01-04', 'a')
                """)
            func land(_ cursor: String, _ type: String, _ from: String) async throws -> SQLScene.Landing {
                try await source.scene().land(
                    #"{"table": "things"}"#,
                    SQLScene.delta(from, until: Instant(microseconds: 1_767_312_000_000_000)),
                    columns: "id bigint key, \(cursor) \(type)",
                    #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "\#(cursor)"}}"#)
            }
            let instants = try await land("at", "timestamptz", "2026-01-01T00:00:00.000001Z")
            #expect(try instants.ids() == ["2", "3"])
            #expect(!instants.isUnfiltered)
            let locals = try await land("local", "timestamptz", "2026-01-03T06:00:00Z")
            #expect(try locals.ids() == ["2", "3", "4"])
            #expect(locals.isUnfiltered)
            #expect(try await land("t", "text", "a").ids() == ["2", "4"])
            let query =
                #"{"query": "SELECT *, ':from;' AS x /* :y */ FROM things WHERE at >= :from AND at <= :until # :z"}"#
            let full = try await source.scene().land(
                query, columns: "id bigint key, at timestamptz",
                #"{"load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "at"}}"#)
            #expect(try full.ids() == ["1", "2", "3", "4"])
        }

        @Test(
            "nothing can be changed, and what is wrong is said",
            arguments: [
                (#"{"query": "SELECT wipe() AS id"}"#, "it changes data"),
                (#"{"query": "SELECT 1 AS id; DELETE FROM things"}"#, "more than one statement"),
                (#"{"query": "SELECT 1 AS id /*! , 2 AS x */"}"#, "is code to the server"),
                (#"{"query": "SELECT id FROM things INTO OUTFILE '/tmp/medallion-out'"}"#, "error in your SQL syntax"),
                (#"{"query": "SELECT id FROM things WHERE id = ?"}"#, "the statement has 1 parameters, not 0"),
                (#"{"table": "thing"}"#, "did you mean 'things'?"),
                (#"{"table": "tset.things"}"#, "there is no database 'tset'"),
                (#"{"table": "things", "columns": ["ide"]}"#, "there is no column 'ide'; did you mean 'id'?"),
                (#"{"table": "things", "where": "ide = 1"}"#, "Unknown column 'ide'"),
            ])
        func refused(_ query: String, _ reason: String) async throws {
            let source = try await MySQLSource(
                "CREATE TABLE things (id INT)", "INSERT INTO things VALUES (1)",
                "CREATE FUNCTION wipe() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM things; RETURN 1; END")
            let failure = await source.scene().failure(query)
            #expect(failure.hasPrefix("connector: ") && failure.contains(reason), "\(failure)")
            #expect(try await source.scene().land(#"{"table": "things"}"#).ids() == ["1"])
        }

        @Test("a refused login, no TLS where it must be, a dead server, a killed session, a slow statement, a cancel")
        func failures() async throws {
            let source = try await MySQLSource("CREATE TABLE things (id INT)", "INSERT INTO things VALUES (1), (2)")
            let table = #"{"table": "things"}"#
            let login = await source.scene(
                #", "password": {"secret": "db"}"#, user: "nobody", secrets: ["db": "canary-7f3a9c51e2"]
            ).failure(table)
            #expect(login.hasPrefix("auth: entity test.things, table things: the server refused nobody@"), "\(login)")
            #expect(login.contains("the secret 'db'") && !login.contains("canary"))
            let open = await source.scene(#", "tls": "verify-full""#).failure(table)
            #expect(open.contains("SSL") || open.contains("TLS"), "\(open)")
            let gone = await SQLScene("mysql", #"{"port": 1, "database": "d", "user": "u"}"#).failure(table)
            #expect(gone.hasPrefix("connector transient: "), "\(gone)")
            let nap = #"{"query": "SELECT id, sleep(20) AS nap FROM things"}"#
            let slow = await source.scene(#", "statement_timeout_s": 1"#).failure(nap)
            #expect(slow.hasPrefix("timeout: "), "\(slow)")
            async let killed = source.scene().failure(nap)
            var id: UInt64?
            while id == nil {
                let found = try await source.session.query(
                    "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE db = ? AND state = 'User sleep'",
                    [.text(Array(source.name.utf8))])
                if case .unsigned(let number)? = found.first?[0] { id = number }
                if case .integer(let number)? = found.first?[0] { id = UInt64(number) }
            }
            try await source.session.execute("KILL \(id ?? 0)")
            let text = await killed
            #expect(text.hasPrefix("connector transient: entity test.things, the query: "), "\(text)")
            #expect(try await source.scene().land(table).ids() == ["1", "2"])
            let landing = Task { try await source.scene().land(nap) }
            try await Task.sleep(for: .milliseconds(200))
            landing.cancel()
            await #expect(throws: CancellationError.self) { try await landing.value }
        }

        @Test("all chunks see one instant while somebody writes")
        func snapshot() async throws {
            let source = try await MySQLSource(
                "CREATE TABLE things (id INT PRIMARY KEY, amount INT NOT NULL)",
                "INSERT INTO things SELECT seq, 100 FROM seq_1_to_400")
            let scene = source.scene()
            let writer = Task {
                var moved = 0
                while !Task.isCancelled {
                    try await source.session.execute(
                        """
                        UPDATE things SET amount = amount + IF(id < 200, -1, 1) WHERE id IN (\(1 + moved % 50), \(400 - moved % 50))
                        """)
                    moved += 1
                }
                return moved
            }
            for _ in 0..<5 {
                let landing = try await scene.land(#"{"table": "things", "chunk_rows": 7}"#)
                let amounts = landing.lines.compactMap { $0.split(separator: ":").last.flatMap { Int($0.dropLast()) } }
                #expect(amounts.count == 400)
                #expect(amounts.reduce(0, +) == 40_000)
            }
            writer.cancel()
            do { #expect(try await writer.value > 0) } catch is CancellationError {}
        }

        @Test("check and discover")
        func catalogue() async throws {
            let source = try await MySQLSource(
                """
                CREATE TABLE OrderLines (line INT NOT NULL, order_id BIGINT UNSIGNED NOT NULL, amount DECIMAL(12,2) COMMENT 'net',
                    doc BLOB, at DATETIME, updated_at TIMESTAMP NULL, PRIMARY KEY (order_id, line)) COMMENT 'Lines'
                """, "CREATE VIEW totals AS SELECT order_id FROM OrderLines")
            let (connector, _) = try source.scene().make(#"{"table": "totals"}"#)
            let lines = try #require(try await connector.check())
            #expect(lines[0].hasPrefix("MariaDB ") && lines[0].hasSuffix(", unencrypted"), "\(lines)")
            #expect(lines[1] == "can see 2 tables and views")
            let found = try #require(try await connector.discover())
            #expect(found.map(\.name) == ["order_lines", "totals"])
            #expect(found[0].description == "Lines")
            #expect(found[0].key == ["order_id", "line"])
            #expect(
                found[0].columns.map(\.type) == [
                    .int, .numeric(precision: 20, scale: 0), .numeric(precision: 12, scale: 2), .binary, .timestamp,
                    .timestamptz,
                ])
            #expect(found[0].columns[2].description == "net")
            #expect(found[0].cursorColumn == DiscoveredCursor(column: "updated_at", confidence: .named))
        }
    }
#endif
