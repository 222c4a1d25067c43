import Metadata
import Testing

@testable import Pipeline

@Suite("A look-back")
struct LookBackTests {
    /// A cursor, its type, and where the window begins.
    typealias Case = (cursor: String, type: ColumnType, start: String)

    private static let amount = 100

    @Test(
        "subtracts seconds, days that hold them, or units",
        arguments: [
            ("1000", .bigint, "900"), ("1000.5", .double, "900.5"),
            ("1000.25", .numeric(precision: nil, scale: nil), "900.25"),
            ("2026-01-02", .date, "2026-01-01"), ("2026-01-02T00:01:41", .timestamp, "2026-01-02T00:00:01.000000"),
            ("2026-01-02T00:01:41+00:00", .timestamptz, "2026-01-02T00:00:01.000000Z"), ("by hand", .date, "by hand"),
        ] as [Case])
    func subtracts(of example: Case) {
        #expect(LookBack.apply(Self.amount, to: example.cursor, of: example.type) == example.start)
    }

    @Test(
        "ends at the least value of the type",
        arguments: [
            ("-9223372036854775808", .bigint, "-9223372036854775808"),
            ("-9223372036854775709", .bigint, "-9223372036854775808"), ("-2147483600", .int, "-2147483648"),
            ("-32768", .smallint, "-32768"), ("0001-01-01", .date, "0001-01-01"),
            ("0001-01-01T00:00:59", .timestamp, "0001-01-01T00:00:00.000000"),
            ("0001-01-01T00:00:00.000000Z", .timestamptz, "0001-01-01T00:00:00.000000Z"),
        ] as [Case])
    func least(of example: Case) {
        #expect(LookBack.apply(Self.amount, to: example.cursor, of: example.type) == example.start)
    }

    @Test(
        "of a number with more digits than a decimal keeps begins early, never behind the cursor", arguments: ["", "-"])
    func manyDigits(sign: String) {
        let cursor = sign + String(repeating: "9", count: 41) + "0"
        let start = LookBack.apply(Self.amount, to: cursor, of: .numeric(precision: nil, scale: nil))
        let isLess = start.utf8.count == cursor.utf8.count ? start < cursor : start.utf8.count < cursor.utf8.count
        #expect(isLess == sign.isEmpty, "\(start)")
    }
}
