import ConnectorKit
import TestKit
import Testing

@Suite("PostgreSQL as a source: every value arrives whole")
struct PostgresTypesTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var type: String
        var literal: String
        var json: String
        var testDescription: String { "\(type) \(literal)" }
        init(_ type: String, _ literal: String, _ json: String) {
            (self.type, self.literal, self.json) = (type, literal, json)
        }
    }

    static let cases = [
        Case("smallint", "-32768", "-32768"), Case("int", "-2147483648", "-2147483648"),
        Case("bigint", "-9223372036854775808", "-9223372036854775808"),
        Case("bigint", "9223372036854775807", "9223372036854775807"), Case("bigint", "0", "0"),
        Case("numeric", "12345678901234567890.123456789012345678900", "12345678901234567890.123456789012345678900"),
        Case("numeric", "-0.000100", "-0.000100"), Case("numeric", "0", "0"), Case("numeric", "10000", "10000"),
        Case("numeric", "1e20", "100000000000000000000"), Case("numeric(9,2)", "1.5", "1.50"),
        Case("numeric", "0.00000000012", "0.00000000012"), Case("numeric", "123400005678", "123400005678"),
        Case("numeric", "'NaN'", #""NaN""#), Case("numeric", "'-Infinity'", #""-Infinity""#),
        Case("real", "1.1", "1.1"), Case("double precision", "0.1", "0.1"),
        Case("double precision", "5e-324", "5e-324"), Case("double precision", "'Infinity'", #""Infinity""#),
        Case("double precision", "'NaN'", #""NaN""#),
        Case("boolean", "true", "true"), Case("boolean", "false", "false"), Case("text", "''", #""""#),
        Case("text", #"E'a"b\\c\n\t\u00e9\u0001'"#, #""a\"b\\c\n\té\u0001""#), Case("varchar(5)", "'x'", #""x""#),
        Case("char(4)", "'x'", #""x   ""#), Case("name", "'x'", #""x""#), Case("\"char\"", "'x'", #""x""#),
        Case("uuid", "'00112233-4455-6677-8899-aabbccddeeff'", #""00112233-4455-6677-8899-aabbccddeeff""#),
        Case("date", "'2024-02-29'", #""2024-02-29""#), Case("date", "'1899-12-31'", #""1899-12-31""#),
        Case("date", "'infinity'", #""infinity""#), Case("date", "'0044-03-15 BC'", #""-0043-03-15""#),
        Case("date", "'10000-01-01'", #""+10000-01-01""#),
        Case("time", "'23:59:59.999999'", #""23:59:59.999999""#), Case("timetz", "'01:02:03+02'", #""01:02:03+02""#),
        Case("timestamp", "'1969-12-31 23:59:59.000001'", #""1969-12-31T23:59:59.000001""#),
        Case("timestamp", "'1900-01-01'", #""1900-01-01T00:00:00""#),
        Case("timestamptz", "'2026-11-21 03:40:42.123456+01'", #""2026-11-21T02:40:42.123456Z""#),
        Case("timestamptz", "'-infinity'", #""-infinity""#),
        Case("interval", "'1 mon 2 days 03:04:05.5'", #""P1M2DT3H4M5.5S""#),
        Case("bytea", #"'\x00ff10'"#, #""AP8Q""#), Case("bytea", "''", #""""#), Case("bytea", #"'\x00ff'"#, #""AP8=""#),
        Case("json", "E'{\"a\":\\n 1.10, \"a\": [1]}'", #"{"a":  1.10, "a": [1]}"#),
        Case("jsonb", #"'{"b": 1.10, "a": null}'"#, #"{"a": null, "b": 1.10}"#), Case("jsonb", "'null'", "null"),
        Case("int[]", "'{1,NULL,3}'", "[1,null,3]"), Case("int[]", "'{{1,2},{3,4}}'", "[[1,2],[3,4]]"),
        Case("text[]", #"'{"a\"b",""}'"#, #"["a\"b",""]"#), Case("numeric[]", "'{1.10}'", "[1.10]"),
        Case("timestamptz[]", "'{2026-01-01 00:00:00+00}'", #"["2026-01-01T00:00:00+00:00"]"#),
        Case("money", "'12.30'", "12.30"), Case("inet", "'10.0.0.1/8'", #""10.0.0.1/8""#),
        Case("bit(3)", "B'101'", #""101""#), Case("int4range", "'[1,5)'", #""[1,5)""#),
        Case("xml", "'<a/>'", #""<a/>""#),
        Case("mood", "'so so'", #""so so""#), Case("amount", "1.50", "1.50"),
        Case("pair", "'(1,x)'", #"{"a":1,"b":"x"}"#), Case("oid", "4294967295", #""4294967295""#),
    ]

    @Test("the table of types, NULL beside each value")
    func types() async throws {
        let columns = Self.cases.indices.map { "c\($0) \(Self.cases[$0].type)" }.joined(separator: ", ")
        let values = Self.cases.map { "CAST(\($0.literal) AS \($0.type))" }.joined(separator: ", ")
        let source = try await PostgresSource(
            """
            SET search_path = public; CREATE TYPE mood AS ENUM ('so so'); CREATE DOMAIN amount AS numeric(9,2);
            CREATE TYPE pair AS (a int, b text);
            CREATE TABLE things (id bigint, \(columns));
            INSERT INTO things VALUES (1, \(values)); INSERT INTO things (id) VALUES (2)
            """)
        let lines = try await source.scene().land(#"{"table": "things"}"#).lines
        let expected = Self.cases.enumerated().map { #","c\#($0.offset)":\#($0.element.json)"# }.joined()
        let nulls = Self.cases.indices.map { #","c\#($0)":null"# }.joined()
        #expect(lines == [#"{"id":1\#(expected)}"#, #"{"id":2\#(nulls)}"#])
    }

    @Test("names of columns are JSON whatever they are; two equal ones are refused")
    func names() async throws {
        let source = try await PostgresSource(
            #"CREATE TABLE public."a.""b" ("x""\y" int, "ä" int, id int)"#,
            #"INSERT INTO public."a.""b" VALUES (1, 2, 3)"#)
        let scene = try source.scene()
        #expect(
            try await scene.land(#"{"query": "SELECT * FROM \"a.\"\"b\""}"#).lines == [#"{"x\"\\y":1,"ä":2,"id":3}"#])
        #expect(
            await scene.failure(#"{"query": "SELECT 1 AS id, 2 AS id"}"#)
                == "connector: entity test.things, the query: two columns are called 'id'; give one of them another name by AS"
        )
    }
}
