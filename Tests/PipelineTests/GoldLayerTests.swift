import Metadata
import Postgres
import TestKit
import Testing

@testable import Pipeline

@Suite("The gold layer")
struct GoldLayerTests {
    private static let countries = "-- key: code\nSELECT code, name FROM silver.iso_countries"

    @Test("a view is created, redefined with more columns, and carries its description")
    func view() async throws {
        let gold = try await GoldDatabase()
        let graph = try GoldProject(["a": "SELECT 1", "b": "SELECT 1"]).load()
        #expect(try await GoldLayer(graph: graph).unbuilt(on: gold.connection) == ["a", "b"])
        #expect(try await gold.build(["a": "-- description: It's all\nSELECT code FROM silver.iso_countries"]) == [nil])
        #expect(try await GoldLayer(graph: graph).unbuilt(on: gold.connection) == ["b"])
        #expect(try await gold.rows("SELECT * FROM gold.a ORDER BY 1") == ["AD", "AE"])
        #expect(try await gold.comment(on: "gold.a") == "It's all")
        try await gold.build(["a": "SELECT code, name FROM silver.iso_countries;"])
        #expect(try await gold.rows("SELECT * FROM gold.a ORDER BY 1") == ["AD|Andorra", "AE|Emirates"])
        #expect(try await gold.comment(on: "gold.a") == nil)
    }

    @Test("a table is replaced behind its view: numbered, with its key, analyzed, the older one dropped")
    func table() async throws {
        let gold = try await GoldDatabase()
        let script = "-- materialize: table\n\(Self.countries)"
        #expect(try await gold.build(["a": script]) == [2])
        #expect(try await gold.tables() == ["a__1"])
        try await gold.execute("INSERT INTO silver.iso_countries VALUES ('AF', 'Afghanistan')")
        #expect(try await gold.build(["a": script]) == [3])
        #expect(try await gold.tables() == ["a__2"])
        #expect(try await gold.rows("SELECT code FROM gold.a ORDER BY 1") == ["AD", "AE", "AF"])
        let key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'a__2_pk'"
        #expect(try await gold.rows(key) == ["PRIMARY KEY (code)"])
        #expect(try await gold.rows("SELECT reltuples FROM pg_class WHERE relname = 'a__2'") == ["3"])
        try await gold.build(["a": script])
        #expect(try await gold.tables() == ["a__1"])
    }

    @Test("a replaced table keeps the grants and the dependents of its view")
    func tableKeepsReaders() async throws {
        let gold = try await GoldDatabase()
        let script = "-- materialize: table\n\(Self.countries)"
        try await gold.build(["a": script])
        try await gold.prepareReaders()
        let before = try await gold.standing()
        try await gold.execute("INSERT INTO silver.iso_countries VALUES ('AF', 'Afghanistan')")
        try await gold.build(["a": script])
        #expect(try await gold.standing() == before)
        #expect(try await gold.rows("SELECT count(*) FROM reporting.upper") == ["3"])
    }

    @Test("a script turns from view to table and back")
    func turns() async throws {
        let gold = try await GoldDatabase()
        try await gold.build(["a": Self.countries])
        try await gold.prepareReaders()
        let before = try await gold.standing()
        #expect(try await gold.build(["a": "-- materialize: table\n\(Self.countries)"]) == [2])
        #expect(try await gold.tables() == ["a__1"])
        #expect(try await gold.build(["a": Self.countries]) == [nil])
        #expect(try await gold.tables() == [])
        #expect(try await gold.standing() == before)
    }

    @Test("other columns: all dependents are made again with owner, grants, options and comments")
    func otherColumns() async throws {
        let gold = try await GoldDatabase()
        try await gold.build(["a": "SELECT 1::smallint AS n, code, name FROM silver.iso_countries"])
        try await gold.prepareReaders()
        let before = try await gold.standing()
        try await gold.build(["a": "-- materialize: table\nSELECT name, code, 2::bigint AS n FROM silver.iso_countries"]
        )
        #expect(try await gold.standing() == before)
        #expect(try await gold.rows("SELECT * FROM reporting.upper ORDER BY 1") == ["ANDORRA", "EMIRATES"])
        #expect(try await gold.rows("SELECT * FROM gold.a ORDER BY 1 LIMIT 1") == ["Andorra|AD|2"])
        try await gold.build(["a": "SELECT name FROM silver.iso_countries"])
        #expect(try await gold.rows("SELECT * FROM reporting.upper ORDER BY 1") == ["ANDORRA", "EMIRATES"])
    }

