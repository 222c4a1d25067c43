public import JSON

/// How documents lie in a payload.
public struct DocumentShape: Sendable, Hashable, Codable {
    /// The payload's notation.
    public enum Format: String, Sendable, Codable, CaseIterable {
        /// One JSON text per file; records in the array at `recordsPath`.
        case json
        /// One JSON text per line, each a record.
        case jsonl
        /// RFC 4180 with a header line, or what `csv` says; each row a record of strings.
        case csv
        /// XML; records are the elements at `recordsPath`, `/rss/channel/item`.
        case xml
    }
    /// The payload's notation.
    public var format: Format
    /// JSON pointer (RFC 6901) to the array of records; "" is the root. Of XML the names of elements down to the records'.
    public var recordsPath: String
    /// How a CSV payload differs from RFC 4180; nil where it does not.
    public var csv: CSVDialect?
    /// Names of XML elements that are lists even where there is one; nil for none.
    public var lists: [String]?
    /// True for JSON whose values are texts because they were taken from XML.
    public var holdsTexts: Bool?

    /// How documents lie in a payload.
    public init(
        format: Format, recordsPath: String = "", csv: CSVDialect? = nil, lists: [String]? = nil,
        holdsTexts: Bool? = nil
    ) {
        self.format = format
        self.recordsPath = recordsPath
        self.csv = csv
        self.lists = lists
        self.holdsTexts = holdsTexts
    }

    /// True where records become JSON on their way: see `RecordConverter`.
    public var isConverted: Bool { format == .csv || format == .xml }

    /// True where every value is a text, booleans too.
    public var isText: Bool { isConverted || holdsTexts == true }

    /// The same for the scanner of JSON; what is converted has become one record per line.
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
