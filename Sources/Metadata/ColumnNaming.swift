import Foundation

/// Makes names that metadata takes out of names that a source uses: `Order ID` and `orderId` become `order_id`.
///
/// Letters lose their marks, what is neither letter nor digit becomes an underscore, and a name that is taken, by
/// another column or by PostgreSQL, gets a number behind it.
public struct ColumnNaming: Sendable {
    private var taken: Set<String> = ReservedNames.postgresColumns

    /// Names that are distinct from each other.
    public init() {}

    /// The name for the next column.
    public mutating func name(for text: String) -> String {
        let base = Self.name(for: text, fallback: "column")
        var (name, number) = (base, 1)
        while !taken.insert(name).inserted {
            number += 1
            name = Self.cut(base, to: ReservedNames.identifierBytes - "_\(number)".utf8.count) + "_\(number)"
        }
        return name
    }

    /// A name by itself; `fallback` where nothing of the text is left, and before a digit.
    public static func name(for text: String, fallback: String) -> String {
        let folded = text.replacing("ß", with: "ss").folding(
            options: [.diacriticInsensitive, .widthInsensitive], locale: Locale(identifier: "en_US_POSIX"))
        let letters = Array(folded.unicodeScalars)
        var words: [UInt8] = []
        func isUpper(_ at: Int) -> Bool { letters.indices.contains(at) && ("A"..."Z").contains(letters[at]) }
        func isLower(_ at: Int) -> Bool { letters.indices.contains(at) && ("a"..."z").contains(letters[at]) }
        func isDigit(_ at: Int) -> Bool { letters.indices.contains(at) && ("0"..."9").contains(letters[at]) }
        for (at, letter) in letters.enumerated() {
            guard isUpper(at) || isLower(at) || isDigit(at) else {
                if words.last != 0x5F { words.append(0x5F) }
                continue
            }
            // orderId, HTTPStatus: a word begins at a capital behind a small letter, or before one.
            let begins = isUpper(at) && (isLower(at - 1) || isDigit(at - 1) || isUpper(at - 1) && isLower(at + 1))
            if begins, words.last != 0x5F { words.append(0x5F) }
            words.append(UInt8(ascii: letter) | (isUpper(at) ? 0x20 : 0))
        }
        let trimmed = words.drop { $0 == 0x5F }.reversed().drop { $0 == 0x5F }.reversed()
        var name = String(decoding: Array(trimmed), as: UTF8.self)
        if name.isEmpty { name = fallback }
        if name.utf8.first.map({ (0x30...0x39).contains($0) }) == true { name = "\(fallback)_\(name)" }
        return cut(name, to: ReservedNames.identifierBytes)
    }

    private static func cut(_ name: String, to bytes: Int) -> String {
        String(decoding: Array(name.utf8.prefix(bytes)), as: UTF8.self)
    }
}