    @Test("other columns that a dependent needs are refused, and everything stays as it was")
    func neededColumns() async throws {
        let gold = try await GoldDatabase()
        try await gold.build(["a": Self.countries])
        try await gold.prepareReaders()
        let before = try await gold.standing()
        let error = await #expect(throws: GoldError.self) {
            try await gold.build(["a": "SELECT code FROM silver.iso_countries"])
        }
        #expect(
            error?.description == "sql/gold/a.sql: the columns of gold.a change, and it is read by reporting.names "
                + "(column a.name does not exist); change or drop that first, or keep the columns and add new ones at the end"
        )
        #expect(try await gold.standing() == before)
        #expect(try await gold.rows("SELECT * FROM gold.a ORDER BY 1") == ["AD|Andorra", "AE|Emirates"])
    }

    @Test(
        "a dependent that cannot be made again is named",
        arguments: [
            ("CREATE MATERIALIZED VIEW reporting.m AS TABLE gold.a", "the materialized view reporting.m"),
            (
                "CREATE FUNCTION reporting.f(a gold.a) RETURNS text LANGUAGE sql AS 'SELECT (a).name'",
                "a function, a row type or another object that medallion cannot make again"
            ),
            (
                "CREATE VIEW reporting.r AS TABLE gold.a; "
                    + "CREATE RULE note AS ON INSERT TO reporting.r DO INSTEAD NOTHING",
                "the view with a rule reporting.r"
            ),
        ])
    func obstacles(_ sql: String, _ named: String) async throws {
        let gold = try await GoldDatabase()
        try await gold.build(["a": Self.countries])
        try await gold.script("CREATE SCHEMA reporting; \(sql)")
        let error = await #expect(throws: GoldError.self) {
            try await gold.build(["a": "SELECT name, code FROM silver.iso_countries"])
        }
        #expect(error?.message == "the columns of gold.a change, and it is read by \(named)")
    }

    @Test("two scripts that change their columns together are built one after the other")
    func changeTogether() async throws {
        let gold = try await GoldDatabase()
        try await gold.build(["a": Self.countries, "b": "SELECT name FROM gold.a", "c": "SELECT name FROM gold.b"])
        try await gold.build([
            "a": "SELECT code, name AS title FROM silver.iso_countries", "b": "SELECT title, code FROM gold.a",
            "c": "-- materialize: table\nSELECT title FROM gold.b",
        ])
        #expect(try await gold.rows("SELECT title FROM gold.c ORDER BY 1") == ["Andorra", "Emirates"])
        #expect(try await gold.tables() == ["c__1"])
    }

    @Test("SQL that fails leaves the old result, and is named by file and line, without values")
    func failure() async throws {
        let gold = try await GoldDatabase()
        let good = "-- materialize: table\n\(Self.countries)"
        try await gold.build(["a": good, "v": Self.countries])
        let cases = [
            (
                "-- materialize: table\nSELECT code,\n  nam FROM silver.iso_countries", "a",
                "sql/gold/a.sql: line 3: column \"nam\" does not exist [42703]; "
                    + "Perhaps you meant to reference the column \"iso_countries.name\"."
            ),
            (
                "\n-- é\nSELECT 'é',\nnam FROM silver.iso_countries", "v",
                "sql/gold/v.sql: line 4: column \"nam\" does not exist [42703]; "
                    + "Perhaps you meant to reference the column \"iso_countries.name\"."
            ),
            (
                "-- materialize: table\nSELECT name::int AS n FROM silver.iso_countries", "a",
                "sql/gold/a.sql: invalid input syntax for type integer: ‹…› [22P02]"
            ),
            (
                "-- materialize: table\n-- key: k\nSELECT 1 AS k FROM silver.iso_countries", "a",
                "sql/gold/a.sql: key (k) is not unique in the result [23505]; "
                    + "look with: SELECT k, count(*) FROM (…) GROUP BY k"
            ),
            (
                "-- materialize: table\n-- key: k\nSELECT NULL::int AS k", "a",
                "sql/gold/a.sql: key (k) is NULL in some row of the result [23502]; "
                    + "look with: SELECT k, count(*) FROM (…) GROUP BY k"
            ),
            (
                "-- materialize: table\n-- key: cod\nSELECT code FROM silver.iso_countries", "a",
                "sql/gold/a.sql: key column 'cod' is not in the result; did you mean 'code'?"
            ),
            (
                "-- materialize: table\nSELECT 1 AS a, 2 AS a", "a",
                "sql/gold/a.sql: column \"a\" specified more than once [42701]; "
                    + "give each column of the SELECT a name of its own, with AS"
            ),
            (
                "-- materialize: table\n-- inputs: silver.iso_countries\nSELECT 1 AS a\nWITH NO DATA", "a",
                "sql/gold/a.sql: line 4: syntax error at or near \"WITH\" [42601]"
            ),
        ]
        for (text, name, expected) in cases {
            let error = await #expect(throws: GoldError.self) { try await gold.build([name: text]) }
            #expect(error?.description == expected)
            #expect(try await gold.rows("SELECT code FROM gold.\(name) ORDER BY 1") == ["AD", "AE"])
            #expect(try await gold.tables() == ["a__1"])
        }
    }

    @Test("what stands in the way or reads the numbered tables is named")
    func inTheWay() async throws {
        let gold = try await GoldDatabase()
        try await gold.execute("CREATE TABLE gold.a (x int)")
        let table = await #expect(throws: GoldError.self) { try await gold.build(["a": Self.countries]) }
        #expect(table?.message == "gold.a stands in the way: it is no view")
        try await gold.build(["b": "-- materialize: table\n\(Self.countries)"])
        try await gold.execute("CREATE VIEW public.peek AS TABLE gold_data.b__1")
        let peek = await #expect(throws: GoldError.self) { try await gold.build(["b": Self.countries]) }
        #expect(peek?.message == "something reads gold_data.b__1, which is to be replaced")
    }

    @Test("readers see the old result until the builder commits, then the new one")
    func readers() async throws {
        let gold = try await GoldDatabase()
        let old = "-- materialize: table\nSELECT 'old' AS state"
        try await gold.build(["a": old])
        let reader = try await gold.connect()
        let graph = try GoldProject(["a": "-- materialize: table\nSELECT 'new' AS state"]).load()
        let script = try #require(graph["a"])
        // A reader whose transaction began before sees one state throughout, and holds the builder up only at the swap.
        try await reader.begin()
        #expect(try await reader.query("SELECT state FROM gold.a")[0].get(0) == "old")
        async let rows = gold.connection.transaction {
            try await GoldLayer(graph: graph).build(script, on: gold.connection)
        }
        let second = try await gold.connect()
        while try await second.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'gold.a'::regclass")
            .isEmpty
        {
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(try await reader.query("SELECT state FROM gold.a")[0].get(0) == "old")
        try await reader.commit()
        #expect(try await rows == 1)
        #expect(try await reader.query("SELECT state FROM gold.a")[0].get(0) == "new")
        await reader.close()
        await second.close()
    }

    @Test("a view of another owner can still be read after its table was replaced")
    func otherOwner() async throws {
        let gold = try await GoldDatabase()
        let script = "-- materialize: table\n\(Self.countries)"
        try await gold.build(["a": script])
        try await gold.prepareReaders()
        try await gold.build(["a": script])
        try await gold.execute("SET ROLE \(identifier: gold.reader)")
        #expect(try await gold.rows("SELECT name FROM gold.a ORDER BY 1") == ["Andorra", "Emirates"])
    }
}
