import JSON
import TestKit
import Testing

/// Members are expected in the order of the records before; what comes in another one must be read just the same.
@Suite("Records whose members come in any order")
struct RecordOrderTests {
    /// Names that begin or end alike, that a text escapes, and one longer than what may be read behind a window.
    private static let names = [
        "a", "ab", "abc", "b", "", "id", "n\"", "n", "back\\slash", "ä", String(repeating: "long", count: 40),
        "unwanted",
    ]

    @Test(arguments: UInt64(0)..<40)
    func areReadAlike(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        let wanted = Self.names.dropLast().shuffled(using: &numbers)
        var window = RecordWindow(.lines, paths: wanted.map { [$0] } + [["b", "ab"], ["b", "a"]])
        var records: [[(name: String, value: Int)]] = []
        for _ in 0..<60 {
            // Most records are like the one before.
            if let last = records.last, numbers.next() % 3 > 0 {
                records.append(last.map { ($0.name, Int(numbers.next() % 1000)) })
            } else {
                let names = Self.names.shuffled(using: &numbers).prefix(Int(numbers.next() % 12))
                records.append(names.map { ($0, Int(numbers.next() % 1000)) })
            }
            let isEscaped = numbers.next() % 8 == 0
            let text = Self.text(records[records.count - 1], escaping: isEscaped)
            window.append(Array(text.utf8).span)
        }
        window.extract()
        for (index, record) in records.enumerated() {
            #expect(window.state(index) == .valid)
            for (column, name) in (wanted + ["b/ab", "b/a"]).enumerated() {
                let member = record.first { $0.name == (column < wanted.count ? name : "b") }
                let expected =
                    switch (name, member) {
                    case (_, nil): ""
                    case ("b", let member?): Self.nested(member.value)
                    case ("b/ab", let member?): "\(member.value)"
                    case ("b/a", _): "1"
                    case (_, let member?): "\(member.value)"
                    }
                let found = window.withCell(index, column) { String(decoding: $0.copied, as: UTF8.self) }
                #expect(found == expected, "'\(name)' of record \(index)")
            }
            let sorted = window.withSortedRecord(index) { String(decoding: $0.copied, as: UTF8.self) }
            let received = window.withRecord(index) { String(decoding: $0.copied, as: UTF8.self) }
            #expect(sorted == received || sorted == Self.text(record.sorted(by: Self.isBefore), escaping: false))
            if !received.contains("\\") {
                #expect(sorted == Self.text(record.sorted(by: Self.isBefore), escaping: false))
            }
        }
    }

    /// As jsonb sorts names: the shorter first, then bytewise.
    private static func isBefore(_ left: (name: String, value: Int), _ right: (name: String, value: Int)) -> Bool {
        let (left, right) = (Array(left.name.utf8), Array(right.name.utf8))
        return left.count != right.count ? left.count < right.count : left.lexicographicallyPrecedes(right)
    }

    private static func nested(_ value: Int) -> String {
        value % 2 == 0 ? "{\"a\":1,\"ab\":\(value)}" : "{\"ab\":\(value),\"c\":0,\"a\":1}"
    }

    private static func text(_ record: [(name: String, value: Int)], escaping: Bool) -> String {
        let members = record.map { name, value in
            var quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            if escaping { quoted = quoted.replacing("a", with: "\\u0061") }
            return "\"\(quoted)\":" + (name == "b" ? nested(value) : "\(value)")
        }
        return "{" + members.joined(separator: ",") + "}"
    }
}
