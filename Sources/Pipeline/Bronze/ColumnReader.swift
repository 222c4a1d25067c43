internal import Foundation
internal import JSON
internal import Metadata
internal import Primitives

/// Turns one column's cell into a typed value, or says why it cannot: the table of accepted values, nothing guessed.
struct ColumnReader {
    /// What became of a cell.
    enum Outcome {
        /// The row holds a value, or NULL where the column allows it.
        case accepted
        /// The record is to be quarantined for this reason.
        case rejected(String)
    }

    let column: Column
    private let zone: LocalTime
    private let format: [UInt8]?
    private let nullTexts: [[UInt8]]
    private let defaultText: [UInt8]?
    /// Strings that only CSV has for booleans, and what was stored by an earlier batch.
    private let readsLooseBooleans: Bool
    private var number = NumericText()
    /// The canonical text of the json value read last.
    private var canonical: [UInt8] = []

    /// A reader; `timezone` is the one of timestamps without offset.
    init(_ column: Column, timezone: String, readsLooseBooleans: Bool) {
        self.column = column
        zone = LocalTime(column.timezone ?? timezone)
        format = column.format.map { Array($0.utf8) }
        nullTexts = column.nullValues.map { Array($0.utf8) }
        defaultText = column.defaultText.map { Array($0.utf8) }
        self.readsLooseBooleans = readsLooseBooleans
    }

    /// Reads a cell into `row` at `index`.
    mutating func read(_ kind: CellKind, _ cell: Span<UInt8>, into row: inout TypedRow, at index: Int) -> Outcome {
        let text = column.trims && kind == .string ? cell.extracting(ColumnReader.content(of: cell)) : cell
        let isNull =
            kind == .missing || kind == .null
            || (!nullTexts.isEmpty && kind != .object && kind != .array
                && nullTexts.contains { ColumnReader.equal($0, text) })
        if isNull { return readNull(isMissing: kind == .missing, into: &row, at: index) }
        return value(kind, text, into: &row, at: index)
    }

    /// A missing field takes the default; NULL takes it only where the column must have a value.
    private mutating func readNull(isMissing: Bool, into row: inout TypedRow, at index: Int) -> Outcome {
        if let defaultText, isMissing || !column.isNullable {
            switch column.type {
            case .json: return value(.object, defaultText.span, into: &row, at: index)
            case .boolean:
                return value(defaultText.first == 0x74 ? .true : .false, defaultText.span, into: &row, at: index)
            default: return value(.string, defaultText.span, into: &row, at: index)
            }
        }
        guard column.isNullable, !column.isKey else { return .rejected("is NULL or missing, but must have a value") }
        row.setNull(index)
        return .accepted
    }

    private mutating func value(
        _ kind: CellKind, _ text: Span<UInt8>, into row: inout TypedRow, at index: Int
    ) -> Outcome {
        switch column.type {
        case .string(let length): return self.text(kind, text, length, &row, index)
        case .text: return self.text(kind, text, nil, &row, index)
        case .smallint: return integer(kind, text, Int16.self, &row, index)
        case .int: return integer(kind, text, Int32.self, &row, index)
        case .bigint: return integer(kind, text, Int64.self, &row, index)
        case .double: return double(kind, text, &row, index)
        case .numeric(let precision, let scale): return numeric(kind, text, precision, scale, &row, index)
        case .boolean: return boolean(kind, text, &row, index)
        case .date, .time, .timestamp, .timestamptz: return temporal(kind, text, &row, index)
        case .uuid:
            guard kind == .string, let value = UUIDValue(utf8: text) else {
                return .rejected("is not a uuid")
            }
            row.set(index, value)
        case .json:
            canonical.removeAll(keepingCapacity: true)
            switch kind {
            case .string: JSONCanonical.appendString(text, to: &canonical)
            case .number: JSONCanonical.appendNumber(text, to: &canonical)
            case .true: canonical.append(contentsOf: Array("true".utf8))
            case .false: canonical.append(contentsOf: Array("false".utf8))
            default: JSONCanonical.append(text, to: &canonical)
            }
            row.set(index) {
                $0.append(byte: 1)
                $0.append(canonical.span)
            } canonical: {
                $0.append(canonical.span)
            }
        case .binary:
            guard kind == .string, let data = Data(base64Encoded: String(decoding: text)) else {
                return .rejected("is not base64")
            }
            row.set(index, Array(data).span)
        }
        return .accepted
    }

