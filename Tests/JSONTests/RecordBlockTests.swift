import JSON
import TestKit
import Testing

/// Records of an array are found 64 bytes at a time where a chunk has so many, else byte by byte: both find the same.
@Suite("Records of an array, by blocks and by bytes")
struct RecordBlockTests {
    private struct Found: Equatable {
        var records: [[UInt8]] = []
        var count = 0
        var fault: String?
    }

    private static func find(_ text: [UInt8], chunks size: Int) -> Found {
        var found = Found()
        var window = RecordWindow(.text(path: ["items"]), paths: [])
        var scanner = RecordScanner(.text(path: ["items"]))
        func collect(_ window: borrowing RecordWindow, into found: inout Found) {
            for index in 0..<window.count { found.records.append(window.withRecord(index) { $0.copied }) }
        }
        do {
            for start in stride(from: 0, to: text.count, by: size) {
                let chunk = Array(text[start..<min(start + size, text.count)])
                try window.push(chunk.span)
                collect(window, into: &found)
                try scanner.feed(chunk.span)
            }
            try window.finish()
            collect(window, into: &found)
            try scanner.finish()
            found.count = scanner.records
            return found
        } catch {
            // What was found before the fault depends on the chunk in which it lies.
            return Found(fault: "\(error)")
        }
    }

    private static let pieces = [
        "\"", "\\", "\\\"", "\\\\", "{", "}", "[", "]", ",", ":", " ", "x", "é", "\\u00e9", "\n", "null", "\"a\":",
        String(repeating: "long ", count: 13), String(repeating: "\\", count: 64),
    ].map { Array($0.utf8) }

    private static func text(_ numbers: inout SeededGenerator, faults: Int) -> [UInt8] {
        func below(_ bound: Int) -> Int { Int(numbers.next() % UInt64(bound)) }
        func string() -> String {
            let parts = [
                "plain", "é", "\\\"", "\\\\", "}", "{", "]", "[", "\\n", ",", ":", "0123456789012345678901234567890",
            ]
            return "\"" + (0..<below(7)).map { _ in parts[below(parts.count)] }.joined() + "\""
        }
        func value(_ depth: Int) -> String {
            switch depth > 0 ? below(4) : 0 {
            case 1: return "[" + (0..<below(4)).map { _ in value(depth - 1) }.joined(separator: ",") + "]"
            case 2:
                return "{" + (0..<below(4)).map { _ in string() + ":" + value(depth - 1) }.joined(separator: ",") + "}"
            default: return below(2) == 0 ? "\(below(100_000))" : string()
            }
        }
        let records = (0..<20).map { _ in below(8) == 0 ? value(1) : "{\"a\":\(value(2)),\"b\":\(value(3))}" }
        var text = Array("{\"page\":1,\"items\":[\(records.joined(separator: ", "))],\"next\":null}".utf8)
        for _ in 0..<faults { text.insert(contentsOf: pieces[below(pieces.count)], at: below(text.count)) }
        return text
    }

    @Test(arguments: UInt64(0)..<40)
    func areTheSame(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        for faults in [0, 0, 1, 3] {
            let text = Self.text(&numbers, faults: faults)
            let bytewise = Self.find(text, chunks: 63)
            #expect(faults > 0 || bytewise.records.count == 20 && bytewise.fault == nil)
            for size in [1, 64, 65, 100, 128, 257, 1000, text.count] {
                let blockwise = Self.find(text, chunks: size)
                #expect(blockwise == bytewise, "chunks of \(size): \(String(decoding: text, as: UTF8.self))")
            }
        }
    }
}
