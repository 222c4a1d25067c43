/// A date, a time of day and an offset, as far as a text gives them.
package struct CivilTime {
    package var date = CivilDate(daysSinceEpoch: 0)
    /// Microseconds since midnight.
    package var ofDay: Int64 = 0
    package var hasTime = false
    /// Seconds east of UTC; nil where the text says nothing.
    package var offset: Int?

    /// Microseconds since 1970-01-01T00:00:00 of the same clock.
    package var local: Int64 { date.daysSinceEpoch * 86_400_000_000 + ofDay }

    /// A day of the calendar.
    static func day(_ year: Int, _ month: Int, _ day: Int) throws(TemporalMismatch) -> CivilDate {
        guard let date = CivilDate(year: year, month: month, day: day) else {
            throw TemporalMismatch("is a day that does not exist")
        }
        return date
    }

    /// Microseconds since midnight.
    static func ofDay(_ hour: Int, _ minute: Int, _ second: Int) throws(TemporalMismatch) -> Int64 {
        guard hour < 24, minute < 60, second < 60 else {
            throw TemporalMismatch("is a time of day that does not exist")
        }
        return Int64(hour * 3600 + minute * 60 + second) * 1_000_000
    }
}

/// Why a text is no date or time.
package struct TemporalMismatch: Error {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// Reads ISO 8601 strictly: nothing is guessed, rounded or rolled over to the next day.
package struct TemporalReader {
    private var at = 0

    package init() {}

    private func isAtEnd(_ text: Span<UInt8>) -> Bool { at == text.count }

    private func peek(_ text: Span<UInt8>) -> UInt8 { at < text.count ? text[at] : 0 }

    private mutating func number(_ text: Span<UInt8>, _ count: Int) throws(TemporalMismatch) -> Int {
        guard at + count <= text.count else { throw TemporalMismatch("is not an ISO 8601 date or time") }
        var value = 0
        for _ in 0..<count {
            let digit = text[at] &- 0x30
            guard digit < 10 else { throw TemporalMismatch("is not an ISO 8601 date or time") }
            value = value * 10 + Int(digit)
            at += 1
        }
        return value
    }

    private mutating func take(_ text: Span<UInt8>, _ byte: UInt8) -> Bool {
        guard at < text.count, text[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ text: Span<UInt8>, _ byte: UInt8) throws(TemporalMismatch) {
        guard take(text, byte) else { throw TemporalMismatch("is not an ISO 8601 date or time") }
    }

    /// `YYYY-MM-DD`, then for timestamps `T` or a space, `HH:MM[:SS[.ffffff]]` and `Z` or `±HH[[:]MM]`.
    package mutating func dateTime(_ text: Span<UInt8>) throws(TemporalMismatch) -> CivilTime {
        var result = CivilTime()
        if let plain = PlainInstant(text) {
            at = PlainInstant.length
            result.date = try plain.date
            result.ofDay = try plain.ofDay
            if take(text, 0x2E) || take(text, 0x2C) { result.ofDay += Int64(try fraction(text)) }
        } else {
            result.date = try date(text)
            if isAtEnd(text) { return result }
            guard take(text, 0x54) || take(text, 0x74) || take(text, 0x20) else {
                throw TemporalMismatch("is not an ISO 8601 timestamp")
            }
            result.ofDay = try time(text)
        }
        result.hasTime = true
        result.offset = try offset(text)
        guard isAtEnd(text) else { throw TemporalMismatch("has text behind the timestamp") }
        return result
    }

    /// `YYYY-MM-DD` alone.
    package mutating func dateOnly(_ text: Span<UInt8>) throws(TemporalMismatch) -> CivilDate {
        let result = try date(text)
        guard isAtEnd(text) else { throw TemporalMismatch("has text behind the date") }
        return result
    }

    /// `HH:MM[:SS[.ffffff]]` alone, in microseconds since midnight.
    package mutating func timeOnly(_ text: Span<UInt8>) throws(TemporalMismatch) -> Int64 {
        let result = try time(text)
        guard isAtEnd(text) else { throw TemporalMismatch("has text behind the time") }
        return result
    }

    private mutating func date(_ text: Span<UInt8>) throws(TemporalMismatch) -> CivilDate {
        let year = try number(text, 4)
        try expect(text, 0x2D)
        let month = try number(text, 2)
        try expect(text, 0x2D)
        return try CivilTime.day(year, month, try number(text, 2))
    }

    private mutating func time(_ text: Span<UInt8>) throws(TemporalMismatch) -> Int64 {
        let hour = try number(text, 2)
        try expect(text, 0x3A)
        let minute = try number(text, 2)
        var second = 0
        var micro = 0
        if take(text, 0x3A) {
            second = try number(text, 2)
            if take(text, 0x2E) || take(text, 0x2C) { micro = try fraction(text) }
        }
        return try CivilTime.ofDay(hour, minute, second) + Int64(micro)
    }

    mutating func fraction(_ text: Span<UInt8>) throws(TemporalMismatch) -> Int {
        var micro = 0
        var count = 0
        while at < text.count {
            let digit = text[at] &- 0x30
            guard digit < 10 else { break }
            if count < 6 {
                micro = micro * 10 + Int(digit)
            } else if digit != 0 {
                throw TemporalMismatch("has more than 6 decimals of a second")
            }
            count += 1
            at += 1
        }
        guard count > 0 else { throw TemporalMismatch("is not an ISO 8601 date or time") }
        for _ in min(count, 6)..<6 { micro *= 10 }
        return micro
    }

    /// `Z`, `±HH`, `±HHMM` or `±HH:MM` in seconds; nil where nothing follows.
    private mutating func offset(_ text: Span<UInt8>) throws(TemporalMismatch) -> Int? {
        if isAtEnd(text) { return nil }
        if take(text, 0x5A) || take(text, 0x7A) { return 0 }
        let isWest = peek(text) == 0x2D
        guard take(text, 0x2B) || take(text, 0x2D) else { throw TemporalMismatch("has text behind the timestamp") }
        let hour = try number(text, 2)
        var minute = 0
        if !isAtEnd(text) {
            _ = take(text, 0x3A)
            minute = try number(text, 2)
        }
        guard hour < 16, minute < 60 else { throw TemporalMismatch("has an offset beyond ±15:59") }
        return (isWest ? -1 : 1) * (hour * 3600 + minute * 60)
    }

    /// A strptime subset: %Y %m %d %H %M %S %f (1 to 6 digits) %z %y, %% and literal characters.
    package mutating func formatted(_ text: Span<UInt8>, _ format: [UInt8]) throws(TemporalMismatch) -> CivilTime {
        var result = CivilTime()
        var (year, month, day, hour, minute, second, micro) = (1970, 1, 1, 0, 0, 0, 0)
        var position = 0
        while position < format.count {
            guard format[position] == 0x25, position + 1 < format.count else {
                guard take(text, format[position]) else { throw TemporalMismatch("does not match the column's format") }
                position += 1
                continue
            }
            switch format[position + 1] {
            case 0x59: year = try number(text, 4)
            case 0x79:
                year = try number(text, 2)
                year += year < 70 ? 2000 : 1900
            case 0x6D: month = try number(text, 2)
            case 0x64: day = try number(text, 2)
            case 0x48: hour = try number(text, 2)
            case 0x4D: minute = try number(text, 2)
            case 0x53: second = try number(text, 2)
            case 0x66: micro = try fraction(text)
            case 0x7A: result.offset = try offset(text)
            case 0x25: try expect(text, 0x25)
            default: throw TemporalMismatch("cannot be read: the column's format has an unknown directive")
            }
            if [0x48, 0x4D, 0x53, 0x66].contains(format[position + 1]) { result.hasTime = true }
            position += 2
        }
        guard isAtEnd(text) else { throw TemporalMismatch("does not match the column's format") }
        result.date = try CivilTime.day(year, month, day)
        result.ofDay = try CivilTime.ofDay(hour, minute, second) + Int64(micro)
        return result
    }
}
