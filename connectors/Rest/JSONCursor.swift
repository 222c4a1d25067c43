import JSON

/// Walks to one value of a page and skips the rest, so that the records never become values.
///
/// The page is well-formed: it has passed the raw writer. A malformed one ends in nil, never in a trap.
struct JSONCursor {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The string, number, truth value or null at a path of member names and indices.
    mutating func scalar(at tokens: [String]) -> JSONValue? {
        guard find(tokens), peek != UInt8(ascii: "{"), peek != UInt8(ascii: "[") else { return nil }
        return parsed()
    }

    /// Any value at a path; meant for small ones, such as an error or the state of a job.
    mutating func value(at tokens: [String]) -> JSONValue? { find(tokens) ? parsed() : nil }

    private mutating func find(_ tokens: [String]) -> Bool {
        at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        for token in tokens {
            guard descend(to: token) else { return false }
        }
        skipSpace()
        return peek != nil
    }

    private mutating func parsed() -> JSONValue? {
        let start = at
        skipValue()
        do {
            return try JSONReader.parse(Array(bytes[start..<at]))
        } catch {
            // Malformed: the same as nothing there.
            return nil
        }
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func descend(to token: String) -> Bool {
        skipSpace()
        let opening = peek
        at += 1
        switch opening {
        case UInt8(ascii: "{"): return findMember(token)
        case UInt8(ascii: "["): return Int(token).map { findElement($0) } ?? false
        default: return false
        }
    }

    private mutating func findMember(_ name: String) -> Bool {
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { return false }
            let start = at
            skipString()
            let isFound = memberName(start..<at).utf8.elementsEqual(name.utf8)
            skipSpace()
            guard peek == UInt8(ascii: ":") else { return false }
            at += 1
            if isFound { return true }
            guard skipToNext() else { return false }
        }
    }

    private mutating func findElement(_ index: Int) -> Bool {
        for _ in 0..<max(0, index) {
            guard skipToNext() else { return false }
        }
        skipSpace()
        return index >= 0 && peek != nil && peek != UInt8(ascii: "]")
    }

    /// Skips a value and the comma behind it; false where the container ends.
    private mutating func skipToNext() -> Bool {
        skipValue()
        skipSpace()
        guard peek == UInt8(ascii: ",") else { return false }
        at += 1
        return true
    }

    /// The name between its quotes; only one with escapes needs a reader.
    private func memberName(_ quoted: Range<Int>) -> String {
        guard bytes[quoted].contains(UInt8(ascii: "\\")) else {
            return String(decoding: bytes[quoted].dropFirst().dropLast(), as: UTF8.self)
        }
        do {
            return try JSONReader.parse(Array(bytes[quoted])).stringValue ?? ""
        } catch {
            // No legal name, so not the one that is looked for.
            return ""
        }
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func skipString() {
        at += 1
        while let byte = peek, byte != UInt8(ascii: "\"") { at += byte == UInt8(ascii: "\\") ? 2 : 1 }
        at = min(at + 1, bytes.count)
    }

    private mutating func skipValue() {
        skipSpace()
        switch peek {
        case nil, UInt8(ascii: "}"), UInt8(ascii: "]"): return
        case UInt8(ascii: "\""): skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): at = JSONContainer.end(in: bytes, from: at)
        case UInt8(ascii: ","), UInt8(ascii: ":"): at += 1
        default: skipLiteral()
        }
    }

    private mutating func skipLiteral() {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 0x20, 0x0A, 0x0D, 0x09: return
            default: at += 1
            }
        }
    }
}
