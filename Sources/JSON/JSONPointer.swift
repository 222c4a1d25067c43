/// A place in a JSON value: the names and indices on the way from the root.
///
/// Two notations: RFC 6901 (`/columns/1/type`; `~0` is `~`, `~1` is `/`; "" is the root) and the dotted one that
/// messages and `path` attributes use (`columns[1].type`, `a["odd.name"]`).
public struct JSONPointer: Hashable, Sendable {
    /// The unescaped reference tokens from the root on.
    public var tokens: [String]

    /// The whole value.
    public static let root = JSONPointer([])

    /// A place by its tokens.
    public init(_ tokens: [String]) { self.tokens = tokens }

    /// The member `name` of this place.
    public func appending(_ name: String) -> JSONPointer { JSONPointer(tokens + [name]) }

    /// The element `index` of this place.
    public func appending(_ index: Int) -> JSONPointer { JSONPointer(tokens + [String(index)]) }

    /// Reads either notation: RFC 6901 where the text starts with `/`, else dotted; nil where it is neither, or empty.
    public init?(path: String) {
        if path.utf8.first == UInt8(ascii: "/") { self.init(path) } else { self.init(dotted: path) }
    }
}

extension JSONPointer: LosslessStringConvertible {
    /// Reads RFC 6901; nil where a text that is not empty lacks its first `/` or a `~` is followed by neither 0 nor 1.
    public init?(_ description: String) {
        var tokens: [String] = []
        var isEscaped = false
        var token: [UInt8] = []
        guard let first = description.utf8.first else {
            self.init([])
            return
        }
        guard first == UInt8(ascii: "/") else { return nil }
        for byte in description.utf8.dropFirst() {
            switch (isEscaped, byte) {
            case (true, UInt8(ascii: "0")), (true, UInt8(ascii: "1")):
                token.append(byte == UInt8(ascii: "0") ? UInt8(ascii: "~") : UInt8(ascii: "/"))
                isEscaped = false
            case (true, _): return nil
            case (false, UInt8(ascii: "~")): isEscaped = true
            case (false, UInt8(ascii: "/")):
                tokens.append(String(decoding: token, as: UTF8.self))
                token = []
            default: token.append(byte)
            }
        }
        guard !isEscaped else { return nil }
        self.init(tokens + [String(decoding: token, as: UTF8.self)])
    }

    /// RFC 6901: `/columns/1/type`.
    public var description: String {
        tokens.map { token in
            var text = "/"
            for scalar in token.unicodeScalars {
                switch scalar {
                case "~": text += "~0"
                case "/": text += "~1"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return text
        }.joined()
    }
}

extension JSONPointer {
    /// Reads `a.b[0]["odd.name"]`; nil for an empty text, an empty name or a bracket that does not close.
    public init?(dotted: String) {
        var tokens: [String] = []
        var rest = Array(dotted.utf8)[...]
        var needsName = true
        while !rest.isEmpty || needsName {
            if rest.first == UInt8(ascii: "["), let bracketed = Self.bracketed(&rest) {
                tokens.append(bracketed)
            } else {
                let name = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
                guard needsName, !name.isEmpty else { return nil }
                tokens.append(String(decoding: name, as: UTF8.self))
                rest = rest.dropFirst(name.count)
            }
            needsName = rest.first == UInt8(ascii: ".")
            if needsName { rest = rest.dropFirst() }
        }
        self.init(tokens)
    }

    /// Consumes `[12]` or `["name"]`; nil, with nothing consumed, for anything else.
    private static func bracketed(_ rest: inout ArraySlice<UInt8>) -> String? {
        let inner = rest.dropFirst()
        if inner.first == UInt8(ascii: "\"") {
            // A name in brackets is a JSON string: it ends at the first quote that no backslash precedes.
            var end = inner.startIndex + 1
            while end < inner.endIndex, inner[end] != UInt8(ascii: "\"") {
                end += inner[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard end + 1 < inner.endIndex, inner[end + 1] == UInt8(ascii: "]") else { return nil }
            // A malformed string is "no bracket" to the caller, which refuses the path as a whole.
            guard case .string(let name)? = try? JSONReader.parse(Array(inner[...end])) else { return nil }
            rest = inner[(end + 2)...]
            return name
        }
        let digits = inner.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard !digits.isEmpty, digits.endIndex < inner.endIndex, inner[digits.endIndex] == UInt8(ascii: "]") else {
            return nil
        }
        rest = inner[(digits.endIndex + 1)...]
        return String(decoding: digits, as: UTF8.self)
    }

    /// `columns[1].type`, as messages write it; empty for the root.
    public var dotted: String {
        var text = ""
        for token in tokens {
            let bytes = token.utf8
            if !bytes.isEmpty, bytes.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) {
                text += "[\(token)]"
            } else if bytes.isEmpty || bytes.contains(where: { ".[]\" \\".utf8.contains($0) || $0 < 0x20 }) {
                text += "[\(JSONValue.string(token).text())]"
            } else {
                text += text.isEmpty ? token : ".\(token)"
            }
        }
        return text
    }
}

extension JSONValue {
    /// The value at a place; nil where there is none.
    public subscript(_ pointer: JSONPointer) -> JSONValue? {
        var value = self
        for token in pointer.tokens {
            switch value {
            case .object:
                guard let member = value[token] else { return nil }
                value = member
            case .array(let elements):
                guard let index = Int(token), elements.indices.contains(index), String(index) == token else {
                    return nil
                }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }
}
