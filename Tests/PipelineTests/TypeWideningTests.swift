import Metadata
import Testing

@testable import Pipeline

@Suite("Types that hold more")
struct TypeWideningTests {
    static let lossless: [(String, ColumnType)] = [
        ("smallint", .int), ("smallint", .bigint), ("integer", .bigint), ("smallint", .double), ("integer", .double),
        ("bigint", .numeric(precision: nil, scale: nil)), ("numeric(6,2)", .numeric(precision: nil, scale: nil)),
        ("integer", .numeric(precision: 10, scale: nil)), ("integer", .numeric(precision: 12, scale: 2)),
        ("bigint", .numeric(precision: 19, scale: 0)), ("numeric(6,2)", .numeric(precision: 7, scale: 3)),
        ("numeric(6,2)", .numeric(precision: 9, scale: 2)),
    ]
    static let lossy: [(String, ColumnType)] = [
        ("integer", .smallint), ("bigint", .int), ("bigint", .double), ("numeric(6,2)", .double),
        ("numeric(3,0)", .int),
        ("integer", .numeric(precision: 9, scale: nil)), ("integer", .numeric(precision: 10, scale: 1)),
        ("bigint", .numeric(precision: 18, scale: nil)), ("numeric(6,2)", .numeric(precision: 6, scale: 3)),
        ("numeric(6,2)", .numeric(precision: 8, scale: 1)), ("numeric", .numeric(precision: 20, scale: 2)),
        ("double precision", .numeric(precision: nil, scale: nil)), ("date", .timestamp), ("integer", .text),
        ("text", .int), ("timestamp without time zone", .timestamptz), ("boolean", .int), ("text", .json),
    ]

    @Test("every value fits", arguments: lossless)
    func fits(live: String, wanted: ColumnType) { #expect(TypeWidening.isLossless(from: live, to: wanted)) }

    @Test("some value may not fit", arguments: lossy)
    func mayNotFit(live: String, wanted: ColumnType) { #expect(!TypeWidening.isLossless(from: live, to: wanted)) }
}
