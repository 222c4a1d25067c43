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
        var isWrong = false
        // Without branches: whether a digit is a letter cannot be foretold.
        func digits(_ range: Range<Int>, behind number: UInt64) -> UInt64 {
            var number = number
            for index in range {
                let (digit, letter) = (text[index] &- 0x30, (text[index] | 0x20) &- 0x61)
                isWrong = isWrong || (digit > 9 && letter > 5)
                number = number << 4 | UInt64(digit < 10 ? digit : letter &+ 10)
            }
            return number
        }
        let high = digits(14..<18, behind: digits(9..<13, behind: digits(0..<8, behind: 0)))
        let low = digits(24..<36, behind: digits(19..<23, behind: 0))
        guard !isWrong else { return nil }
        self.init(high: high, low: low)
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
