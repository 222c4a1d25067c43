import Postgres
import Testing

@Suite("SQL text")
struct SQLTextTests {
    @Test("Values become numbered parameters, never text")
    func valuesAreBound() {
        let name = "x'; DROP TABLE y; --"
        let sql: SQLText = "SELECT * FROM t WHERE a = \(name) AND b = \(7) AND c IS NOT DISTINCT FROM \(nil as Bool?)"
        #expect(sql.text == "SELECT * FROM t WHERE a = $1 AND b = $2 AND c IS NOT DISTINCT FROM $3")
    }

    @Test("A spliced fragment keeps its parameters, renumbered")
    func fragmentsAreRenumbered() {
        let condition: SQLText = "a = \(1) OR b = \("two")"
        let sql: SQLText = "SELECT \(0) FROM t WHERE (\(fragment: condition)) AND c = \(3)"
        #expect(sql.text == "SELECT $1 FROM t WHERE (a = $2 OR b = $3) AND c = $4")
        #expect((condition + " AND " + condition).text == "a = $1 OR b = $2 AND a = $3 OR b = $4")
        #expect([condition, "c", "d = \(5)"].joined(separator: ", ").text == "a = $1 OR b = $2, c, d = $3")
        #expect([SQLText]().joined(separator: ", ").text == "")
    }

    @Test(
        "Identifiers are quoted whatever they contain",
        arguments: [
            ("plain", "\"plain\""), ("Mixed Case", "\"Mixed Case\""), ("a\"b", "\"a\"\"b\""),
            ("\"\u{301}", "\"\"\"\u{301}\""), ("x\"; DROP TABLE y; --", "\"x\"\"; DROP TABLE y; --\""),
        ])
    func identifiers(name: String, quoted: String) {
        let sql: SQLText = "\(identifier: name)"
        #expect(Array(sql.text.utf8) == Array(quoted.utf8))
    }

    @Test("A qualified name quotes schema and table on their own")
    func tables() {
        let sql: SQLText = "TABLE \(table: "silver", "a.b")"
        #expect(sql.text == "TABLE \"silver\".\"a.b\"")
        let list: SQLText = "\(identifiers: ["a", "b c"])"
        #expect(list.text == "\"a\", \"b c\"")
    }

    @Test(
        "Literals are quoted under either setting of standard_conforming_strings",
        arguments: [("it's", "'it''s'"), ("", "''"), ("a\\'b", "E'a\\\\''b'"), ("$$ $1", "'$$ $1'")])
    func literals(text: String, quoted: String) {
        let sql: SQLText = "\(literal: text)"
        #expect(sql.text == quoted)
    }

    @Test("An identifier over 63 bytes is a programmer's mistake, with a sentence")
    func longIdentifier() async {
        await #expect(processExitsWith: .failure) {
            let name = String(repeating: "ä", count: 32)
            _ = SQLText.quoted(identifier: name)
        }
    }

    @Test(
        "Hostile names, literals and values come back from the server as they were",
        arguments: [
            "x\"; DROP TABLE y; --", "x'; DROP TABLE y; --", "$$", "${}", "'", "\"", "\\", "\\'", "a\u{2028}b", "/*",
            "--", ";",
            "\u{301}", "'\u{301}", "\"\u{301}", "e\u{301}", "é", "%s", "$1", "\r\n", "\t", "😀", "E'\\n'", " ",
        ])
    func hostileTexts(text: String) async throws {
        try await withSharedDatabase { connection async throws in
            let name = text
            try await connection.execute("CREATE TEMP TABLE \(table: "pg_temp", name) (\(identifier: name) text)")
            try await connection.execute("INSERT INTO \(table: "pg_temp", name) VALUES (\(text)), (\(literal: text))")
            for setting in ["on", "off"] {
                try await connection.execute("SELECT set_config('standard_conforming_strings', \(setting), false)")
                let rows = try await connection.query(
                    """
                    SELECT \(identifier: name) AS value, \(literal: text) AS literal, \(text) AS bound, (
                        SELECT relname::text FROM pg_catalog.pg_class WHERE relname = \(name) AND relkind = 'r') AS name
                    FROM \(table: "pg_temp", name)
                    """)
                #expect(rows.count == 2)
                for row in rows {
                    for column in ["value", "literal", "bound", "name"] {
                        let found: String = try row.get(column)
                        #expect(Array(found.utf8) == Array(text.utf8))
                    }
                }
            }
        }
    }
}
