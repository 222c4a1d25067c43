import Foundation
import JSON
import Primitives

/// Whether a text that metadata gives (`default`, `delta.initial`) is a legal value of a column.
struct LiteralCheck {
    let type: ColumnType
    let format: TimeFormat?

    /// The text of a JSON value that may stand for a value of the type; nil for null and for containers of other types.
    func text(of value: JSONValue) -> String? {
        switch (type, value) {
        case (_, .null): nil
        case (.json, _): value.text()
        case (_, .string(let text)), (_, .number(let text)): text
        case (_, .bool(let flag)): flag ? "true" : "false"
        case (_, .array), (_, .object): nil
        }
    }

    /// What the type takes, in words.
    var expectation: String {
        switch type {
        case .string(let length): length.map { "at most \($0) characters" } ?? "a string"
        case .text: "a string"
        case .smallint: "a whole number from -32768 to 32767"
        case .int: "a whole number from -2147483648 to 2147483647"
        case .bigint: "a whole number of 64 bits"
        case .double: "a finite number"
        case .numeric(let precision?, let scale):
            "a number of at most \(precision) digits, \(scale ?? 0) after the point"
        case .numeric: "a number"
        case .boolean: "true or false"
        case .date: "a date such as 2026-01-31"
        case .time: "a time such as 23:59:59.123456"
        case .timestamp: "a timestamp without offset such as 2026-01-31T23:59:59"
        case .timestamptz: "a timestamp such as 2026-01-31T23:59:59Z"
        case .uuid: "a uuid of 36 characters"
        case .json: "a JSON value"
        case .binary: "base64"
        }
    }

    /// True when the column would take the text from a record.
    func accepts(_ text: String) -> Bool {
        if type.isTemporal, let format { return accepts(text, format) }
        return switch type {
        case .string(let length): text.unicodeScalars.count <= length ?? Int.max
        case .text, .json: true
        case .smallint: isWhole(text) && Int16(text) != nil
        case .int: isWhole(text) && Int32(text) != nil
        case .bigint: isWhole(text) && Int64(text) != nil
        case .double: number(text) != nil && Double(text)?.isFinite == true
        case .numeric(let precision, let scale): fits(text, precision, scale)
        case .boolean: text == "true" || text == "false"
        case .date: ISOText(text)?.kind == .date
        case .time: ISOText(text)?.kind == .time
        case .timestamp: ISOText(text)?.kind == .timestamp(hasOffset: false)
        case .timestamptz:
            [.timestamp(hasOffset: false), .timestamp(hasOffset: true)].contains(ISOText(text)?.kind)
        case .uuid: UUIDValue(text) != nil
        case .binary: Data(base64Encoded: text) != nil
        }
    }

    private func accepts(_ text: String, _ format: TimeFormat) -> Bool {
        switch format {
        case .epochSeconds: number(text) != nil
        case .epochMilliseconds: isWhole(text)
        // The calendar is checked where records are read; here the length of every directive would have to be guessed.
        case .directives: !text.isEmpty
        }
    }

    private func isWhole(_ text: String) -> Bool {
        FieldPattern("^(0|-?[1-9][0-9]*)$").matches(text)
    }

    /// A JSON number's digits before and after the point, leading zeros off, nil where it is no JSON number.
    private func number(_ text: String) -> (whole: Int, fraction: Int)? {
        // Another text than a number is simply not accepted; where it goes wrong does not matter.
        guard case .number? = try? JSONReader.parse(text) else { return nil }
        let mantissa = text.split(whereSeparator: { $0 == "e" || $0 == "E" })
        let exponent = mantissa.count == 2 ? Int(mantissa[1]) ?? 10_000 : 0
        guard abs(exponent) <= 10_000 else { return nil }
        let parts = mantissa[0].drop { $0 == "-" }.split(separator: ".")
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        let digits = Array((parts[0] + fraction).utf8)
        let point = parts[0].utf8.count + exponent
        let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
        let significant = digits.count - digits.reversed().prefix { $0 == UInt8(ascii: "0") }.count
        return (max(0, point - zeros), max(0, significant - point))
    }

    private func fits(_ text: String, _ precision: Int?, _ scale: Int?) -> Bool {
        guard let number = number(text) else { return false }
        guard let precision else { return true }
        let scale = scale ?? 0
        return number.whole <= precision - scale && number.fraction <= scale
    }
}

/// The strict subset of ISO 8601 that records may use.
private struct ISOText {
    enum Kind: Equatable { case date, time, timestamp(hasOffset: Bool) }
    let kind: Kind

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        var rest = bytes[...]
        let hasDate = bytes.count >= 10 && bytes[4] == UInt8(ascii: "-")
        if hasDate {
            guard Self.isDate(Array(bytes[..<10])) else { return nil }
            rest = bytes[10...]
            if rest.isEmpty {
                kind = .date
                return
            }
            guard [UInt8(ascii: "T"), UInt8(ascii: " ")].contains(rest.removeFirst()) else { return nil }
        }
        let time = String(decoding: rest, as: UTF8.self)
        let clock = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?"
        if FieldPattern("^\(clock)$").matches(time) {
            kind = hasDate ? .timestamp(hasOffset: false) : .time
        } else if hasDate, FieldPattern("^\(clock)(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$").matches(time) {
            kind = .timestamp(hasOffset: true)
        } else {
            return nil
        }
    }

    private static func isDate(_ bytes: [UInt8]) -> Bool {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "-", omittingEmptySubsequences: false)
        guard FieldPattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$").matches(String(decoding: bytes, as: UTF8.self)),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return false }
        return CivilDate(year: year, month: month, day: day) != nil
    }
}
