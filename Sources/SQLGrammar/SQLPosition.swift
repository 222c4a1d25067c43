/// A place in a text as people count it.
public struct SQLPosition: Hashable, Sendable {
    /// The line, from 1.
    public let line: Int
    /// The column within the line in Unicode scalars, from 1.
    public let column: Int

    /// The place of a byte offset, as parse trees give it.
    public init(byteOffset: Int, in sql: String) {
        self.init(after: String(decoding: Array(sql.utf8.prefix(byteOffset)), as: UTF8.self))
    }

    /// The place of an offset in Unicode scalars from 0; PostgreSQL counts the positions of its errors so, from 1.
    public init(scalarOffset: Int, in sql: String) {
        self.init(after: String(sql.unicodeScalars.prefix(scalarOffset)))
    }

    private init(after text: String) {
        line = 1 + text.unicodeScalars.count { $0 == "\n" }
        column = 1 + text.unicodeScalars.reversed().prefix { $0 != "\n" }.count
    }
}
