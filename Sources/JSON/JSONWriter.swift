extension JSONValue {
    /// The value as JSON text in UTF-8: compact, or indented by two spaces.
    /// - Parameters:
    ///   - pretty: One member or element a line; arrays of scalars that fit stay on one line.
    ///   - sortedKeys: Members in byte order of their names at every level, else in their own order.
    public func serialized(pretty: Bool = false, sortedKeys: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isPretty: pretty, sortsKeys: sortedKeys)
        writer.write(self, indentation: 0)
        return writer.bytes
    }

    /// The value as JSON text: compact, or indented by two spaces.
    public func text(pretty: Bool = false, sortedKeys: Bool = false) -> String {
        String(decoding: serialized(pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
    }
}

/// Writes `JSONValue`s; the bytes grow with every value.
struct JSONWriter {
    /// An array of scalars up to this many bytes stays on one line.
    private static let inlineLimit = 80

    let isPretty: Bool
    let sortsKeys: Bool
    private(set) var bytes: [UInt8] = []

    init(isPretty: Bool, sortsKeys: Bool) {
        self.isPretty = isPretty
        self.sortsKeys = sortsKeys
    }

    mutating func write(_ value: JSONValue, indentation: Int) {
        switch value {
        case .null: put("null")
        case .bool(let value): put(value ? "true" : "false")
        case .number(let text): put(text)
        case .string(let text): write(text)
        case .array(let elements): write(elements, indentation: indentation)
        case .object(let members):
            enclose("{", "}", sorted(members), indentation) { writer, member, inner in
                writer.write(member.name)
                writer.put(writer.isPretty ? ": " : ":")
                writer.write(member.value, indentation: inner)
            }
        }
    }

    private mutating func write(_ elements: [JSONValue], indentation: Int) {
        if isPretty, elements.allSatisfy(\.isScalar) {
            let line = elements.map { $0.text() }.joined(separator: ", ")
            if line.utf8.count <= Self.inlineLimit { return put("[\(line)]") }
        }
        enclose("[", "]", elements, indentation) { writer, element, inner in
            writer.write(element, indentation: inner)
        }
    }

    private mutating func enclose<Part>(
        _ opening: String, _ closing: String, _ parts: [Part], _ indentation: Int,
        _ write: (inout JSONWriter, Part, Int) -> Void
    ) {
        put(opening)
        for (index, part) in parts.enumerated() {
            if index > 0 { put(",") }
            breakLine(indentation + 2)
            write(&self, part, indentation + 2)
        }
        if !parts.isEmpty { breakLine(indentation) }
        put(closing)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): put("\\\"")
            case UInt8(ascii: "\\"): put("\\\\")
            case 0x08: put("\\b")
            case 0x09: put("\\t")
            case 0x0A: put("\\n")
            case 0x0C: put("\\f")
            case 0x0D: put("\\r")
            case 0..<0x20: put("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private func sorted(_ members: [JSONMember]) -> [JSONMember] {
        guard sortsKeys else { return members }
        return members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private mutating func breakLine(_ indentation: Int) {
        guard isPretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: indentation))
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSONValue {
    fileprivate var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }
}
