internal import Foundation

/// The time zone of timestamps without offset.
///
/// A local time that a zone skips (spring) is read with the offset before the change; one that it has twice (autumn)
/// is read as the first.
package struct LocalTime: Sendable {
    private let zone: TimeZone?

    /// A zone by its IANA name; nil for UTC.
    package init(_ name: String) {
        zone = ["UTC", "Etc/UTC", "GMT", "Z"].contains(name) ? nil : TimeZone(identifier: name)
    }

    /// Microseconds since 1970 UTC of a local clock's microseconds.
    package func utc(local: Int64) -> Int64 {
        guard let zone else { return local }
        func offset(at utc: Int64) -> Int64 {
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(utc) / 1_000_000))) * 1_000_000
        }
        let day: Int64 = 86_400_000_000
        let before = offset(at: local - day)
        let asBefore = local - before
        if offset(at: asBefore) == before { return asBefore }
        let after = offset(at: local + day)
        return offset(at: local - after) == after ? local - after : asBefore
    }

    /// Seconds east of UTC at an instant.
    package func offset(at instant: Instant) -> Int {
        zone?.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant.microseconds) / 1_000_000)) ?? 0
    }
}
