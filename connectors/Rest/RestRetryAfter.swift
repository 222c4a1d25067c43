import HTTPTransport
import Primitives

/// Seconds that `Retry-After` asks for, as a number or as a date (RFC 9110, section 10.2.3); nil without the header.
///
/// A date is measured against the server's own `Date`, so that a clock that is wrong on either side does no harm.
func secondsToWait(_ headers: HTTPHeaders, now: Instant) -> Double? {
    guard let text = headers["Retry-After"] else { return nil }
    if let seconds = Double(text), seconds.isFinite { return max(0, seconds) }
    guard let asked = httpDate(text) else { return nil }
    let reference = headers["Date"].flatMap(httpDate) ?? now
    return max(0, Double(asked.microseconds - reference.microseconds) / 1_000_000)
}

/// An instant in the form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`.
func httpDate(_ text: String) -> Instant? {
    let parts = text.split(separator: " ")
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]), let year = Int(parts[3]),
        let month = months.firstIndex(of: String(parts[2])),
        let date = CivilDate(year: year, month: month + 1, day: day)
    else { return nil }
    let time = parts[4].split(separator: ":").compactMap { Int64($0) }
    guard time.count == 3, (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2]) else {
        return nil
    }
    let second = date.daysSinceEpoch * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
    return Instant(microseconds: second * 1_000_000)
}
