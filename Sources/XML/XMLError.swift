/// An XML text that is malformed, cut, refused, or without records where they should be: one line with its place.
public struct XMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, with the line where it shows.
    public var description: String

    init(line: Int, _ reason: String) {
        let flat = reason.split(whereSeparator: \.isNewline).joined(separator: " ")
        description = "line \(line): \(flat)"
    }
}
