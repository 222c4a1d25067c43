/// Text that PostgreSQL's grammar refuses: what, and where.
public struct SQLGrammarError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The parser's own message: `syntax error at or near "form"`.
    public let message: String
    /// The line, from 1.
    public let line: Int
    /// The column within the line in Unicode scalars, from 1.
    public let column: Int

    /// A refusal at an offset in Unicode scalars.
    init(_ message: String, at scalarOffset: Int, in sql: String) {
        let position = SQLPosition(scalarOffset: scalarOffset, in: sql)
        self.message = message
        self.line = position.line
        self.column = position.column
    }

    /// One line: where and what.
    public var description: String { "line \(line), column \(column): \(message)" }
}
