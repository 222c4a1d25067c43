/// Cuts the elements of an array, or the members of an object, out of its JSON text without reading them further.
///
/// The text must be valid, as the cells of a `RecordWindow` are; of any other text the parts mean nothing.
public struct JSONParts: Sendable {
    /// One element or member, by where it stands in the text.
    public struct Part: Sendable, Hashable {
        /// The member's name as written, with its quotes; nil for an element of an array.
        public var name: Range<Int>?
        /// The value as written.
        public var value: Range<Int>
    }

    /// The text.
    public let bytes: [UInt8]
    private let isObject: Bool
    private var at: Int

    /// The parts of an array or object; of anything else there are none.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let start = bytes.firstIndex { !JSONParts.isSpace($0) } ?? bytes.count
        let opening = start < bytes.count ? bytes[start] : 0
        isObject = opening == UInt8(ascii: "{")
        at = isObject || opening == UInt8(ascii: "[") ? start + 1 : bytes.count
    }

    /// The next part; nil behind the last one.
    public mutating func next() -> Part? {
        skip { JSONParts.isSpace($0) || $0 == UInt8(ascii: ",") }
        guard at < bytes.count, bytes[at] != UInt8(ascii: "]"), bytes[at] != UInt8(ascii: "}") else {
            at = bytes.count
            return nil
        }
        var name: Range<Int>?
        if isObject {
            name = token()
            skip { JSONParts.isSpace($0) || $0 == UInt8(ascii: ":") }
        }
        return Part(name: name, value: token())
    }

    /// Steps over one value, whatever it holds.
    private mutating func token() -> Range<Int> {
        let start = at
        guard at < bytes.count else { return start..<start }
        switch bytes[at] {
        case UInt8(ascii: "\""): skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): at = JSONContainer.end(in: bytes, from: at)
        default: skip { !JSONParts.endsScalar($0) }
        }
        return start..<at
    }

    private mutating func skipString() {
        at += 1
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
        at = min(at + 1, bytes.count)
    }

    private mutating func skip(while isSkipped: (UInt8) -> Bool) {
        while at < bytes.count, isSkipped(bytes[at]) { at += 1 }
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        isSpace(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
