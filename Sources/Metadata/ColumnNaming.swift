import Foundation

/// Makes names that metadata takes out of names that a source uses: `Order ID` and `orderId` become `order_id`.
///
/// Letters lose their marks, what is neither letter nor digit becomes an underscore, and a name that is taken, by
/// another column or by PostgreSQL, gets a number behind it.
public struct ColumnNaming: Sendable {
    private var taken: Set<String>
    private let mostBytes: Int

    /// Names of columns that are distinct from each other.
    public init() { (taken, mostBytes) = (ReservedNames.postgresColumns, ReservedNames.identifierBytes) }

    /// Names of entities that are distinct from each other; the tables have the system's id in front.
    public init(entitiesOf system: SystemID) {
        (taken, mostBytes) = ([], ReservedNames.tableBytes - "\(system)_".utf8.count)
    }

    /// The name for the next column.
    public mutating func name(for text: String) -> String { free(Self.name(for: text, fallback: "column")) }

    /// The name itself, cut where it is too long, with a number behind it where it is taken.
    public mutating func free(_ base: String) -> String {
        var (name, number) = (Self.cut(base, to: mostBytes), 1)
        while !taken.insert(name).inserted {
            number += 1
            name = Self.cut(base, to: mostBytes - "_\(number)".utf8.count) + "_\(number)"
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
