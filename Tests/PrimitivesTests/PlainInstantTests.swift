import Primitives
import TestKit
import Testing

/// An instant with a `T` is read eight bytes at a time, one with a space byte by byte: both must say the same.
@Suite("Instants read eight bytes at a time")
struct PlainInstantTests {
    private static func reading(_ text: [UInt8]) -> String {
        var reader = TemporalReader()
        do {
            let time = try reader.dateTime(text.span)
            return "\(time.local) \(time.hasTime) \(time.offset.map(String.init) ?? "local")"
        } catch {
            return error.reason
        }
    }

    private static func spaced(_ text: [UInt8]) -> [UInt8] { Array(text.prefix(10)) + [0x20] + text.dropFirst(11) }

    @Test(
        "say of each byte in each place what reading byte by byte says",
        arguments: [
            "2024-02-29T23:59:58", "2024-02-29T23:59:58.123456+05:30", "0001-01-01T00:00:00Z",
            "9999-12-31T00:00:00,5-0100",
        ])
    func eachByte(text: String) {
        let plain = Array(text.utf8)
        for place in plain.indices where place != 10 {
            for byte in UInt8.min...UInt8.max {
                var changed = plain
                changed[place] = byte
                #expect(Self.reading(changed) == Self.reading(Self.spaced(changed)), "byte \(byte) at \(place)")
            }
        }
        for length in 11...plain.count {
            let cut = Array(plain.prefix(length))
            #expect(Self.reading(cut) == Self.reading(Self.spaced(cut)), "cut behind \(length)")
        }
        #expect(Self.reading(plain).contains("true"))
    }

    @Test("any day and time", arguments: UInt64(0)..<20)
    func anyTime(seed: UInt64) {
        var numbers = SeededGenerator(seed: seed)
        func two(_ bound: UInt64) -> String {
            let number = numbers.next() % bound
            return number < 10 ? "0\(number)" : "\(number)"
        }
        for _ in 0..<500 {
            let text = Array("\(two(100))\(two(100))-\(two(14))-\(two(34))T\(two(26)):\(two(62)):\(two(62))".utf8)
            #expect(Self.reading(text) == Self.reading(Self.spaced(text)))
        }
    }
}
