import Foundation
import JSON
import Primitives

/// What may stand behind a `|`.
enum TemplateFilter: String, CaseIterable, Sendable, Hashable {
    /// `date('%Y-%m-%d')`, `date('%H:%M', 'Europe/Berlin')`: an instant by strftime directives, in UTC or a zone.
    case date
    /// Seconds since 1970-01-01T00:00:00Z, whole.
    case epoch
    /// Milliseconds since 1970-01-01T00:00:00Z, whole.
    case epochMilliseconds = "epoch_ms"
    /// `shift('-1d')`: an instant moved by weeks, days, hours, minutes or seconds (w, d, h, m, s), or a number by a
    /// number.
    case shift
    /// `default('x')`: instead of a missing value, null or an empty text.
    case `default`
    /// Small letters.
    case lower
    /// Capitals.
    case upper
    /// Without space at its ends.
    case trim
    /// `replace('a', 'b')`: every occurrence of a text by another one.
    case replace
    /// Percent-encoded for a part of a URL.
    case url
    /// Base64 of its UTF-8 bytes.
    case base64
    /// JSON text.
    case json
    /// `join(',')`: the elements of a list with a text between them.
    case join
    /// A text of digits as a number.
    case number

    /// What is wrong with the arguments; nil if nothing is.
    func complaint(about arguments: [JSONValue]) -> String? {
        let texts = arguments.compactMap(\.stringValue)
        switch self {
        case .date:
            guard (1...2).contains(arguments.count), texts.count == arguments.count else {
                return "expected a format such as '%Y-%m-%d', and perhaps a zone"
            }
            if let letter = unknownDirective(in: texts[0]) {
                return
                    "the format has an unknown directive %\(letter); known: %\(directives.map(String.init).joined(separator: " %"))"
            }
            return texts.dropFirst().contains { TimeZone(identifier: $0) == nil }
                ? "'\(texts[1])' is no time zone such as 'Europe/Berlin'" : nil
        case .shift:
            guard arguments.count == 1 else { return "expected how far, as in '-1d'" }
            return texts.first.map { TimeLength(shift: $0) == nil } == true
                ? "'\(texts[0])' is no distance such as '-1d', '12h' or '30m'" : nil
        case .default: return arguments.count == 1 ? nil : "expected one value"
        case .replace: return texts.count == 2 ? nil : "expected two texts"
        case .join: return texts.count == 1 ? nil : "expected the text between the elements"
        default: return arguments.isEmpty ? nil : "it takes no arguments"
        }
    }

    /// The filtered value.
    ///
    /// null stays null, so that a parameter which has no value in a full load is left out.
    func apply(to value: TemplateValue, _ arguments: [JSONValue]) throws(FilterMismatch) -> TemplateValue {
        if case .json(.null) = value, self != .default, self != .json { return value }
        switch self {
        case .date:
            let zone = LocalTime(arguments.dropFirst().first?.stringValue ?? "UTC")
            return .text(formatted(try moment(value), arguments.first?.stringValue ?? "", zone))
        case .epoch: return .json(.number(String(try moment(value).microseconds / 1_000_000)))
        case .epochMilliseconds: return .json(.number(String(try moment(value).microseconds / 1000)))
        case .shift: return try shifted(value, by: arguments[0])
        case .default:
            if case .json(.null) = value { return .json(arguments[0]) }
            return value.text?.isEmpty == true ? .json(arguments[0]) : value
        case .lower: return .text(try text(value).lowercased())
        case .upper: return .text(try text(value).uppercased())
        case .trim: return .text(try text(value).trimmingCharacters(in: .whitespacesAndNewlines))
        case .replace:
            return .text(
                try text(value).replacingOccurrences(
                    of: arguments[0].stringValue ?? "", with: arguments[1].stringValue ?? ""))
        case .url: return .text(percentEncoded(try text(value)))
        case .base64: return .text(Data(try text(value).utf8).base64EncodedString())
        case .json: return .text(value.json.text())
        case .join:
            guard case .json(.array(let elements)) = value else { throw mismatch(value, "a list") }
            let texts = elements.compactMap { TemplateValue.json($0).text }
            guard texts.count == elements.count else { throw mismatch(value, "a list of texts and numbers") }
            return .text(texts.joined(separator: arguments[0].stringValue ?? ""))
        case .number:
            let digits = try text(value)
            guard Double(digits)?.isFinite == true else { throw mismatch(value, "a text of digits") }
            return .json(.number(digits))
        }
    }

