public import Primitives

/// A Swift value that can be read from a cell of a result.
public protocol PostgresDecodable {
    /// What the value is called in error messages.
    static var postgresName: String { get }
    /// Reads the server's text form; `text` is nil for NULL. Returns nil when the text is not such a value.
    static func decode(postgresText text: String?) -> Self?
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    /// The wrapped type's name.
    public static var postgresName: String { "\(Wrapped.postgresName) or NULL" }
    /// NULL is nil.
    public static func decode(postgresText text: String?) -> Wrapped?? {
        guard let text else { return .some(nil) }
        return Wrapped.decode(postgresText: text).map { .some($0) }
    }
}

extension PostgresDecodable where Self: FixedWidthInteger {
    /// Decimal digits.
    public static func decode(postgresText text: String?) -> Self? { text.flatMap { Self($0) } }
}

extension Int: PostgresDecodable {
    /// `Int`.
    public static var postgresName: String { "Int" }
}

extension Int64: PostgresDecodable {
    /// `Int64`.
    public static var postgresName: String { "Int64" }
}

extension Int32: PostgresDecodable {
    /// `Int32`.
    public static var postgresName: String { "Int32" }
}

extension Int16: PostgresDecodable {
    /// `Int16`.
    public static var postgresName: String { "Int16" }
}

extension Double: PostgresDecodable {
    /// `Double`.
    public static var postgresName: String { "Double" }
    /// Shortest exact digits, `NaN`, `Infinity`.
    public static func decode(postgresText text: String?) -> Double? { text.flatMap { Double($0) } }
}

extension Bool: PostgresDecodable {
    /// `Bool`.
    public static var postgresName: String { "Bool" }
    /// `t` or `f`.
    public static func decode(postgresText text: String?) -> Bool? {
        switch text {
        case "t": true
        case "f": false
        default: nil
        }
    }
}

extension String: PostgresDecodable {
    /// `String`.
    public static var postgresName: String { "String" }
    /// The text form of any type.
    public static func decode(postgresText text: String?) -> String? { text }
}

extension UUIDValue: PostgresDecodable {
    /// `UUIDValue`.
    public static var postgresName: String { "UUIDValue" }
    /// Thirty-six characters.
    public static func decode(postgresText text: String?) -> UUIDValue? { text.flatMap { UUIDValue($0) } }
}

extension Instant: PostgresDecodable {
    /// `Instant`.
    public static var postgresName: String { "Instant (timestamptz of the years 1 to 9999)" }
    /// `2026-11-21 02:40:42.123456+00`: DateStyle ISO, any offset.
    public static func decode(postgresText text: String?) -> Instant? {
        guard let text else { return nil }
        return TimestampText(Array(text.utf8)).instant
    }
}

/// Reads `YYYY-MM-DD hh:mm:ss[.ffffff]±hh[:mm[:ss]]`.
private struct TimestampText {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var instant: Instant? {
        var reader = self
        return reader.read()
    }

    private mutating func read() -> Instant? {
        guard let year = digits(4), skip("-"), let month = digits(2), skip("-"), let day = digits(2), skip(" "),
            let hour = digits(2), skip(":"), let minute = digits(2), skip(":"), let second = digits(2),
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        let micro = skip(".") ? fraction() : 0
        let west = skip("-")
        guard west || skip("+"), let offsetHours = digits(2) else { return nil }
        let offsetMinutes = skip(":") ? digits(2) ?? 0 : 0
        let offsetSeconds = skip(":") ? digits(2) ?? 0 : 0
        guard position == bytes.count else { return nil }
        let offset = (offsetHours * 60 + offsetMinutes) * 60 + offsetSeconds
        let ofDay = (hour * 60 + minute) * 60 + second + (west ? offset : -offset)
        return Instant(microseconds: (date.daysSinceEpoch * 86_400 + Int64(ofDay)) * 1_000_000 + Int64(micro))
    }

    private mutating func digits(_ count: Int) -> Int? {
        guard position + count <= bytes.count else { return nil }
        var number = 0
        for byte in bytes[position..<position + count] {
            guard (48...57).contains(byte) else { return nil }
            number = number * 10 + Int(byte - 48)
        }
        position += count
        return number
    }

    private mutating func fraction() -> Int {
        var number = 0
        var scale = 1_000_000
        while position < bytes.count, (48...57).contains(bytes[position]), scale > 1 {
            number = number * 10 + Int(bytes[position] - 48)
            scale /= 10
            position += 1
        }
        return number * scale
    }

    private mutating func skip(_ mark: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }
}

/// What an array of these is in the server's text form.
public protocol PostgresDecodableElement {
    /// What the array is called in error messages.
    static var postgresArrayName: String { get }
    /// Reads a whole array.
    static func decodeArray(postgresText text: String) -> [Self]?
}

extension Array: PostgresDecodable where Element: PostgresDecodableElement {
    /// The array's name.
    public static var postgresName: String { Element.postgresArrayName }
    /// An array literal, or the hexadecimal form of a `bytea`.
    public static func decode(postgresText text: String?) -> [Element]? { text.flatMap(Element.decodeArray) }
}

extension UInt8: PostgresDecodableElement {
    /// `bytea`.
    public static var postgresArrayName: String { "[UInt8]" }
    /// `\x` and two digits per byte.
    public static func decodeArray(postgresText text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.starts(with: [0x5C, 0x78]), digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2 - 1)
        for index in stride(from: 2, to: digits.count, by: 2) {
            guard let high = hexadecimal(digits[index]), let low = hexadecimal(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        case 0x41...0x46: digit - 0x41 + 10
        default: nil
        }
    }
}

extension String: PostgresDecodableElement {
    /// `text[]`.
    public static var postgresArrayName: String { "[String]" }
    /// A one-dimensional array without NULLs.
    public static func decodeArray(postgresText text: String) -> [String]? { arrayElements(of: text) }
}

extension Int: PostgresDecodableElement {
    /// `bigint[]`.
    public static var postgresArrayName: String { "[Int]" }
    /// A one-dimensional array without NULLs.
    public static func decodeArray(postgresText text: String) -> [Int]? { elements(of: text) }
}

extension UUIDValue: PostgresDecodableElement {
    /// `uuid[]`.
    public static var postgresArrayName: String { "[UUIDValue]" }
    /// A one-dimensional array without NULLs.
    public static func decodeArray(postgresText text: String) -> [UUIDValue]? { elements(of: text) }
}

private func elements<Element: PostgresDecodable>(of text: String) -> [Element]? {
    guard let texts = arrayElements(of: text) else { return nil }
    let values = texts.compactMap { Element.decode(postgresText: $0) }
    return values.count == texts.count ? values : nil
}

/// The elements of `{a,"b \"c\"",d}`; nil for NULL elements and for more than one dimension
/// (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
private func arrayElements(of text: String) -> [String]? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 2, bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") else { return nil }
    var elements: [String] = []
    var element: [UInt8] = []
    var position = 1
    let end = bytes.count - 1
    while position < end {
        element.removeAll(keepingCapacity: true)
        let quoted = bytes[position] == UInt8(ascii: "\"")
        if quoted { position += 1 }
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: quoted ? "\"" : ",") { break }
            if !quoted, byte == UInt8(ascii: "{") { return nil }
            if byte == UInt8(ascii: "\\") { position += 1 }
            element.append(bytes[position])
            position += 1
        }
        if quoted { position += 1 }
        let value = String(decoding: element, as: UTF8.self)
        if !quoted, value == "NULL" { return nil }
        elements.append(value)
        position += 1
    }
    return elements
}
