import JSON
import Metadata
import Testing

@testable import Pipeline

/// The table of accepted values (contract, section 3), value by value.
@Suite("Accepted values")
struct ColumnReaderTests {
    /// What a column makes of a JSON value: its canonical text, `NULL`, or `✗` and the reason.
    private static func reading(
        _ json: String, as type: ColumnType, csv: Bool = false, _ change: (inout Column) -> Void = { _ in }
    ) -> String {
        var column = Column(name: "v", type: type)
        change(&column)
        let entity = Entity(id: EntityID(system: SystemID(rawValue: "t"), name: "t"), columns: [column])
        var window = RecordWindow(.lines, paths: DocumentReader.paths(of: entity))
        window.append(Array(#"{"v":\#(json)}"#.utf8).span)
        window.extract()
        var reader = DocumentReader(entity, timezone: "UTC", readsLooseBooleans: csv)
        switch reader.read(window, 0) {
        case .rejected(_, let reason, _): return "✗ " + reason
        case .accepted:
            if reader.row.isNull(0) { return "NULL" }
            if let text = reader.text(of: 0) { return text }
            return reader.row.canonical(0).map { String($0, radix: 16) }.joined(separator: " ")
        }
    }

    private static let notWhole = "✗ is not a whole number"
    private static let tooLarge = "✗ is out of range"

    @Test(
        "whole numbers",
        arguments: [
            ("0", "0"), ("-0", "0"), ("7", "7"), ("-7", "-7"), ("1.0", "1"), ("1.000", "1"), (#""7""#, "7"),
            (#""-7""#, "-7"),
            ("32767", "32767"), ("-32768", "-32768"), ("null", "NULL"), ("32768", tooLarge), ("-32769", tooLarge),
            ("99999999999999999999", tooLarge), ("1.5", notWhole), ("1e3", notWhole), (#""1e3""#, notWhole),
            (#""1.0""#, notWhole), (#""007""#, notWhole), (#""+7""#, notWhole), (#"" 7 ""#, notWhole),
            (#""""#, notWhole),
            (#""-""#, notWhole), (#""٧""#, notWhole), ("true", notWhole), ("[]", notWhole), ("{}", notWhole),
            (#""0x10""#, notWhole),
        ])
    func smallint(json: String, expected: String) { #expect(Self.reading(json, as: .smallint) == expected) }

    @Test("whole numbers reach exactly to the ends of their types")
    func ends() {
        #expect(Self.reading("2147483647", as: .int) == "2147483647")
        #expect(Self.reading("-2147483648", as: .int) == "-2147483648")
        #expect(Self.reading("2147483648", as: .int) == Self.tooLarge)
        #expect(Self.reading("9223372036854775807", as: .bigint) == "9223372036854775807")
        #expect(Self.reading("-9223372036854775808", as: .bigint) == "-9223372036854775808")
        #expect(Self.reading("9223372036854775808", as: .bigint) == Self.tooLarge)
        #expect(Self.reading("-9223372036854775809", as: .bigint) == Self.tooLarge)
        #expect(Self.reading("9007199254740993", as: .bigint) == "9007199254740993")
    }

    @Test(
        "decimals keep every digit",
        arguments: [
            ("1.50", "1.5"), ("-0", "0"), ("-0.00", "0"), ("1e3", "1000"), ("15e-1", "1.5"), (#""2.5""#, "2.5"),
            ("1E+2", "100"), ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
            ("1e300", "1" + String(repeating: "0", count: 300)), ("0.0000001", "0.0000001"), ("null", "NULL"),
            (#""1,5""#, "✗ is not a number"), (#"".5""#, "✗ is not a number"), (#""5.""#, "✗ is not a number"),
            (#""NaN""#, "✗ is not a number"), (#""Infinity""#, "✗ is not a number"), (#""01""#, "✗ is not a number"),
            ("true", "✗ is not a number"), (#"" 1""#, "✗ is not a number"), (#""1e99999""#, "✗ is not a number"),
            ("1e400", "✗ the record cannot be read: a number is out of range"),
            (#""1e400""#, "1" + String(repeating: "0", count: 400)),
        ])
    func numeric(json: String, expected: String) {
        #expect(Self.reading(json, as: .numeric(precision: nil, scale: nil)) == expected)
    }

    @Test("precision and scale are limits, not roundings")
    func precision() {
        let type = ColumnType.numeric(precision: 5, scale: 2)
        #expect(Self.reading("999.99", as: type) == "999.99")
        #expect(Self.reading("1.500", as: type) == "1.5")
        #expect(Self.reading("1.234", as: type) == "✗ has more than 2 decimals")
        #expect(Self.reading("1000", as: type) == "✗ has more than 3 digits in front of the point")
        #expect(Self.reading("1.5", as: .numeric(precision: 3, scale: nil)) == "✗ has more than 0 decimals")
    }

    @Test(
        "doubles",
        arguments: [
            ("0.1", "0.1"), ("-0.0", "0.0"), ("1e308", "1e+308"), ("5e-324", "5e-324"), (#""1e3""#, "1000.0"),
            (#""1e400""#, tooLarge), (#""inf""#, "✗ is not a number"), (#""nan""#, "✗ is not a number"),
            (#""0x1p3""#, "✗ is not a number"), ("false", "✗ is not a number"),
        ])
    func double(json: String, expected: String) { #expect(Self.reading(json, as: .double) == expected) }

    @Test("booleans; CSV has more of them")
    func boolean() {
        let not = "✗ is not true or false"
        for (json, plain, csv) in [
            ("true", "1", "1"), ("false", "0", "0"), (#""true""#, not, "1"), (#""f""#, not, "0"), (#""1""#, not, "1"),
            ("1", not, not), (#""yes""#, not, not), (#""on""#, not, not), (#""TRUE""#, not, not), ("2", not, not),
            ("null", "NULL", "NULL"), (#""""#, not, not),
        ] {
            #expect(Self.reading(json, as: .boolean) == plain, "\(json)")
            #expect(Self.reading(json, as: .boolean, csv: true) == csv, "\(json) in CSV")
        }
    }

    private static let notISO = "✗ is not an ISO 8601 date or time"
    private static let noDay = "✗ is a day that does not exist"
    private static let noTime = "✗ is a time of day that does not exist"
    private static let notString = "✗ is not a string with a date or time"

    @Test(
        "dates",
        arguments: [
            (#""2024-02-29""#, "2024-02-29"), (#""0001-01-01""#, "0001-01-01"), (#""9999-12-31""#, "9999-12-31"),
            (#""2025-02-29""#, noDay), (#""2025-02-30""#, noDay), (#""0000-01-01""#, noDay), (#""1900-02-29""#, noDay),
            (#""2025-13-01""#, noDay), (#""10000-01-01""#, notISO), (#""-0044-03-15""#, notISO),
            (#""01/02/2020""#, notISO),
            (#""2025-1-1""#, notISO), (#""20250101""#, notISO), (#""""#, notISO), (#"" 2025-01-01""#, notISO),
            (#""2025-01-01T00:00:00""#, "✗ has text behind the date"), ("20250101", notString), ("null", "NULL"),
        ])
    func date(json: String, expected: String) { #expect(Self.reading(json, as: .date) == expected) }

    @Test(
        "instants",
        arguments: [
            (#""2025-01-01T00:00:00Z""#, "2025-01-01T00:00:00.000000Z"),
            (#""2025-01-01 00:00:00+01""#, "2024-12-31T23:00:00.000000Z"),
            (#""2025-01-01T00:00-0330""#, "2025-01-01T03:30:00.000000Z"),
            (#""2025-01-01t00:00:00.1z""#, "2025-01-01T00:00:00.100000Z"),
            (#""2025-01-01T00:00:00,123456+00:00""#, "2025-01-01T00:00:00.123456Z"),
            (#""2025-01-01T00:00:00.1234560000Z""#, "2025-01-01T00:00:00.123456Z"),
            (#""2025-01-01T00:00:00""#, "2025-01-01T00:00:00.000000Z"),
            (#""2025-01-01T00:00:00+15:59""#, "2024-12-31T08:01:00.000000Z"),
            (#""1969-12-31T23:59:59.999999Z""#, "1969-12-31T23:59:59.999999Z"),
            (#""2025-01-01T00:00:00+16:00""#, "✗ has an offset beyond ±15:59"),
            (#""2025-01-01""#, "✗ is a date without time of day"), (#""2025-01-01T24:00:00Z""#, noTime),
            (#""2025-06-30T23:59:60Z""#, noTime), (#""2025-01-01T00:60:00Z""#, noTime),
            (#""2025-01-01T00:00:00.9999999Z""#, "✗ has more than 6 decimals of a second"),
            (#""2025-02-30T00:00:00Z""#, noDay),
            (#""2025-01-01T00:00:00 Europe/Berlin""#, "✗ has text behind the timestamp"),
            (#""2025-01-01T00:00:00.Z""#, notISO), (#""2025-01-01T1:00:00Z""#, notISO), ("1735689600", notString),
            (#""now""#, notISO), (#""infinity""#, notISO),
        ])
    func timestamptz(json: String, expected: String) { #expect(Self.reading(json, as: .timestamptz) == expected) }

    @Test("a timestamp has no offset, a time no date")
    func timestampAndTime() {
        #expect(Self.reading(#""2025-01-01T12:00""#, as: .timestamp) == "2025-01-01T12:00:00.000000")
        #expect(
            Self.reading(#""2025-01-01T12:00Z""#, as: .timestamp) == "✗ has an offset, expected a timestamp without one"
        )
        #expect(Self.reading(#""23:59:59.999999""#, as: .time) == "23:59:59.999999")
        #expect(Self.reading(#""24:00""#, as: .time) == Self.noTime)
        #expect(Self.reading(#""12:00Z""#, as: .time) == "✗ has text behind the time")
    }

    @Test(
        "local times take the zone's offset of that day; skipped and doubled hours have a rule",
        arguments: [
            ("Europe/Berlin", "2025-01-01T12:00", "2025-01-01T11:00"),
            ("Europe/Berlin", "2025-07-01T12:00", "2025-07-01T10:00"),
            ("Europe/Berlin", "2025-03-30T01:59:59", "2025-03-30T00:59:59"),
            ("Europe/Berlin", "2025-03-30T02:30", "2025-03-30T01:30"),
            ("Europe/Berlin", "2025-03-30T03:00", "2025-03-30T01:00"),
            ("Europe/Berlin", "2025-10-26T01:59", "2025-10-25T23:59"),
            ("Europe/Berlin", "2025-10-26T02:30", "2025-10-26T00:30"),
            ("Europe/Berlin", "2025-10-26T03:00", "2025-10-26T02:00"),
            ("America/New_York", "2025-03-09T02:30", "2025-03-09T07:30"),
            ("America/New_York", "2025-11-02T01:30", "2025-11-02T05:30"),
            ("America/New_York", "2025-11-02T02:00", "2025-11-02T07:00"),
            ("Australia/Lord_Howe", "2025-04-06T01:45", "2025-04-05T14:45"),
            ("Asia/Kolkata", "2025-01-01T00:00", "2024-12-31T18:30"),
        ])
    func zones(zone: String, local: String, utc: String) {
        let expected = utc + (utc.count == 16 ? ":00" : "") + ".000000Z"
        #expect(Self.reading("\"\(local)\"", as: .timestamptz) { $0.timezone = zone } == expected)
    }

    @Test(
        "formats are read as they say, nothing else",
        arguments: [
            ("%d.%m.%Y", ColumnType.date, #""29.02.2024""#, "2024-02-29"),
            ("%d.%m.%Y", .date, #""2024-02-29""#, "✗ does not match the column's format"),
            ("%d.%m.%Y", .date, #""31.04.2024""#, noDay),
            ("%Y%m%d", .date, #""20240229""#, "2024-02-29"),
            ("%d/%m/%y %H:%M:%S", .timestamp, #""01/02/69 03:04:05""#, "2069-02-01T03:04:05.000000"),
            ("%d/%m/%y %H:%M:%S", .timestamp, #""01/02/70 03:04:05""#, "1970-02-01T03:04:05.000000"),
            ("%Y-%m-%dT%H:%M:%S.%f%z", .timestamptz, #""2025-01-01T00:00:00.5+0100""#, "2024-12-31T23:00:00.500000Z"),
            ("epoch_s", .timestamptz, "1735689600", "2025-01-01T00:00:00.000000Z"),
            ("epoch_s", .timestamptz, #""1735689600.5""#, "2025-01-01T00:00:00.500000Z"),
            ("epoch_s", .timestamptz, "-1", "1969-12-31T23:59:59.000000Z"),
            ("epoch_ms", .timestamptz, "1735689600123", "2025-01-01T00:00:00.123000Z"),
            ("epoch_ms", .timestamptz, "0.0001", "✗ is finer than a microsecond"),
            ("epoch_s", .timestamptz, "1e17", "✗ is out of range"), ("epoch_s", .date, "86400", "1970-01-02"),
            ("epoch_s", .date, "86401", "✗ has a time of day, expected a date"),
            ("epoch_s", .timestamptz, #""x""#, "✗ is not a number of seconds or milliseconds since 1970"),
        ])
    func formats(format: String, type: ColumnType, json: String, expected: String) {
        #expect(Self.reading(json, as: type) { $0.format = format } == expected)
    }

    @Test(
        "texts",
        arguments: [
            (#""äöü""#, "äöü"), (#""""#, ""), ("12.50", "12.50"), ("true", "true"), ("false", "false"),
            ("null", "NULL"),
            ("1e2", "100"), ("-0.0", "0.0"), ("-1.50e1", "-15.0"), (#""1e2""#, "1e2"), (#""\ud83d\ude00x""#, "😀x"),
            (#""abcd""#, "✗ is longer than 3 characters"), ("1000", "✗ is longer than 3 characters"),
            ("[]", "✗ is an object or a list, expected text"), ("{}", "✗ is an object or a list, expected text"),
        ])
    func texts(json: String, expected: String) {
        let short =
            expected.unicodeScalars.count <= 3 || expected.hasPrefix("✗ is longer") || expected.hasPrefix("✗ is an")
        #expect(Self.reading(json, as: .string(length: short ? 3 : 20)) == expected)
    }

    @Test("trim and null_values act first, and a default fills what may not be NULL")
    func cleaning() {
        #expect(Self.reading(#"" \t7\n""#, as: .int) { $0.trims = true } == "7")
        #expect(
            Self.reading(#"" n/a ""#, as: .int) {
                $0.trims = true; $0.nullValues = ["n/a"]
            } == "NULL")
        #expect(Self.reading("-1", as: .int) { $0.nullValues = ["-1"] } == "NULL")
        #expect(Self.reading(#""n/a""#, as: .int) { $0.nullValues = ["N/A"] } == Self.notWhole)
        let missing = "✗ is NULL or missing, but must have a value"
        #expect(Self.reading("null", as: .int) { $0.isNullable = false } == missing)
        #expect(
            Self.reading("null", as: .int) {
                $0.isNullable = false; $0.defaultText = "5"
            } == "5")
        #expect(Self.reading("null", as: .int) { $0.defaultText = "5" } == "NULL")
        #expect(
            Self.reading("null", as: .date) {
                $0.isNullable = false; $0.defaultText = "2025-01-01"
            } == "2025-01-01")
        #expect(
            Self.reading(#""x""#, as: .int) {
                $0.isNullable = false; $0.defaultText = "5"
            } == Self.notWhole)
    }

    @Test("uuid, binary and json")
    func others() {
        #expect(
            Self.reading(#""0000000A-0000-0000-0000-0000000000ff""#, as: .uuid) == "0 0 0 a 0 0 0 0 0 0 0 0 0 0 0 ff")
        #expect(Self.reading(#""0000000A00000000000000000000000f""#, as: .uuid) == "✗ is not a uuid")
        #expect(Self.reading(#""{0000000a-0000-0000-0000-0000000000ff}""#, as: .uuid) == "✗ is not a uuid")
        #expect(Self.reading("5", as: .uuid) == "✗ is not a uuid")
        #expect(Self.reading(#""AP8=""#, as: .binary) == "0 ff")
        #expect(Self.reading(#""""#, as: .binary) == "")
        #expect(Self.reading(#""AP8""#, as: .binary) == "✗ is not base64")
        #expect(Self.reading("5", as: .binary) == "✗ is not base64")
        #expect(
            Self.reading(#"{"b":[1.0,-0,1e2,"\u00e9\/"],"a":{"ä":null,"Z":true}}"#, as: .json)
                == #"{"a":{"Z":true,"ä":null},"b":[1,0,100,"é/"]}"#)
        #expect(Self.reading(#""x\"y""#, as: .json) == #""x\"y""#)
        #expect(Self.reading("null", as: .json) == "NULL")
    }
}
