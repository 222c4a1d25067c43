public import JSON

/// How documents lie in a payload.
public struct DocumentShape: Sendable, Hashable, Codable {
    /// The payload's notation.
    public enum Format: String, Sendable, Codable, CaseIterable {
        /// One JSON text per file; records in the array at `recordsPath`.
        case json
        /// One JSON text per line, each a record.
        case jsonl
        /// RFC 4180 with a header line; each row a record of strings.
        case csv
    }
    /// The payload's notation.
    public var format: Format
    /// JSON pointer (RFC 6901) to the array of records; "" is the root.
    public var recordsPath: String

    /// How documents lie in a payload.
    public init(format: Format, recordsPath: String = "") {
        self.format = format
        self.recordsPath = recordsPath
    }

    /// The same for the scanner; a CSV payload has a scanner of its own.
    public var recordFormat: RecordFormat {
        get throws {
            guard format == .json else { return .lines }
            guard let pointer = JSONPointer(recordsPath) else {
                throw ConnectorError(
                    "records_path '\(recordsPath)' is not a JSON pointer", kind: .parse,
                    hint: "write it as in /data/items, or \"\" for the root")
            }
            return .text(path: pointer.tokens)
        }
    }
}
