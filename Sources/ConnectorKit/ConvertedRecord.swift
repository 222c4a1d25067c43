/// A record that was turned into JSON, a row of a CSV text or an element of an XML text, lent to a closure.
public struct ConvertedRecord: Sendable {
    /// The record's place in its text, from 1; bad ones count.
    public let number: Int
    /// The line on which it begins, from 1; line feeds within quotes count.
    public let line: Int
    /// The record as a JSON object. Of a row: header name → string, or null for a cell that is empty and not quoted.
    ///
    /// Empty for a bad record. Keep a copy of the bytes, not the array: the scanner writes the next record into it.
    public let document: [UInt8]
    /// Why the record is bad, in one line; nil for a good one.
    public let problem: String?
}
