import Primitives

/// The binary form in which COPY sends a type, and its JSON.
///
/// The forms are those of PostgreSQL's `…send` functions, the same in every version
/// (https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
enum PostgresForm: Sendable {
    case boolean, integer, float, double, numeric, text, uuid, date, timestamp, timestamptz, json, jsonb, binary

    func append(_ field: Span<UInt8>, to line: inout [UInt8]) {
        switch self {
        case .boolean: line.append(contentsOf: (field[0] == 0 ? "false" : "true").utf8)
        case .integer: line.append(json: signed(field))
        case .float: line.append(json: Float(bitPattern: UInt32(truncatingIfNeeded: unsigned(field, 0, 4))))
        case .double: line.append(json: Double(bitPattern: unsigned(field, 0, 8)))
        case .numeric: appendNumeric(field, to: &line)
        case .text: line.append(jsonString: field)
        case .uuid: appendUUID(field, to: &line)
        case .date: appendDate(signed(field), to: &line)
        case .timestamp: appendTimestamp(signed(field), zone: "", to: &line)
        case .timestamptz: appendTimestamp(signed(field), zone: "Z", to: &line)
        case .json: line.append(inlineJSON: field)
        // Its first byte is the version of the form.
        case .jsonb: line.append(inlineJSON: field.extracting(1..<field.count))
        case .binary: line.append(base64: field)
        }
    }

    private func unsigned(_ field: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var number: UInt64 = 0
        for index in start..<start + count { number = number << 8 | UInt64(field[index]) }
        return number
    }

    private func signed(_ field: Span<UInt8>) -> Int64 {
        let number = unsigned(field, 0, field.count)
        switch field.count {
        case 2: return Int64(Int16(truncatingIfNeeded: number))
        case 4: return Int64(Int32(truncatingIfNeeded: number))
        default: return Int64(bitPattern: number)
        }
    }

    // MARK: Numeric

    /// Groups of four decimal digits, the weight of the first one, sign and digits behind the point (`numeric_send`).
    private func appendNumeric(_ field: Span<UInt8>, to line: inout [UInt8]) {
        let count = Int(unsigned(field, 0, 2))
        let weight = Int(Int16(truncatingIfNeeded: unsigned(field, 2, 2)))
        let sign = unsigned(field, 4, 2)
        var scale = Int(unsigned(field, 6, 2))
        guard sign & 0xC000 != 0xC000 else {
            return line.append(notFinite: sign == 0xC000, sign == 0xF000)
        }
        func group(_ index: Int) -> Int64 {
            index >= 0 && index < count ? Int64(unsigned(field, 8 + 2 * index, 2)) : 0
        }
        if sign == 0x4000 { line.append(0x2D) }
        if weight < 0 { line.append(0x30) }
        for index in 0..<max(0, weight + 1) { line.append(group(index), width: index == 0 ? 1 : 4) }
        guard scale > 0 else { return }
        line.append(0x2E)
        var index = weight + 1
        while scale > 0 {
            let start = line.count
            line.append(group(index), width: 4)
            if scale < 4 { line.removeLast(line.count - start - scale) }
            scale -= 4
            index += 1
        }
    }

    // MARK: Time

    /// Days between 1970-01-01 and PostgreSQL's own first day, 2000-01-01.
    private static let firstDay: Int64 = 10_957
    private static let dayMicroseconds: Int64 = 86_400_000_000

    private func appendDate(_ day: Int64, to line: inout [UInt8]) {
        guard day != Int64(Int32.max), day != Int64(Int32.min) else { return appendInfinity(day < 0, to: &line) }
        line.append(0x22)
        append(date: day + Self.firstDay, to: &line)
        line.append(0x22)
    }

    private func appendTimestamp(_ microseconds: Int64, zone: String, to line: inout [UInt8]) {
        guard microseconds != .max, microseconds != .min else { return appendInfinity(microseconds < 0, to: &line) }
        var day = microseconds / Self.dayMicroseconds
        var ofDay = microseconds % Self.dayMicroseconds
        if ofDay < 0 { (day, ofDay) = (day - 1, ofDay + Self.dayMicroseconds) }
        line.append(0x22)
        append(date: day + Self.firstDay, to: &line)
        line.append(0x54)
        line.append(ofDay / 3_600_000_000, width: 2)
        line.append(0x3A)
        line.append(ofDay / 60_000_000 % 60, width: 2)
        line.append(0x3A)
        line.append(ofDay / 1_000_000 % 60, width: 2)
        if ofDay % 1_000_000 != 0 {
            line.append(0x2E)
            line.append(ofDay % 1_000_000, width: 6)
        }
        line.append(contentsOf: zone.utf8)
        line.append(0x22)
    }

    /// Years beyond four digits, and those before the year 1, as ISO 8601 expands them: `+10000`, `-0043` (44 BC).
    private func append(date days: Int64, to line: inout [UInt8]) {
        let date = CivilDate(daysSinceEpoch: days)
        if date.year < 0 { line.append(0x2D) }
        if date.year > 9999 { line.append(0x2B) }
        line.append(Int64(abs(date.year)), width: 4)
        line.append(0x2D)
        line.append(Int64(date.month), width: 2)
        line.append(0x2D)
        line.append(Int64(date.day), width: 2)
    }

    private func appendInfinity(_ isNegative: Bool, to line: inout [UInt8]) {
        line.append(contentsOf: (isNegative ? "\"-infinity\"" : "\"infinity\"").utf8)
    }

    private func appendUUID(_ field: Span<UInt8>, to line: inout [UInt8]) {
        line.append(0x22)
        for index in 0..<field.count {
            if index == 4 || index == 6 || index == 8 || index == 10 { line.append(0x2D) }
            for digit in [field[index] >> 4, field[index] & 15] { line.append(digit + (digit < 10 ? 0x30 : 0x57)) }
        }
        line.append(0x22)
    }
}
