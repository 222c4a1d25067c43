internal import Foundation

/// The time zone of timestamps without offset.
///
/// A local time that a zone skips (spring) is read with the offset before the change; one that it has twice (autumn)
/// is read as the first.
struct LocalTime: Sendable {
    private let zone: TimeZone?

    /// A zone by its IANA name; nil for UTC.
    init(_ name: String) {
        zone = ["UTC", "Etc/UTC", "GMT", "Z"].contains(name) ? nil : TimeZone(identifier: name)
    }

    /// Microseconds since 1970 UTC of a local clock's microseconds.
    func utc(local: Int64) -> Int64 {
        guard let zone else { return local }
        func offset(at utc: Int64) -> Int64 {
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(utc) / 1_000_000))) * 1_000_000
        }
        let guess = local - offset(at: local - offset(at: local))
        // The earlier of two candidates wins when both lead back to the same local time.
        let earlier = local - offset(at: guess - 10_800_000_000)
        return earlier < guess && earlier + offset(at: earlier) == local ? earlier : guess
    }
}
