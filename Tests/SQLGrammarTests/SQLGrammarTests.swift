import SQLGrammar
import Testing

@Suite("PostgreSQL's grammar")
struct SQLGrammarTests {
    @Test("a SELECT becomes a tree of JSON with byte offsets")
    func tree() throws {
        let tree = String(decoding: try SQLGrammar.parseTree(of: "SELECT 'é', a FROM silver.t"), as: UTF8.self)
        #expect(tree.contains(#""RangeVar":{"schemaname":"silver","relname":"t""#))
        #expect(tree.contains(#""location":20"#))
    }

    @Test(
        "statements are counted without comments and lone semicolons",
        arguments: [
            ("", 0), ("-- nothing", 0), (";;", 0), ("SELECT 1", 1), ("SELECT 1;;\n-- end\n", 1),
            ("SELECT ';'; TABLE t", 2),
            ("SELECT $$;$$, E'\\';', \";\" /* ; */", 1), ("SELECT brand new grammar; SELECT", 2),
        ])
    func count(_ sql: String, _ expected: Int) throws {
        #expect(try SQLGrammar.statementCount(of: sql) == expected)
    }

    @Test("a statement's range leaves out its semicolon and what follows")
    func ranges() throws {
        let sql = "-- é\nSELECT 1 ;\n-- end"
        let range = try #require(try SQLGrammar.statements(in: sql).first)
        #expect(String(decoding: Array(sql.utf8)[range], as: UTF8.self) == "-- é\nSELECT 1 ")
    }

    @Test(
        "an error names line and column in characters",
        arguments: [
            ("SELECT 1\nFORM t", "syntax error at or near \"t\"", 2, 6),
            ("-- é\nSELECT 'éé' AS \"ü\",\n  FROM t", "syntax error at or near \"FROM\"", 3, 3),
            ("SELECT (", "syntax error at end of input", 1, 9),
            ("SELECT 'a", "unterminated quoted string at or near \"'a\"", 1, 8),
        ])
    func errors(_ sql: String, _ message: String, _ line: Int, _ column: Int) throws {
        let error = #expect(throws: SQLGrammarError.self) { try SQLGrammar.parseTree(of: sql) }
        #expect(error?.message == message)
        #expect(error.map { [$0.line, $0.column] } == [line, column])
        #expect(error?.description == "line \(line), column \(column): \(message)")
    }

    @Test("a NUL, behind which nothing would be read, is refused")
    func nul() {
        let error = #expect(throws: SQLGrammarError.self) {
            try SQLGrammar.statementCount(of: "SELECT 1\0; DROP TABLE t")
        }
        #expect(error?.description == "line 1, column 9: a NUL character")
    }

    @Test("nesting without end is refused, not fatal")
    func nesting() {
        let sql = "SELECT " + String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000)
        #expect(throws: SQLGrammarError.self) { try SQLGrammar.parseTree(of: sql) }
    }

    @Test("many threads parse at once")
    func parallel() async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<200 {
                group.addTask { try SQLGrammar.parseTree(of: "SELECT \(number) FROM silver.t\(number)").count }
            }
            for try await bytes in group { #expect(bytes > 100) }
        }
    }
}