    /// A string; a boolean's or number's JSON text, the latter as jsonb shows it, so that silver reads what bronze read.
    private mutating func text(
        _ kind: CellKind, _ text: Span<UInt8>, _ length: Int?, _ row: inout TypedRow, _ index: Int
    ) -> Outcome {
        guard kind != .object, kind != .array else { return .rejected("is an object or a list, expected text") }
        if kind == .number, text.indices.contains(where: { text[$0] | 0x20 == 0x65 }) || text[0] == 0x2D,
            number.read(text)
        {
            var plain = ByteWriter()
            number.appendPlain(to: &plain)
            return plain.withBytes { setText($0, length, &row, index) }
        }
        return setText(text, length, &row, index)
    }

    private func setText(_ text: Span<UInt8>, _ length: Int?, _ row: inout TypedRow, _ index: Int) -> Outcome {
        if let length, ColumnReader.characters(text) > length {
            return .rejected("is longer than \(length) characters")
        }
        row.set(index, text)
        return .accepted
    }

    /// A JSON integer, `1.0`, or a string of digits without leading zeros, plus sign or spaces.
    private func integer<T: FixedWidthInteger & SignedInteger>(
        _ kind: CellKind, _ text: Span<UInt8>, _ type: T.Type, _ row: inout TypedRow, _ index: Int
    ) -> Outcome {
        let wanted = "is not a whole number"
        guard kind == .number || kind == .string else { return .rejected(wanted) }
        var end = text.count
        if kind == .number, let dot = text.indices.first(where: { text[$0] == 0x2E }) {
            guard (dot + 1..<end).allSatisfy({ text[$0] == 0x30 }) else { return .rejected(wanted) }
            end = dot
        }
        let isNegative = end > 0 && text[0] == 0x2D
        let start = isNegative ? 1 : 0
        guard end > start, text[start] != 0x30 || end == start + 1 else { return .rejected(wanted) }
        var value: Int64 = 0
        for position in start..<end {
            let digit = text[position] &- 0x30
            guard digit < 10 else { return .rejected(wanted) }
            let (ten, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowed) = ten.subtractingReportingOverflow(Int64(digit))
            guard !overflow, !overflowed else { return .rejected("is out of range") }
            value = next
        }
        if !isNegative {
            guard value != Int64.min else { return .rejected("is out of range") }
            value = -value
        }
        guard let narrow = T(exactly: value) else { return .rejected("is out of range") }
        if T.self == Int64.self { row.set(index, value) } else { row.set(index, narrow, canonical: value) }
        return .accepted
    }

    private mutating func double(
        _ kind: CellKind, _ text: Span<UInt8>, _ row: inout TypedRow, _ index: Int
    ) -> Outcome {
        guard kind == .number || kind == .string, number.read(text), let value = Double(String(decoding: text)) else {
            return .rejected("is not a number")
        }
        guard value.isFinite else { return .rejected("is out of range") }
        row.set(index, (value == 0 ? 0 : value).bitPattern)
        return .accepted
    }

    private mutating func numeric(
        _ kind: CellKind, _ text: Span<UInt8>, _ precision: Int?, _ scale: Int?, _ row: inout TypedRow, _ index: Int
    ) -> Outcome {
        guard kind == .number || kind == .string, number.read(text) else { return .rejected("is not a number") }
        if let precision {
            let scale = scale ?? 0
            guard number.scale <= scale else { return .rejected("has more than \(scale) decimals") }
            guard number.wholeDigits <= precision - scale else {
                return .rejected("has more than \(precision - scale) digits in front of the point")
            }
        }
        guard number.wholeDigits <= 131_072, number.scale <= 16_383 else { return .rejected("is out of range") }
        let shown = precision == nil ? max(number.scale, min(number.writtenScale, 16_383)) : scale ?? 0
        row.set(index) {
            number.appendBinary(scale: shown, to: &$0)
        } canonical: {
            number.appendCanonical(to: &$0)
        }
        return .accepted
    }

    private func boolean(_ kind: CellKind, _ text: Span<UInt8>, _ row: inout TypedRow, _ index: Int) -> Outcome {
        var value: UInt8?
        switch kind {
        case .true: value = 1
        case .false: value = 0
        case .string where readsLooseBooleans:
            switch String(decoding: text) {
            case "true", "t", "1": value = 1
            case "false", "f", "0": value = 0
            default: break
            }
        default: break
        }
        guard let value else { return .rejected("is not true or false") }
        row.set(index, value)
        return .accepted
    }

