import ConnectorKit
import Primitives

/// A table's name as metadata write it: `orders`, `sales.orders`, `"odd.schema"."odd ""name"""`.
struct RelationName: Sendable, Equatable {
    /// The schema or database; nil for that of the connection.
    var schema: String?
    var name: String

    /// - Throws: `ConnectorError` for more than two parts, an empty one or an open quote.
    init(_ text: String) throws {
        var parts: [[UInt8]] = [[]]
        var (isQuoted, wasClosed) = (false, false)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""):
                if wasClosed { parts[parts.count - 1].append(byte) }
                wasClosed = isQuoted
                isQuoted.toggle()
                continue
            case UInt8(ascii: ".") where !isQuoted: parts.append([])
            default: parts[parts.count - 1].append(byte)
            }
            wasClosed = false
        }
        guard !isQuoted, parts.count <= 2, !parts.contains([]), !text.utf8.contains(0) else {
            throw ConnectorError(
                "source.table '\(text)' is no name of a table", hint: "write it as in orders, or sales.orders")
        }
        let names = parts.map { String(decoding: $0, as: UTF8.self) }
        (schema, name) = names.count == 2 ? (names[0], names[1]) : (nil, names[0])
    }

    /// The same name as metadata write it.
    static func text(_ parts: [String]) -> String {
        parts.map { part in
            part.utf8.contains { [UInt8(ascii: "."), UInt8(ascii: "\"")].contains($0) }
                ? SQLDialect.postgres.quoted(part) : part
        }.joined(separator: ".")
    }
}

/// A name of the database that metadata have wrong, with the nearest one that there is.
func unknownName(_ what: String, _ name: String, among known: [String]) -> ConnectorError {
    let folded = known.first { $0.lowercased().utf8.elementsEqual(name.lowercased().utf8) }
    let nearest = folded ?? nearestName(to: name, among: known)
    let some = known.prefix(20).joined(separator: ", ")
    return ConnectorError(
        "there is no \(what) '\(name)'",
        hint: nearest.map { "did you mean '\($0)'?" }
            ?? (known.isEmpty ? "none can be seen by this user" : "there are \(some)\(known.count > 20 ? ", …" : "")"))
}
