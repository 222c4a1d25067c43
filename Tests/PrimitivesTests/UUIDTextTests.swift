import Primitives
import Testing

@Suite("The text of an id")
struct UUIDTextTests {
    @Test(
        arguments: [
            UUIDValue.zero, UUIDValue(high: .max, low: .max), UUIDValue(high: 1, low: 2),
            UUIDValue(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
        ])
    func isReadAsItIsWritten(id: UUIDValue) {
        #expect(UUIDValue(id.description) == id)
        #expect(UUIDValue(id.description.uppercased()) == id)
    }

    /// Every byte at every place: a digit is read, anything else is refused.
    @Test
    func takesNothingButDigitsAndHyphens() {
        let text = Array("01234567-89ab-cdef-ABCD-EF0123456789".utf8)
        let hyphens: Set<Int> = [8, 13, 18, 23]
        let digits = Array("0123456789abcdefABCDEF".utf8)
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                let read = UUIDValue(utf8: changed.span)
                guard hyphens.contains(place) ? byte == UInt8(ascii: "-") : digits.contains(byte) else {
                    #expect(read == nil, "byte \(byte) at \(place)")
                    continue
                }
                #expect(read?.description == String(decoding: changed, as: UTF8.self).lowercased())
            }
        }
    }

    @Test(arguments: ["", "0", "01234567-89ab-cdef-abcd-ef012345678", "01234567-89ab-cdef-abcd-ef01234567890"])
    func hasOneLength(text: String) { #expect(UUIDValue(text) == nil) }
}
