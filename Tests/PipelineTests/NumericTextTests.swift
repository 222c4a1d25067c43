import JSON
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Two readers of numbers give the same canonical text: the one of numeric columns, and that of json columns.
@Suite("Numbers as text")
struct NumericTextTests {
    @Test("have one canonical form", arguments: UInt64(0)..<20)
    func canonical(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        func digits(_ most: UInt64) -> String {
            (0...numbers.next() % most).map { _ in ["0", "0", "1", "7"][Int(numbers.next() % 4)] }.joined()
        }
        for _ in 0..<500 {
            var whole = digits(6)
            while whole.hasPrefix("0"), whole.count > 1 { whole.removeFirst() }
            var text = (numbers.next() % 2 == 0 ? "-" : "") + whole
            if numbers.next() % 2 == 0 { text += "." + digits(6) }
            if numbers.next() % 3 == 0 { text += "e\(Int(numbers.next() % 12) - 6)" }
            var number = NumericText()
            let isRead = number.read(Array(text.utf8).span)
            #expect(isRead)
            var found = ByteWriter()
            number.appendCanonical(to: &found)
            var expected: [UInt8] = []
            JSONCanonical.appendNumber(Array(text.utf8).span, to: &expected)
            #expect(Array(found[0..<found.count]) == expected, "\(text)")
        }
    }

    @Test(arguments: ["", "-", "01", "1.", ".5", "+1", "1e", "1e99999", "1 ", "--1", "1.2.3", "0x1", "1-"])
    func refused(text: String) {
        var number = NumericText()
        let isRead = number.read(Array(text.utf8).span)
        #expect(!isRead)
    }
}
