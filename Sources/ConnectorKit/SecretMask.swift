import Foundation

/// Replaces secret values by `‹secret›` in texts that came from elsewhere: bodies, URLs, messages of libraries.
///
/// It knows each value as it is, percent-encoded, in base64 and as in a JSON string. Values under six bytes are
/// left alone: they would also hit harmless text.
public struct SecretMask: Sendable {
    /// The shortest value that is masked, in bytes.
    public static let minimumLength = 6
    /// Spellings, longest first, so that no rest of a longer one stays.
    private let spellings: [[UInt8]]

    /// A mask for these values.
    public init(values: [Secret]) {
        let known = Set(values.map { $0.reveal() }.filter { $0.utf8.count >= Self.minimumLength })
        let all = Set(known.flatMap(Self.spellings(of:)))
        spellings = all.sorted {
            $0.count != $1.count ? $0.count > $1.count : $0.lexicographicallyPrecedes($1)
        }
    }

    /// The text with every spelling of every value replaced.
    public func mask(_ text: String) -> String {
        guard !spellings.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var masked: [UInt8] = []
        masked.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            if let found = spellings.first(where: { bytes[position...].starts(with: $0) }) {
                masked += "‹secret›".utf8
                position += found.count
            } else {
                masked.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: masked, as: UTF8.self)
    }

    private static func spellings(of value: String) -> [[UInt8]] {
        let plain = Array(value.utf8)
        var json: [UInt8] = []
        for byte in plain { appendJSONEscaped(byte, to: &json) }
        let base64 = Array(Data(plain).base64EncodedString().utf8)
        let urlSafe = base64.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        // Padding is cut: the text may go on behind it, and what is left of it tells nothing.
        let unpadded = [base64, urlSafe].map { Array($0.prefix { $0 != UInt8(ascii: "=") }) }
        return [plain, json] + unpadded + percentEncoded(plain)
    }

    private static func percentEncoded(_ bytes: [UInt8]) -> [[UInt8]] {
        let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        return [Array("0123456789ABCDEF".utf8), Array("0123456789abcdef".utf8)].map { digits in
            bytes.flatMap { byte in
                unreserved.contains(byte)
                    ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
    }
}
