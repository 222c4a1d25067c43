/// Reads files of metadata size, strictly by RFC 8259, into a `JSONValue`.
///
/// Beyond the grammar it refuses what later stages could not keep: bytes that are not UTF-8, two members of one name
/// in an object, lone surrogates, U+0000, and nesting deeper than `deepestNesting`. A UTF-8 byte order mark is skipped.
/// Names are compared byte by byte, so that composed and decomposed letters are different names.
public struct JSONReader {
    /// The deepest nesting of arrays and objects that is read, unless the caller says otherwise.
    public static let deepestNesting = 128

    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0
    private let limit: Int

    /// The value of a whole text.
    /// - Throws: `JSONError` with the line and column of the first fault.
    public static func parse(
        _ bytes: [UInt8], deepestNesting: Int = Self.deepestNesting
    ) throws(JSONError) -> JSONValue {
        var reader = JSONReader(bytes: bytes, limit: deepestNesting)
        try reader.checkEncoding()
        reader.skipWhitespace()
        guard reader.at < bytes.count else { throw reader.error("no JSON value in the text", expected: "a value") }
        let value = try reader.value()
        reader.skipWhitespace()
        guard reader.at == bytes.count else {
            throw reader.error("\(reader.found) after the value", expected: "the end of the text")
        }
        return value
    }

    /// The value of a whole text.
    /// - Throws: `JSONError` with the line and column of the first fault.
    public static func parse(_ text: String) throws(JSONError) -> JSONValue { try parse(Array(text.utf8)) }

    private init(bytes: [UInt8], limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }

    // MARK: Values

    private mutating func value() throws(JSONError) -> JSONValue {
        switch peek {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"): return .number(try number())
        case _ where isDigit: return .number(try number())
        case UInt8(ascii: "t") where take("true"): return .bool(true)
        case UInt8(ascii: "f") where take("false"): return .bool(false)
        case UInt8(ascii: "n") where take("null"): return .null
        default: throw error(found, expected: "a value")
        }
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try descend()
        var members: [JSONMember] = []
        var starts: [[UInt8]: Int] = [:]
        if !skip(to: UInt8(ascii: "}")) {
            repeat {
                skipWhitespace()
                guard peek == UInt8(ascii: "\"") else {
                    if peek == UInt8(ascii: "}") { throw error("trailing comma", expected: "a member") }
                    throw error(
                        found, expected: members.isEmpty ? "a name in double quotes or '}'" : "a name in double quotes")
                }
                let start = at
                let name = try string()
                if let first = starts.updateValue(start, forKey: Array(name.utf8)) {
                    let place = place(of: first)
                    throw error(
                        "second member '\(name)' (the first is at line \(place.line), column \(place.column))",
                        expected: "each name once", at: start)
                }
                skipWhitespace()
                guard take(":") else { throw error("\(found) after the name '\(name)'", expected: "':'") }
                skipWhitespace()
                members.append(JSONMember(name, try value()))
                skipWhitespace()
            } while take(",")
            guard take("}") else { throw error("\(found) after a member", expected: "',' or '}'") }
        }
        depth -= 1
        return .object(members)
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try descend()
        var elements: [JSONValue] = []
        if !skip(to: UInt8(ascii: "]")) {
            repeat {
                skipWhitespace()
                if peek == UInt8(ascii: "]") { throw error("trailing comma", expected: "a value") }
                elements.append(try value())
                skipWhitespace()
            } while take(",")
            guard take("]") else { throw error("\(found) after an element", expected: "',' or ']'") }
        }
        depth -= 1
        return .array(elements)
    }

    /// Consumes the opening bracket.
    private mutating func descend() throws(JSONError) {
        depth += 1
        guard depth <= limit else {
            throw error("nesting deeper than \(limit)", expected: "at most \(limit) levels")
        }
        at += 1
    }

    private mutating func number() throws(JSONError) -> String {
        let start = at
        if peek == UInt8(ascii: "-") { at += 1 }
        if peek == UInt8(ascii: "0") {
            at += 1
            if isDigit { throw error("number with a leading zero", expected: "digits without it", at: start) }
        } else {
            try digits(after: "a minus sign")
        }
        if peek == UInt8(ascii: ".") {
            at += 1
            try digits(after: "a decimal point")
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            at += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
            try digits(after: "an exponent")
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits(after what: String) throws(JSONError) {
        guard isDigit else { throw error(found, expected: "a digit after \(what)") }
        while isDigit { at += 1 }
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        let start = at
        at += 1
        var content: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &content)
            case 0..<0x20:
                throw error("\(found) in a string", expected: "it as an escape")
            default:
                content.append(byte)
                at += 1
            }
        }
        throw error("string without end", expected: "a closing '\"'", at: start)
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        let start = at
        at += 1
        let kind = peek
        at += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(bytes[at - 1])
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: String(try unicode(escapedAt: start)).utf8)
        default:
            throw error(
                "unknown escape in a string", expected: "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u", at: start)
        }
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair.
    private mutating func unicode(escapedAt start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits(start)
        if first == 0 { throw error("U+0000 in a string", expected: "text that a database can keep", at: start) }
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, take("\\u") {
            let second = try fourHexDigits(at - 2)
            if 0xDC00...0xDFFF ~= second,
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            {
                return scalar
            }
        }
        throw error("lone surrogate in a string", expected: "a pair \\uD800-\\uDBFF \\uDC00-\\uDFFF", at: start)
    }

    private mutating func fourHexDigits(_ start: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("incomplete \\u escape", expected: "four hexadecimal digits", at: start)
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }

    // MARK: Bytes

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private var isDigit: Bool {
        guard let byte = peek else { return false }
        return UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let wanted = "\(text)".utf8
        guard bytes[at...].starts(with: wanted) else { return false }
        at += wanted.count
        return true
    }

    /// True, and consumed, when only white space lies before the closing bracket.
    private mutating func skip(to closing: UInt8) -> Bool {
        skipWhitespace()
        guard peek == closing else { return false }
        at += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    // MARK: Errors

    /// Checks the whole text once, so that everything behind may assume UTF-8, and steps over a byte order mark.
    private mutating func checkEncoding() throws(JSONError) {
        if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
            throw error("UTF-16 text", expected: "UTF-8")
        }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw self.error("bytes that are not UTF-8", expected: "UTF-8", at: error.byteOffsets.lowerBound)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    /// What stands at the current place, for messages.
    private var found: String {
        guard at < bytes.count else { return "the end of the text" }
        // The text is UTF-8 by now; a scalar has at most four bytes.
        guard let scalar = String(decoding: bytes[at..<min(at + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
        else { return "the end of the text" }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .unassigned:
            let code = String(scalar.value, radix: 16, uppercase: true)
            return "U+" + String(repeating: "0", count: max(0, 4 - code.count)) + code
        default: return "'\(scalar)'"
        }
    }

    private func place(of offset: Int) -> (line: Int, column: Int) {
        let before = bytes[..<offset]
        let lineStart = (before.lastIndex(of: 0x0A) ?? -1) + 1
        var column = bytes[lineStart..<offset].count { $0 & 0xC0 != 0x80 } + 1
        // A byte order mark is no column of the first line.
        if lineStart == 0, offset >= 3, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { column -= 1 }
        return (before.count { $0 == 0x0A } + 1, column)
    }

    private func error(_ what: String, expected: String, at offset: Int? = nil) -> JSONError {
        let place = place(of: min(offset ?? at, bytes.count))
        return JSONError(line: place.line, column: place.column, what: what, expected: expected)
    }
}
