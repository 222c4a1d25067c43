/// A row of a CSV text, lent to a closure.
public struct CSVRecord: Sendable {
    /// The row's place among the rows behind the header, from 1; bad rows count.
    public let number: Int
    /// The line on which the row begins, from 1; line feeds within quotes count.
    public let line: Int
    /// The row as a JSON object: header name → string, or null for a cell that is empty and not quoted.
    ///
    /// Empty for a bad row. Keep a copy of the bytes, not the array: the scanner writes the next row into it.
    public let document: [UInt8]
    /// Why the row is bad, in one line; nil for a good one.
    public let problem: String?
}
