import ConnectorKit
import JSON
import Primitives

/// The members of one JSON object in a line, by place, not by value.
///
/// It sees where names and values begin and end and that the object is whole. What a value holds is not looked into:
/// a record that no database can keep is landed and then rejected with its own number, as from any other source.
struct MessageMembers {
    private var members: [(name: Range<Int>, value: Range<Int>)] = []

    /// - Throws: `ConnectorError` when the range of the line is not one whole object.
    init(_ line: Span<UInt8>, _ range: Range<Int>? = nil) throws {
        var cursor = Cursor(position: range?.lowerBound ?? 0, end: range?.upperBound ?? line.count)
        guard cursor.take(UInt8(ascii: "{"), line) else { throw Self.noObject }
        if !cursor.take(UInt8(ascii: "}"), line) {
            repeat {
                guard cursor.next(line) == UInt8(ascii: "\""), let name = cursor.value(line),
                    cursor.take(UInt8(ascii: ":"), line), let value = cursor.value(line)
                else { throw Self.noObject }
                members.append((name.lowerBound + 1..<name.upperBound - 1, value))
            } while cursor.take(UInt8(ascii: ","), line)
            guard cursor.take(UInt8(ascii: "}"), line) else { throw Self.noObject }
        }
        guard cursor.next(line) == nil else { throw Self.noObject }
    }

    /// Where the value of a member stands.
    func place(of name: StaticString, _ line: Span<UInt8>) -> Range<Int>? {
        members.first { line.holds(name, at: $0.name) }?.value
    }

    /// The string that a member holds, unescaped; nil for anything else.
    func text(of name: StaticString, _ line: Span<UInt8>) -> String? {
        guard let place = place(of: name, line), line[place.lowerBound] == UInt8(ascii: "\"") else { return nil }
        let content = place.lowerBound + 1..<place.upperBound - 1
        guard content.contains(where: { line[$0] == UInt8(ascii: "\\") }) else {
            return String(decoding: line.extracting(content))
        }
        return value(of: name, line)?.stringValue
    }

    /// A member's value; nil for a missing one and for one that is no JSON.
    func value(of name: StaticString, _ line: Span<UInt8>) -> JSONValue? {
        // What cannot be read counts as missing: the caller says what it misses.
        place(of: name, line).flatMap { try? JSONReader.parse(line.bytes($0)) }
    }

    private static var noObject: ConnectorError { ConnectorError("is no JSON object", kind: .parse) }

    private struct Cursor {
        var position: Int
        let end: Int

        /// The next byte that is no white space.
        mutating func next(_ line: Span<UInt8>) -> UInt8? {
            while position < end {
                let byte = line[position]
                guard byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A else { return byte }
                position += 1
            }
            return nil
        }

        mutating func take(_ byte: UInt8, _ line: Span<UInt8>) -> Bool {
            guard next(line) == byte else { return false }
            position += 1
            return true
        }

        /// Steps over one value.
        mutating func value(_ line: Span<UInt8>) -> Range<Int>? {
            guard let first = next(line) else { return nil }
            let start = position
            switch first {
            case UInt8(ascii: "\""): guard string(line) else { return nil }
            case UInt8(ascii: "{"), UInt8(ascii: "["): guard nested(line) else { return nil }
            default:
                while position < end, !",}] \t\r\n".utf8.contains(line[position]) { position += 1 }
                guard position > start else { return nil }
            }
            return start..<position
        }

        private mutating func string(_ line: Span<UInt8>) -> Bool {
            position += 1
            while position < end {
                let byte = line[position]
                position += byte == UInt8(ascii: "\\") ? 2 : 1
                if byte == UInt8(ascii: "\"") { return true }
            }
            return false
        }

        private mutating func nested(_ line: Span<UInt8>) -> Bool {
            var depth = 0
            while position < end {
                switch line[position] {
                case UInt8(ascii: "\""):
                    guard string(line) else { return false }
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                position += 1
                if depth == 0 { return true }
            }
            return false
        }
    }
}

extension Span<UInt8> {
    /// The bytes of a range.
    func bytes(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range { bytes.append(self[index]) }
        return bytes
    }

    /// True when the range holds exactly this text.
    func holds(_ text: StaticString, at range: Range<Int>) -> Bool {
        guard text.utf8CodeUnitCount == range.count else { return false }
        return text.withUTF8Buffer { buffer in
            range.indices.allSatisfy { self[$0] == buffer[$0 - range.lowerBound] }
        }
    }
}
