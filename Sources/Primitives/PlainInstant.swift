/// `YYYY-MM-DDTHH:MM:SS`, the form in which nearly all instants come, read eight bytes at a time.
struct PlainInstant {
    /// Bytes that it takes; a fraction and an offset may follow.
    static let length = 19

    private let numbers: (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int)

    /// Nil where the text does not begin like that: it is to be read byte by byte, which tells what is wrong with it.
    @inline(__always)
    init?(_ text: Span<UInt8>) {
        guard text.count >= Self.length, text[10] == 0x54 else { return nil }
        let (front, back, seconds) = text.withUnsafeBytes { bytes in
            (
                UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 11, as: UInt64.self)),
                UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
            )
        }
        // `0000-00-`, `00:00:00` and `00`: what is left of digits are their values, of marks nothing.
        let date = front ^ 0x2D30_302D_3030_3030
        let time = back ^ 0x3030_3A30_303A_3030
        let day = UInt64(seconds ^ 0x3030)
        // Adding carries into a byte's highest bit where it is above 9, or no mark.
        let isDate = (date &+ 0x7F76_767F_7676_7676) | date
        let isTime = (time &+ 0x7676_7F76_767F_7676) | time
        let isDay = (day &+ 0x7676) | day
        guard (isDate | isTime | isDay) & 0x8080_8080_8080_8080 == 0 else { return nil }
        func digit(_ word: UInt64, _ place: Int) -> Int { Int(truncatingIfNeeded: word >> (place * 8)) & 15 }
        func pair(_ word: UInt64, _ place: Int) -> Int { digit(word, place) * 10 + digit(word, place + 1) }
        numbers = (
            pair(date, 0) * 100 + pair(date, 2), pair(date, 5), pair(day, 0), pair(time, 0), pair(time, 3),
            pair(time, 6)
        )
    }

    /// The day.
    var date: CivilDate {
        get throws(TemporalMismatch) { try CivilTime.day(numbers.year, numbers.month, numbers.day) }
    }

    /// Microseconds since midnight.
    var ofDay: Int64 {
        get throws(TemporalMismatch) { try CivilTime.ofDay(numbers.hour, numbers.minute, numbers.second) }
    }
}
