internal import Metadata
internal import Postgres
public import Primitives

/// Short SQL over one history, for people who write their own.
public struct HistorySQL: Sendable {
    private let table: NamedTable

    /// SQL over a table.
    public init(_ table: NamedTable) { self.table = table }

    /// The history's name, quoted only where SQL needs it.
    ///
    /// A word of SQL may be a schema's name, and has to be quoted where a name begins.
    var name: String {
        let schema = table.system.schemas.silver
        let front = schema == "silver" ? schema : SQLText.quoted(identifier: schema)
        return "\(front).\(HistorySQL.word(table.entity.id.table))"
    }

    /// What is true now.
    public var current: String { "SELECT * FROM \(name)_current;\n" }

    /// What was true at an instant.
    public func asOf(_ instant: Instant) -> String { "SELECT * FROM \(name)_asof('\(instant)');\n" }

    /// A name behind a dot or AS: there even a word of SQL needs no quotes, capitals and signs do.
    static func word(_ name: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || byte == 0x5F }
        let isWord = name.utf8.allSatisfy { isPlain($0) || (0x30...0x39).contains($0) }
        return isWord && name.utf8.first.map(isPlain) ?? false ? name : SQLText.quoted(identifier: name)
    }
}