    private func shifted(_ value: TemplateValue, by argument: JSONValue) throws(FilterMismatch) -> TemplateValue {
        if let text = argument.stringValue, let distance = TimeLength(shift: text)?.microseconds {
            return .instant(try moment(value).advanced(byMicroseconds: distance))
        }
        guard let number = value.text.flatMap(Int.init), let distance = argument.intValue else {
            throw FilterMismatch(
                "\(rawValue) needs a whole number here, and this is \(value.kindName)",
                "shift instants by '-1d', numbers by -1")
        }
        return .json(.number(String(number &+ distance)))
    }

    private func moment(_ value: TemplateValue) throws(FilterMismatch) -> Instant {
        guard let instant = value.instant else { throw mismatch(value, "an instant or its ISO 8601 text") }
        return instant
    }

    private func text(_ value: TemplateValue) throws(FilterMismatch) -> String {
        guard let text = value.text else { throw mismatch(value, "a text") }
        return text
    }

    private func mismatch(_ value: TemplateValue, _ wanted: String) -> FilterMismatch {
        FilterMismatch("\(rawValue) needs \(wanted), and this is \(value.kindName)", "")
    }
}

/// Why a filter cannot take a value.
struct FilterMismatch: Error {
    var reason: String
    var hint: String

    init(_ reason: String, _ hint: String) {
        self.reason = reason
        self.hint = hint
    }
}

/// What `date` knows: year, two digits of it, month, day, day of the year, hour, minute, second, microsecond, offset.
private let directives = Array("YymdjHMSfz%")

private func unknownDirective(in format: String) -> Character? {
    var rest = format[...]
    while let percent = rest.firstIndex(of: "%") {
        rest = rest[percent...].dropFirst()
        guard let letter = rest.popFirst() else { return "%" }
        if !directives.contains(letter) { return letter }
    }
    return nil
}

private func formatted(_ instant: Instant, _ format: String, _ zone: LocalTime) -> String {
    let offset = zone.offset(at: instant)
    let local = instant.advanced(byMicroseconds: Int64(offset) * 1_000_000)
    // `2026-11-21T02:40:42.123456Z`, cut into its parts.
    let text = Array(local.description)
    func part(_ range: Range<Int>) -> String { String(text[range]) }
    var result = ""
    var rest = format[...]
    while let character = rest.popFirst() {
        guard character == "%", let letter = rest.popFirst() else {
            result.append(character)
            continue
        }
        switch letter {
        case "Y": result += part(0..<4)
        case "y": result += part(2..<4)
        case "m": result += part(5..<7)
        case "d": result += part(8..<10)
        case "H": result += part(11..<13)
        case "M": result += part(14..<16)
        case "S": result += part(17..<19)
        case "f": result += part(20..<26)
        case "j":
            let day = Int64((Double(local.microseconds) / 86_400_000_000).rounded(.down))
            let start = CivilDate(year: CivilDate(daysSinceEpoch: day).year, month: 1, day: 1)?.daysSinceEpoch ?? day
            let number = String(day - start + 1)
            result += String(repeating: "0", count: 3 - number.count) + number
        case "z":
            let minutes = abs(offset) / 60
            let digits = [minutes / 600, minutes / 60 % 10, minutes % 60 / 10, minutes % 10].map(String.init).joined()
            result += (offset < 0 ? "-" : "+") + digits
        default: result.append(letter)
        }
    }
    return result
}
