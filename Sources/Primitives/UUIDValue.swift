/// 128 bits that PostgreSQL stores as `uuid`: a run id (UUIDv7) or a hash. Compared as numbers, never as text.
public struct UUIDValue: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// The first eight bytes, big-endian.
    public let high: UInt64
    /// The last eight bytes, big-endian.
    public let low: UInt64

    /// An id from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// All zero bits: stands for "none" where a column is NOT NULL.
    public static let zero = UUIDValue(high: 0, low: 0)

    /// Byte order, as PostgreSQL sorts uuid.
    public static func < (left: UUIDValue, right: UUIDValue) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    /// A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits from `generator`.
    public static func version7(at instant: Instant, using generator: inout some RandomNumberGenerator) -> UUIDValue {
        let millisecond = UInt64(max(0, instant.microseconds / 1000)) & 0xFFFF_FFFF_FFFF
        let high = millisecond << 16 | 0x7000 | (generator.next() as UInt64) & 0x0FFF
        let low = (generator.next() as UInt64) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return UUIDValue(high: high, low: low)
    }
}

extension UUIDValue: LosslessStringConvertible {
    /// Lower-case `8-4-4-4-12`.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for (index, half) in [high, low].enumerated() {
                for nibble in 0..<16 {
                    if index == 0 ? nibble == 8 || nibble == 12 : nibble == 0 || nibble == 4 {
                        text[at] = 0x2D
                        at += 1
                    }
                    text[at] = digits[Int(half >> UInt64(60 - 4 * nibble) & 15)]
                    at += 1
                }
            }
            return at
        }
    }

    /// Reads the 36-character form in either case; nil for anything else.
    public init?(_ description: String) {
        let bytes = Array(description.utf8)
        self.init(utf8: bytes.span)
    }

    /// Reads the 36-character form in either case; nil for anything else.
    public init?(utf8 text: Span<UInt8>) {
        guard text.count == 36 else { return nil }
        guard text[8] == 0x2D, text[13] == 0x2D, text[18] == 0x2D, text[23] == 0x2D else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        text.withUnsafeBytes { bytes in
            func word(_ offset: Int) -> UInt64 {
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            // Two of the four words lie around a hyphen.
            words.0 = word(0)
            words.1 = word(9) & 0xFFFF_FFFF_0000_0000 | word(10) & 0xFFFF_FFFF
            words.2 = word(19) & 0xFFFF_FFFF_0000_0000 | word(20) & 0xFFFF_FFFF
            words.3 = word(28)
        }
        guard let first = Hexadecimal.number(words.0), let second = Hexadecimal.number(words.1),
            let third = Hexadecimal.number(words.2), let fourth = Hexadecimal.number(words.3)
        else { return nil }
        self.init(high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(fourth))
    }
}

/// Reads eight hexadecimal digits at once.
private enum Hexadecimal {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// The number that the eight characters of `text` stand for, the first in the highest byte; nil where one is no digit.
    static func number(_ text: UInt64) -> UInt32? {
        let high = ones << 7
        // A byte's highest bit says that it is at least a character, as long as all bytes are below 128.
        func isFrom(_ character: UInt8, _ bytes: UInt64) -> UInt64 { bytes &+ ones &* UInt64(128 - character) }
        let letters = text | ones << 5
        let isDigit = isFrom(0x30, text) & ~isFrom(0x3A, text)
        let isLetter = isFrom(0x61, letters) & ~isFrom(0x67, letters)
        guard text & high == 0, (isDigit | isLetter) & high == high else { return nil }
        // A letter has bit 6 set and counts from 9.
        var nibbles = (text & (ones &* 15)) &+ (text >> 6 & ones) &* 9
        nibbles = (nibbles | nibbles >> 4) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: nibbles | nibbles >> 16)
    }
}

extension UUIDValue: Codable {
    /// Decodes the 36-character form.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = UUIDValue(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "expected a uuid, got '\(text)'"))
        }
        self = value
    }

    /// Encodes the 36-character form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
