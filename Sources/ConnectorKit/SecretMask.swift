import Foundation

/// Replaces secret values by `‹secret›` in texts that came from elsewhere: bodies, URLs, messages of libraries.
///
/// It knows each value as it is, percent-encoded, in base64 (also as part of a longer text, as in a pair of user and
/// password) and as in a JSON string. Values under six bytes are left alone: they would also hit harmless text.
public struct SecretMask: Sendable {
    /// The shortest value that is masked, in bytes.
    public static let minimumLength = 6
    /// Spellings, longest first, so that no rest of a longer one stays.
    private let spellings: [[UInt8]]
    /// Whether a spelling begins with this byte: most places of a text are passed over by one look.
    private let begins: [Bool]

    /// Bytes of the longest spelling; 0 where nothing is known.
    public var longest: Int { spellings.first?.count ?? 0 }

    /// A mask for these values.
    public init(values: [Secret]) {
        let known = Set(values.map { Array($0.reveal().utf8) }.filter { $0.count >= Self.minimumLength })
        let all = Set(known.flatMap(Self.spellings(of:)))
        spellings = all.sorted {
            $0.count != $1.count ? $0.count > $1.count : $0.lexicographicallyPrecedes($1)
        }
        begins = spellings.reduce(into: [Bool](repeating: false, count: 256)) { found, spelling in
            if let first = spelling.first { found[Int(first)] = true }
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
            if begins[Int(bytes[position])], let found = spellings.first(where: { bytes[position...].starts(with: $0) })
            {
                masked += "‹secret›".utf8
                position += found.count
            } else {
                masked.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: masked, as: UTF8.self)
    }

    private static func spellings(of plain: [UInt8]) -> [[UInt8]] {
        let all = [plain] + jsonStrings(plain) + percentEncoded(plain) + base64(plain)
        return all.filter { $0.count >= minimumLength }
    }

    /// As in a JSON string: with the escapes that must be, with `\/` too, and with every character beyond ASCII escaped.
    private static func jsonStrings(_ plain: [UInt8]) -> [[UInt8]] {
        var usual: [UInt8] = []
        for byte in plain { appendJSONEscaped(byte, to: &usual) }
        let slashed = usual.flatMap { $0 == UInt8(ascii: "/") ? Array("\\/".utf8) : [$0] }
        let ascii = String(decoding: usual, as: UTF8.self).utf16.flatMap { unit -> [UInt8] in
            guard unit > 0x7E else { return [UInt8(unit)] }
            let digits = String(unit, radix: 16)
            return Array("\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
        }
        return [usual, slashed, ascii]
    }

    /// Standard and URL-safe, by itself and at each of the three places that it can have in a longer text.
    private static func base64(_ plain: [UInt8]) -> [[UInt8]] {
        func digits(_ bytes: [UInt8]) -> [UInt8] {
            // Padding is cut: the text may go on behind it, and what is left of it tells nothing.
            Array(Data(bytes).base64EncodedString().utf8.prefix { $0 != UInt8(ascii: "=") })
        }
        let within = (0..<3).map { offset in
            // A digit that holds bits of a neighbour is not known; the others are.
            let before = [UInt8](repeating: 0, count: offset)
            let known = (offset + plain.count) * 8 / 6
            return Array(digits(before + plain).prefix(known).dropFirst((offset * 8 + 5) / 6))
        }
        let standard = [digits(plain)] + within
        return standard
            + standard.map { text in
                text.map { byte in
                    switch byte {
                    case UInt8(ascii: "+"): UInt8(ascii: "-")
                    case UInt8(ascii: "/"): UInt8(ascii: "_")
                    default: byte
                    }
                }
            }
    }

    private static func percentEncoded(_ bytes: [UInt8]) -> [[UInt8]] {
        let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        let encoded = [Array("0123456789ABCDEF".utf8), Array("0123456789abcdef".utf8)].map { digits in
            bytes.flatMap { byte in
                unreserved.contains(byte)
                    ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        // Forms write a space as a plus sign.
        return encoded
            + encoded.map { text in
                Array(String(decoding: text, as: UTF8.self).replacing("%20", with: "+").utf8)
            }
    }
}
