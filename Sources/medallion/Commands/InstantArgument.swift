import ArgumentParser
import Pipeline
import Primitives

/// Reads an instant, or a day as its beginning in UTC.
func readInstant(_ text: String, of option: String) throws -> Instant {
    guard let instant = Instant(iso8601: text) ?? Instant(iso8601: text + "T00:00:00Z"),
        instant >= .oldest, instant <= .newest
    else {
        throw ValidationError(
            "\(option) takes an instant of the years 1 to 9999 such as 2026-01-31T00:00:00Z, or a day, got '\(text)'")
    }
    return instant
}
