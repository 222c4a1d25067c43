import Foundation
import Metadata
import Testing

@testable import Pipeline

@Suite("A gold script")
struct GoldScriptTests {
    @Test("reads its header, its statement and where that begins")
    func header() throws {
        let script = try #require(
            GoldProject.script(
                "per_country",
                """
                -- Prose: whatever begins with a capital letter.
                -- description: Subdivisions
                --   per country
                -- materialize: table
                -- key: alpha_2, type

                -- More prose.
                SELECT alpha_2, count(*) -- not the end;
                FROM silver.iso_countries_current ;
                -- the end
                """))
        #expect(script.description == "Subdivisions per country")
        #expect(script.materialization == .table)
        #expect(script.key == ["alpha_2", "type"])
        #expect(script.statement == "SELECT alpha_2, count(*) -- not the end;\nFROM silver.iso_countries_current ")
        #expect(script.firstLine == 8)
        #expect(script.file == "sql/gold/per_country.sql")
    }

    @Test("is a view without key where its header says nothing")
    func defaults() throws {
        let script = try #require(GoldProject.script("a", "SELECT 1 AS one"))
        #expect(script.materialization == .view && script.key.isEmpty && script.description.isEmpty)
        #expect(script.inputs.isEmpty && script.firstLine == 1)
    }

    @Test(
        "reads what its SQL names, wherever it stands",
        arguments: [
            ("SELECT * FROM silver.iso_countries", ["silver.iso_countries"]),
            ("TABLE silver.iso_countries_current", ["silver.iso_countries"]),
            ("SELECT * FROM silver.iso_countries_asof('2026-01-01Z') AS c", ["silver.iso_countries"]),
            ("SELECT * FROM far_silver.far_things", ["silver.far_things"]),
            ("SELECT (SELECT max(x) FROM gold.other) + count(*) FROM generate_series(1, 2)", ["gold.other"]),
            (
                "SELECT 1 FROM silver.iso_countries c WHERE EXISTS (SELECT FROM silver.iso_subdivisions s WHERE s.a = c.a)",
                ["silver.iso_countries", "silver.iso_subdivisions"]
            ),
            (
                "SELECT a FROM gold.other UNION ALL (SELECT b FROM silver.iso_countries ORDER BY 1 LIMIT 1)",
                ["gold.other", "silver.iso_countries"]
            ),
            ("SELECT 1 FROM gold.other TABLESAMPLE system (1), LATERAL (VALUES (1)) v", ["gold.other"]),
            ("SELECT 'silver.iso_countries' AS \"gold.other\" /* gold.x */", []),
            ("SELECT $$FROM bronze.x$$::pg_catalog.text COLLATE \"C\"", []),
            ("SELECT pg_catalog.count(*) FILTER (WHERE true) OVER (PARTITION BY 1) FROM gold.other", ["gold.other"]),
        ])
    func inputs(_ sql: String, _ expected: [String]) throws {
        let script = try #require(
            GoldProject.script("made", sql, beside: ["other"]), "\(GoldProject.problems(in: sql))")
        #expect(script.inputs.sorted().map(\.description) == expected)
    }

    @Test(
        "knows the names of WITH queries where PostgreSQL knows them",
        arguments: [
            ("WITH c AS (TABLE gold.other) SELECT * FROM c", []),
            ("WITH a AS (TABLE gold.other), b AS (TABLE a) SELECT (WITH d AS (TABLE b) SELECT x FROM d) FROM b", []),
            ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) TABLE n", []),
            ("WITH RECURSIVE a AS (TABLE b), b AS (SELECT 1) TABLE a", []),
            ("WITH n AS (SELECT * FROM n) TABLE n", ["n"]),
            ("WITH a AS (TABLE b), b AS (SELECT 1) TABLE a", ["b"]),
            ("SELECT (WITH c AS (SELECT 1) SELECT * FROM c) FROM c", ["c"]),
            ("WITH a AS (SELECT 1) SELECT (SELECT 1 FROM a WHERE EXISTS (TABLE a)) UNION TABLE a", []),
        ])
    func withQueries(_ sql: String, _ unqualified: [String]) {
        let problems = GoldProject.problems(in: sql)
        #expect(problems.map { $0.split(separator: "'")[1] }.map(String.init) == unqualified)
    }

    @Test(
        "is refused with file, line and what to do",
        arguments: [
            (
                "SELECT *\nFROM silver.iso_contries",
                "line 2: unknown silver table 'silver.iso_contries', expected a table of the metadata; "
                    + "did you mean 'silver.iso_countries'?"
            ),
            (
                "SELECT * FROM iso_countries",
                "line 1: 'iso_countries' has no schema, expected qualify it: silver.iso_countries; "
                    + "did you mean 'silver.iso_countries'?"
            ),
            (
                "SELECT * FROM gold.othr",
                "line 1: unknown gold script 'gold.othr', expected the name of a file in sql/gold; "
                    + "did you mean 'gold.other'?"
            ),
            (
                "SELECT * FROM bronze.iso_countries",
                "line 1: gold cannot read 'bronze.iso_countries', expected \(allowed)"
            ),
            ("SELECT * FROM audit.system_run", "line 1: gold cannot read 'audit.system_run', expected \(allowed)"),
            ("SELECT * FROM \"Silver\".x", "line 1: gold cannot read 'Silver.x', expected \(allowed)"),
            (
                "SELECT public.f(1)",
                "line 1: gold cannot call 'public.f', expected silver.<table>_asof(…) or a function of pg_catalog"
            ),
            ("SELECT 1::public.t", "line 1: gold cannot use the type 'public.t', expected a type of pg_catalog"),
            (
                "SELECT 1;\n\nSELECT 2",
                "line 3: 2 statements, expected one SELECT; put the others into files of their own"
            ),
            ("-- description: x\n", "no statement, expected one SELECT"),
            ("DROP TABLE silver.iso_countries", "line 1: DROP, expected one SELECT"),
            ("CREATE TABLE a AS SELECT 1", "line 1: CREATE TABLE AS, expected one SELECT"),
            ("ALTER TABLE a ADD b int", "line 1: ALTER TABLE, expected one SELECT"),
            ("COPY gold.other TO PROGRAM 'cat'", "line 1: COPY, expected one SELECT"),
            ("SET ROLE postgres", "line 1: SET, expected one SELECT"),
            ("DELETE FROM gold.other", "line 1: DELETE, expected one SELECT"),
            ("SELECT 1 INTO gold.x", "line 1: SELECT INTO, expected a SELECT that only reads"),
            (
                "WITH gone AS (\nDELETE FROM gold.other RETURNING 1) SELECT * FROM gone",
                "line 2: DELETE, expected a SELECT that only reads"
            ),
            (
                "-- key: a\nSELECT * FROM gold.other FOR UPDATE",
                "line 2: FOR UPDATE or FOR SHARE, expected a SELECT that only reads"
            ),
            ("SELECT $1", "line 1: a bound parameter, expected a SELECT that only reads"),
            ("-- materialize: tabel\nSELECT 1", "line 1: materialize 'tabel', expected view or table"),
            (
                "-- materialize: incremental\nSELECT 1",
                "line 1: 'incremental' is not supported by this version yet, expected view or table"
            ),
            (
                "-- checks: unique a\nSELECT 1",
                #"line 1: 'checks' is no JSON: line 1, column 1: 'u', expected a value, expected an array such as "#
                    + #"[{"type": "min_rows", "min": 1}]"#
            ),
            (
                #"-- checks: [{"type": "min_row", "min": 1}]"# + "\nSELECT 1",
                "line 1: checks[0].type: unknown type 'min_row', expected one of not_null, unique, in, range, min_rows, "
                    + "max_rows, references, sql; did you mean 'min_rows'?"
            ),
            (
                #"-- checks: [{"type": "references", "column": "a", "references": "iso.countries"}]"# + "\nSELECT 1",
                "line 1: checks[0].references: 'iso.countries' is no reference, expected system.entity.column"
            ),
            (
                "-- materialise: table\nSELECT 1",
                "line 1: unknown header key 'materialise', expected one of description, materialize, key, inputs, checks, "
                    + "name; prose begins with a capital letter; did you mean 'materialize'?"
            ),
            (
                "-- Key: a\nSELECT 1",
                "line 1: unknown header key 'Key', expected one of description, materialize, key, inputs, checks, "
                    + "name; prose begins with a capital letter; did you mean 'key'?"
            ),
            ("-- key:\nSELECT 1", "line 1: 'key' is empty, expected a value or no such line"),
            ("-- key: a,,b\nSELECT 1", "line 1: '' in 'key', expected names of columns, separated by commas"),
            ("-- key: a, a\nSELECT 1", "line 1: a column twice in 'key', expected each column once"),
            (
                "-- key: a\n-- key: b\nSELECT 1",
                "line 2: second 'key' (the first is on line 1), expected "
                    + "one of description, materialize, key, inputs, checks, name; prose begins with a capital letter"
            ),
            (
                "SELECT 1\nFORM gold.other",
                "line 2: syntax error at or near \"gold\", expected PostgreSQL 15; where the "
                    + "SQL is of a later one, say what it reads: -- inputs: silver.x"
            ),
            (
                "-- inputs: silver.iso_countrie\nSELECT 1",
                "line 1: unknown silver table 'silver.iso_countrie', expected a table of the metadata; "
                    + "did you mean 'silver.iso_countries'?"
            ),
        ])
    func refusals(_ sql: String, _ problem: String) {
        #expect(GoldProject.problems(in: sql) == ["sql/gold/made.sql: \(problem)"])
    }

    static let allowed = GoldScope.allowed

    @Test("takes SQL of a later grammar when its header names the inputs")
    func laterGrammar() throws {
        let sql = "SELECT brand NEW grammar FROM silver.iso_countries"
        let script = try #require(
            GoldProject.script("a", "-- inputs: silver.iso_countries, gold.b\n\(sql);", beside: ["b"]))
        #expect(script.inputs == [.silver("iso_countries"), .gold("b")])
        #expect(script.statement == sql)
        #expect(GoldProject.problems(in: "-- inputs: gold.other\nbrand new; SELECT").count == 1)
    }

    @Test("adds declared inputs to the found ones")
    func declaredInputs() throws {
        let script = try #require(
            GoldProject.script("a", "-- inputs: gold.b\nTABLE silver.iso_countries", beside: ["b"]))
        #expect(script.inputs == [.silver("iso_countries"), .gold("b")])
    }

    @Test("has all its problems reported at once")
    func allAtOnce() {
        let problems = GoldProject.problems(
            in: "-- keys: a\n-- materialize: tbl\nSELECT public.f(x) FROM countries, bronze.y, gold.other FOR SHARE",
            name: "Made-Up")
        #expect(problems.count == 7, "\(problems)")
    }

    @Test(
        "has a name that fits with the number of its tables",
        arguments: [
            ("Made", 1), ("1st", 1), ("_a", 1), ("a-b", 1), ("é", 1), (String(repeating: "n", count: 56), 1),
            (String(repeating: "n", count: 55), 0), ("a__1", 0),
        ])
    func names(_ name: String, _ problems: Int) {
        #expect(GoldProject.problems(in: "SELECT 1", name: name).count == problems)
    }

    @Test("is no trap: bytes that are not UTF-8, NUL, deep nesting, carriage returns")
    func oddFiles() throws {
        var parser = GoldScriptParser(
            file: "sql/gold/a.sql", scope: GoldScope(catalog: GoldProject.catalog, scripts: []))
        #expect(parser.parse(contents: Data([0x53, 0xFF])) == nil)
        #expect(parser.parse(contents: nil) == nil)
        #expect(
            parser.problems.map(\.what) == ["the file is not UTF-8", "the file cannot be read"])
        #expect(GoldProject.problems(in: "SELECT 1\0; DROP TABLE x").count == 1)
        #expect(GoldProject.problems(in: "SELECT 1" + String(repeating: " || 1", count: 300)).isEmpty)
        #expect(GoldProject.problems(in: "SELECT 1" + String(repeating: " || 1", count: 3000)).count == 1)
        let script = try #require(GoldProject.script("a", "-- key: b\r\n-- materialize: table\r\nSELECT 1 AS b\r\n"))
        #expect(script.key == ["b"] && script.materialization == .table && script.firstLine == 3)
    }
}
