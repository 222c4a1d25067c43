import JSON
import TestKit
import Testing

/// Hashes are taken over canonical texts: equal values must give equal bytes, for ever.
@Suite("Canonical JSON")
struct JSONCanonicalTests {
    private static func canonical(_ text: String) -> String {
        var output: [UInt8] = Array("before".utf8)
        JSONCanonical.append(Array(text.utf8).span, to: &output)
        return String(decoding: output.dropFirst(6), as: UTF8.self)
    }

    @Test(
        "names are sorted with their closing quote, the last of equal ones stays",
        arguments: [
            ("{}", "{}"), ("[ ]", "[]"), (#" {"a" : 1 , "b":[ true,null ]} "#, #"{"a":1,"b":[true,null]}"#),
            (#"{"b":1,"a":2}"#, #"{"a":2,"b":1}"#), (#"{"a":1,"b":2,"a":3}"#, #"{"a":3,"b":2}"#),
            (#"{"a":1,"a":2}"#, #"{"a":2}"#), (#"{"ab":1,"a":2,"a b":3,"":4}"#, #"{"":4,"a b":3,"a":2,"ab":1}"#),
            (#"{"\u0061":1,"b":{"d":1,"c":{"z":1,"y":2}}}"#, #"{"a":1,"b":{"c":{"y":2,"z":1},"d":1}}"#),
            (#"[{"b":1,"a":1.50},{"b":1e2,"b":-0.0}]"#, #"[{"a":1.5,"b":1},{"b":0}]"#),
            (#"{"x\/":"\u00e9\t\\"}"#, #"{"x/":"é\u0009\\"}"#),
        ])
    func examples(text: String, expected: String) { #expect(Self.canonical(text) == expected) }

    @Test("any order, spaces and repeated names", arguments: UInt64(0)..<30)
    func anyOrder(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let value = Value.any(&numbers, depth: 3)
            let text = value.written(&numbers)
            #expect(Self.canonical(text) == value.canonical, "\(text)")
            #expect(Self.canonical(value.canonical) == value.canonical)
        }
    }
}

/// A value and its canonical text, made the slow way.
private indirect enum Value {
    case scalar(String)
    case list([Value])
    case object([String: Value])

    static func any(_ numbers: inout SeededGenerator, depth: Int) -> Value {
        let count = Int(numbers.next() % 5)
        switch depth > 0 ? numbers.next() % 4 : 0 {
        case 1: return .list((0..<count).map { _ in any(&numbers, depth: depth - 1) })
        case 2, 3:
            var members: [String: Value] = [:]
            for _ in 0..<count {
                let name = ["a", "b", "ab", "a b", "", "é", "B", "a!", "long name"][Int(numbers.next() % 9)]
                members[name] = any(&numbers, depth: depth - 1)
            }
            return .object(members)
        default: return .scalar(["1", "true", "null", "\"x\"", "\"\"", "2.5", "\"é,}\""][Int(numbers.next() % 7)])
        }
    }

    var canonical: String {
        switch self {
        case .scalar(let text): text
        case .list(let values): "[\(values.map(\.canonical).joined(separator: ","))]"
        case .object(let members):
            "{"
                + members.map { (token: Array("\"\($0)\"".utf8), text: "\"\($0)\":\($1.canonical)") }
                .sorted { $0.token.lexicographicallyPrecedes($1.token) }.map(\.text).joined(separator: ",") + "}"
        }
    }

    /// In any order, with spaces, and members that a later one of the same name replaces.
    func written(_ numbers: inout SeededGenerator) -> String {
        func space() -> String { numbers.next() % 4 == 0 ? " " : "" }
        switch self {
        case .scalar(let text): return space() + text + space()
        case .list(let values):
            return "[" + values.map { $0.written(&numbers) }.joined(separator: ",") + space() + "]"
        case .object(let members):
            var written: [String] = []
            for (name, value) in members.shuffled(using: &numbers) {
                if numbers.next() % 6 == 0 {
                    written.insert("\"\(name)\":[{}]", at: Int(numbers.next() % UInt64(written.count + 1)))
                }
                written.append("\(space())\"\(name)\"\(space()):" + value.written(&numbers))
            }
            return "{" + written.joined(separator: ",") + "}"
        }
    }
}
