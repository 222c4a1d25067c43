import Metadata
import Pipeline
import Testing

@Suite("Columns are inferred from samples")
struct ColumnInferenceTests {
    private func type(_ values: [String], isTabular: Bool = false) throws -> ColumnType {
        var inference = ColumnInference(isTabular: isTabular)
        for value in values { inference.add(Array("{\"x\":\(value)}".utf8)) }
        return try #require(inference.members.first).type
    }

    @Test(
        "the narrowest type that holds every sample",
        arguments: [
            (["1", "2147483647"], ColumnType.int), (["1", "2147483648"], .bigint),
            (["1", "99999999999999999999"], .numeric(precision: 38, scale: 0)),
            (["1", "2.50"], .numeric(precision: 18, scale: 2)), (["1.0", "2.0"], .numeric(precision: 18, scale: 1)),
            (["12345678901234567890.5", "1"], .numeric(precision: 21, scale: 1)), (["1e-7", "2"], .double),
            (["0.30000000000000004"], .double), (["true", "null", "false"], .boolean),
            ([#""2026-02-01""#], .date), ([#""2026-02-01""#, #""2026-02-30""#], .text),
            ([#""2026-02-01T10:00:00""#], .timestamp), ([#""2026-02-01T10:00:00Z""#], .timestamptz),
            ([#""2026-02-01T10:00:00Z""#, #""2026-02-01T10:00:00""#], .timestamptz),
            ([#""2026-02-01""#, #""2026-02-01T10:00:00Z""#], .text), ([#""10:00:00""#], .time),
            ([#""0b9e4a1c-5f6d-4e8e-9a3b-1c2d3e4f5a6b""#], .uuid), ([#""17""#], .text), ([#""a""#, "1"], .text),
            (["null"], .text), (["[1]", "null"], .json), ([#"{"a": 1}"#, "1"], .json),
        ])
    func types(values: [String], expected: ColumnType) throws { #expect(try type(values) == expected) }

    @Test(
        "rows of CSV had no choice but strings",
        arguments: [
            ([#""17""#, #""4""#], ColumnType.int), ([#""007""#], .text),
            ([#""1.25""#], .numeric(precision: 18, scale: 2)),
            ([#""true""#, #""false""#], .boolean), ([#""2026-02-01""#], .date), ([#""a""#, #""1""#], .text),
        ])
    func tabular(values: [String], expected: ColumnType) throws {
        #expect(try type(values, isTabular: true) == expected)
    }

    @Test("keys are complete and distinct; names that look alike are different members")
    func keys() {
        var inference = ColumnInference(isTabular: false)
        inference.add(Array(#"{"a": 1, "b": 1, "é": 1}"#.utf8))
        inference.add(Array("{\"a\": 1, \"b\": 2, \"e\u{301}\": 1, \"c\": 3}".utf8))
        inference.add(Array("[]".utf8))
        #expect(inference.records == 2 && inference.faults == ["it is not a JSON object"])
        #expect(inference.isKey(["b"]) && inference.isKey(["a", "b"]))
        #expect(!inference.isKey(["a"]) && !inference.isKey(["c"]) && !inference.isKey(["gone"]))
        #expect(inference.members.map(\.values) == [2, 2, 1, 1, 1])
    }
}
