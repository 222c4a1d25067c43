import JSON
import Testing

@Suite("The end of an array or object")
struct JSONContainerTests {
    /// The same, one byte at a time.
    private func plainEnd(_ text: [UInt8], _ start: Int) -> Int {
        var (at, depth, isInString) = (start, 0, false)
        while at < text.count {
            let byte = text[at]
            at += 1
            switch (isInString, byte) {
            case (true, UInt8(ascii: "\\")): at += 1
            case (_, UInt8(ascii: "\"")): isInString.toggle()
            case (false, UInt8(ascii: "{")), (false, UInt8(ascii: "[")): depth += 1
            case (false, UInt8(ascii: "}")), (false, UInt8(ascii: "]")):
                depth -= 1
                if depth == 0 { return at }
            default: break
            }
        }
        return text.count
    }

    private func value(_ depth: Int, _ random: inout SystemRandomNumberGenerator) -> String {
        let pieces = [
            "a", "\\\"", "\\\\", "]", "}", "[{", "é", " ", "\\u005d", "0123456789012345678901234567890123456789",
        ]
        let text =
            "\""
            + (0..<Int.random(in: 0...6, using: &random)).map { _ in pieces[Int.random(in: pieces.indices)] }.joined()
            + "\""
        switch depth == 0 ? 0 : Int.random(in: 0...3, using: &random) {
        case 0: return Bool.random(using: &random) ? text : "-12.5e3"
        case 1:
            return "[" + (0..<Int.random(in: 0...4)).map { _ in value(depth - 1, &random) }.joined(separator: " , ")
                + "]"
        default:
            return "{"
                + (0..<Int.random(in: 0...4)).map { "\"k\($0)\\\"\":" + value(depth - 1, &random) }
                .joined(separator: ",") + "}"
        }
    }

    @Test("is found as byte by byte, wherever blocks of 64 bytes begin, and in a text that is cut anywhere")
    func everywhere() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let inner = "[" + value(5, &random) + "]"
            let before = String(repeating: " ", count: Int.random(in: 0...70))
            let text = Array((before + inner + ",\"behind\":[]}").utf8)
            let start = before.utf8.count
            #expect(JSONContainer.end(in: text, from: start) == start + inner.utf8.count, "\(inner)")
            for end in stride(from: start, through: text.count, by: 7) {
                let cut = Array(text[..<end])
                #expect(JSONContainer.end(in: cut, from: start) == plainEnd(cut, start), "\(inner) cut at \(end)")
            }
        }
    }

    @Test("of what is no JSON is within the text")
    func nonsense() {
        var random = SystemRandomNumberGenerator()
        let bytes = Array("[]{}\"\\, a".utf8)
        for _ in 0..<2_000 {
            let text =
                [UInt8(ascii: "[")]
                + (0..<Int.random(in: 0...300)).map { _ in bytes[Int.random(in: bytes.indices, using: &random)] }
            #expect((1...text.count).contains(JSONContainer.end(in: text, from: 0)))
        }
    }
}
