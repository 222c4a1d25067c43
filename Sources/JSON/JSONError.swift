/// Why a text is not JSON: where, what stands there, and what was expected instead.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1; lines end with LF.
    public var line: Int
    /// The column within the line, from 1, in Unicode scalars.
    public var column: Int
    /// What stands there; never more of the text than a name or a character.
    public var what: String
    /// What would have been legal; may be empty.
    public var expected: String

    /// An error at a place of a text.
    public init(line: Int, column: Int, what: String, expected: String = "") {
        self.line = line
        self.column = column
        self.what = what
        self.expected = expected
    }

    /// `line 3, column 7: trailing comma, expected a value`.
    public var description: String {
        let place = "line \(line), column \(column): \(what)"
        return expected.isEmpty ? place : "\(place), expected \(expected)"
    }
}