    private mutating func temporal(
        _ kind: CellKind, _ text: Span<UInt8>, _ row: inout TypedRow, _ index: Int
    ) -> Outcome {
        do {
            let microseconds = try clock(kind, text)
            switch column.type {
            case .date:
                let day = microseconds / 86_400_000_000
                row.set(index, Int32(day - ColumnReader.daysTo2000), canonical: day)
            case .time: row.set(index, microseconds)
            default:
                row.set(index, microseconds - ColumnReader.daysTo2000 * 86_400_000_000, canonical: microseconds)
            }
            return .accepted
        } catch {
            return .rejected(error.reason)
        }
    }

    /// PostgreSQL counts days and microseconds from 2000-01-01.
    static let daysTo2000: Int64 = 10_957

    /// Microseconds since 1970 of an instant, a local timestamp or a day; since midnight of a time.
    private mutating func clock(_ kind: CellKind, _ text: Span<UInt8>) throws(TemporalMismatch) -> Int64 {
        if let format, format == ColumnReader.epochSeconds || format == ColumnReader.epochMilliseconds {
            return try epoch(kind, text, unit: format == ColumnReader.epochSeconds ? 6 : 3)
        }
        guard kind == .string else { throw TemporalMismatch("is not a string with a date or time") }
        var reader = TemporalReader()
        if let format { return try settle(try reader.formatted(text, format)) }
        switch column.type {
        case .date: return try reader.dateOnly(text).daysSinceEpoch * 86_400_000_000
        case .time: return try reader.timeOnly(text)
        default:
            let moment = try reader.dateTime(text)
            guard moment.hasTime else { throw TemporalMismatch("is a date without time of day") }
            return try settle(moment)
        }
    }

    private func settle(_ moment: CivilTime) throws(TemporalMismatch) -> Int64 {
        switch column.type {
        case .date:
            guard !moment.hasTime else { throw TemporalMismatch("has a time of day, expected a date") }
            return moment.local
        case .time: return moment.ofDay
        case .timestamp:
            guard moment.offset == nil else {
                throw TemporalMismatch("has an offset, expected a timestamp without one")
            }
            return moment.local
        default:
            if let offset = moment.offset { return moment.local - Int64(offset) * 1_000_000 }
            return zone.utc(local: moment.local)
        }
    }

    private static let epochSeconds = Array("epoch_s".utf8)
    private static let epochMilliseconds = Array("epoch_ms".utf8)

    /// A number of seconds or milliseconds since 1970 UTC, `unit` decimal places above a microsecond.
    private mutating func epoch(
        _ kind: CellKind, _ text: Span<UInt8>, unit: Int
    ) throws(TemporalMismatch) -> Int64 {
        guard kind == .number || kind == .string, number.read(text) else {
            throw TemporalMismatch("is not a number of seconds or milliseconds since 1970")
        }
        guard number.scale <= unit else { throw TemporalMismatch("is finer than a microsecond") }
        guard number.wholeDigits + unit <= 18 else { throw TemporalMismatch("is out of range") }
        var value: Int64 = 0
        for place in 0..<max(0, number.point + unit) {
            value = value * 10 + (place < number.digits.count ? Int64(number.digits[place] - 0x30) : 0)
        }
        if number.isNegative { value = -value }
        let day = value.quotientAndRemainder(dividingBy: 86_400_000_000).quotient
        guard (-719_162...2_932_896).contains(day) else { throw TemporalMismatch("is out of range") }
        guard case .date = column.type else { return value }
        guard value % 86_400_000_000 == 0 else { throw TemporalMismatch("has a time of day, expected a date") }
        return value
    }

    private static func characters(_ text: Span<UInt8>) -> Int {
        var count = 0
        for index in text.indices where text[index] & 0xC0 != 0x80 { count += 1 }
        return count
    }

    private static func equal(_ bytes: [UInt8], _ text: Span<UInt8>) -> Bool {
        bytes.count == text.count && text.indices.allSatisfy { text[$0] == bytes[$0] }
    }

    private static func content(of text: Span<UInt8>) -> Range<Int> {
        var (start, end) = (0, text.count)
        while start < end, isSpace(text[start]) { start += 1 }
        while end > start, isSpace(text[end - 1]) { end -= 1 }
        return start..<end
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
