import ConnectorKit
import Metadata
import Primitives

/// `steps` of a source: the window of a load, asked for piece by piece, `{{ step.from }}` to `{{ step.until }}`.
struct RestSteps: Decodable, Sendable {
    /// How much one piece holds: `7d`, `12h`.
    var size: String
    /// Where a full load begins, ISO 8601.
    var start: String

    /// The length of `size` in microseconds; nil for anything but weeks, days, hours, minutes, seconds.
    static func microseconds(of size: String) -> Int64? {
        guard let length = TimeLength(size), (1...1_000_000).contains(length.count) else { return nil }
        return length.microseconds
    }

    /// The pieces of a window, in order, each beginning where the one before ended.
    /// - Throws: `ConnectorError` where the window does not begin with an instant.
    func pieces(of window: LoadWindow) throws -> [(from: Instant, until: Instant)] {
        let text = window.loadType == .delta ? window.from ?? start : start
        guard let length = Self.microseconds(of: size), let first = Instant(utcByDefault: text) else {
            throw ConnectorError(
                "source.steps: the window begins with '\(text)', which is no date or timestamp",
                hint: "use steps with a cursor column of a date or timestamp type")
        }
        var pieces: [(Instant, Instant)] = []
        var from = first
        while from < window.until {
            let until = min(from.advanced(byMicroseconds: length), window.until)
            pieces.append((from, until))
            from = until
        }
        // A window that begins in the future is asked for once: the source decides what that means.
        return pieces.isEmpty ? [(first, first.advanced(byMicroseconds: length))] : pieces
    }
}
