import Primitives

/// JSON, byte by byte: what the rows of a database are written with.
extension [UInt8] {
    /// A JSON string with its quotes; bytes beyond ASCII stay as they are.
    mutating func append(jsonString bytes: Span<UInt8>) {
        append(0x22)
        var written = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
            append(bytes: bytes.extracting(written..<index))
            written = index + 1
            switch byte {
            case 0x22, 0x5C: append(contentsOf: [0x5C, byte])
            case 0x0A: append(contentsOf: "\\n".utf8)
            case 0x0D: append(contentsOf: "\\r".utf8)
            case 0x09: append(contentsOf: "\\t".utf8)
            default: append(contentsOf: [0x5C, 0x75, 0x30, 0x30, 0x30 + byte >> 4, Self.hexDigit(byte & 15)])
            }
        }
        append(bytes: bytes.extracting(written..<bytes.count))
        append(0x22)
    }

    /// A JSON string of text.
    mutating func append(jsonString text: String) {
        append(jsonString: Array(text.utf8).span)
    }

    /// A JSON string of base64 (RFC 4648 section 4).
    mutating func append(base64 bytes: Span<UInt8>) {
        append(0x22)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let group =
                UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            append(Self.base64Digits[Int(group >> 18)])
            append(Self.base64Digits[Int(group >> 12 & 63)])
            append(left > 1 ? Self.base64Digits[Int(group >> 6 & 63)] : 0x3D)
            append(left > 2 ? Self.base64Digits[Int(group & 63)] : 0x3D)
            index += 3
        }
        append(0x22)
    }

    /// JSON as the source has it; line ends, which JSON has only between its values, become blanks.
    mutating func append(inlineJSON bytes: Span<UInt8>) {
        for index in 0..<bytes.count {
            let byte = bytes[index]
            append(byte == 0x0A || byte == 0x0D ? 0x20 : byte)
        }
    }

    /// A number of JSON, or a string where it has no such number: `"NaN"`, `"Infinity"`, `"-Infinity"`.
    mutating func append(json number: Double) {
        guard number.isFinite else { return append(notFinite: number.isNaN, number < 0) }
        append(contentsOf: number.description.utf8)
    }

    /// The same for a single float, in its own shortest digits.
    mutating func append(json number: Float) {
        guard number.isFinite else { return append(notFinite: number.isNaN, number < 0) }
        append(contentsOf: number.description.utf8)
    }

    mutating func append(notFinite isNaN: Bool, _ isNegative: Bool) {
        append(contentsOf: (isNaN ? "\"NaN\"" : isNegative ? "\"-Infinity\"" : "\"Infinity\"").utf8)
    }

    /// `null`.
    mutating func appendNull() { append(contentsOf: [0x6E, 0x75, 0x6C, 0x6C]) }

    /// A whole number in at least `width` digits.
    mutating func append(_ number: Int64, width: Int) {
        var divisor: Int64 = 1
        for _ in 1..<Swift.max(1, width) { divisor *= 10 }
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    /// A JSON integer.
    mutating func append(json number: Int64) {
        if number == .min { return append(contentsOf: String(number).utf8) }
        if number < 0 { append(0x2D) }
        append(Swift.abs(number), width: 1)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value + (value < 10 ? 0x30 : 0x57) }
    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}

/// The members of a row's object: `{"id":`, `,"name":` …, made once for all rows.
struct MemberNames: Sendable {
    let prefixes: [[UInt8]]

    init(_ names: [String]) {
        prefixes = names.enumerated().map { index, name in
            var prefix: [UInt8] = [index == 0 ? 0x7B : 0x2C]
            prefix.append(jsonString: name)
            prefix.append(0x3A)
            return prefix
        }
    }

    /// The first name that stands twice: a record could not tell its members apart.
    static func repeated(_ names: [String]) -> String? {
        var seen: Set<[UInt8]> = []
        return names.first { !seen.insert(Array($0.utf8)).inserted }
    }
}
