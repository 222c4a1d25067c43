/// A point in time as whole microseconds since 1970-01-01T00:00:00Z, the resolution that PostgreSQL keeps.
///
/// Foundation's `Date` is a `Double` of seconds and cannot carry microseconds exactly; this can.
public struct Instant: Hashable, Comparable, Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z; negative before.
    public let microseconds: Int64

    /// An instant from microseconds since 1970-01-01T00:00:00Z.
    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// 0001-01-01T00:00:00Z: what a missing effective time is stored as.
    public static let oldest = Instant(microseconds: -62_135_596_800_000_000)
    /// 9999-12-31T23:59:59.999999Z: the last one that ISO 8601 writes in four digits of a year.
    public static let newest = Instant(microseconds: 253_402_300_799_999_999)

    /// True when `left` is earlier than `right`.
    public static func < (left: Instant, right: Instant) -> Bool { left.microseconds < right.microseconds }

    /// The instant `microseconds` later.
    public func advanced(byMicroseconds microseconds: Int64) -> Instant {
        Instant(microseconds: self.microseconds + microseconds)
    }
}

extension Instant: CustomStringConvertible {
    /// ISO 8601 in UTC with six decimals: `2026-11-21T02:40:42.123456Z`.
    public var description: String {
        let second = microseconds.flooredQuotient(by: 1_000_000)
        let micro = microseconds - second * 1_000_000
        let day = second.flooredQuotient(by: 86_400)
        let ofDay = second - day * 86_400
        let date = CivilDate(daysSinceEpoch: day)
        return "\(date)T\(pad(ofDay / 3600)):\(pad(ofDay / 60 % 60)):\(pad(ofDay % 60)).\(pad(micro, 6))Z"
    }
}

extension Int64 {
    /// Division rounding towards negative infinity, so that days before 1970 come out right.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

func pad(_ number: Int64, _ width: Int = 2) -> String {
    let digits = String(number)
    return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
}
