import Primitives
import TestKit
import Testing

@Suite("Bytes written one after the other")
struct ByteWriterTests {
    /// Numbers of several widths, ids and spans, against an array of the same bytes.
    @Test(arguments: UInt64(0)..<50)
    func writesWhatAnArrayWould(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var writer = ByteWriter(capacity: Int(seed % 3))
        var expected: [UInt8] = []
        func expect(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.bigEndian) { expected.append(contentsOf: $0) }
        }
        for _ in 0..<200 {
            let number = generator.next()
            let bytes = (0..<Int(number % 40)).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
            let id = UUIDValue(high: number, low: ~number)
            switch (number >> 8) % 8 {
            case 0:
                writer.append(byte: UInt8(truncatingIfNeeded: number))
                expect(UInt8(truncatingIfNeeded: number))
            case 1:
                writer.append(bigEndian: Int32(truncatingIfNeeded: number))
                expect(Int32(truncatingIfNeeded: number))
            case 2:
                writer.append(bigEndian: Int16(truncatingIfNeeded: number), number)
                expect(Int16(truncatingIfNeeded: number))
                expect(number)
            case 3:
                writer.append(bigEndian: Int32(16), id)
                expect(Int32(16))
                expect(id.high)
                expect(id.low)
            case 4:
                writer.append(bytes.span)
                expected += bytes
            case 5:
                writer.append(bigEndian: Int32(bytes.count), bytes.span)
                expect(Int32(bytes.count))
                expected += bytes
            case 6 where writer.count >= 8:
                let offset = Int(number >> 20) % (writer.count - 7)
                writer.replace(at: offset, bigEndian: number)
                withUnsafeBytes(of: number.bigEndian) { expected.replaceSubrange(offset..<offset + 8, with: $0) }
            default:
                let end = Int(number >> 20) % (writer.count + 1)
                let copy = writer
                writer.append(copy, 0..<end)
                expected += expected.prefix(end)
                // Else the text would double with each.
                guard writer.count > 10_000 else { continue }
                writer.removeAll()
                expected = []
            }
        }
        #expect(Array(writer[0..<writer.count]) == expected)
        #expect(writer.withBytes { bytes in bytes.indices.map { bytes[$0] } } == expected)
    }
}
