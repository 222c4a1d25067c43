/// How a CSV text differs from RFC 4180 in UTF-8 with a header line. Kept in the manifest, so that a batch is always read
/// as it was landed.
public struct CSVDialect: Sendable, Hashable, Codable {
    /// What separates cells: one ASCII character.
    public var delimiter: String
    /// What encloses cells, doubled within: one ASCII character; "" for a text without quotes.
    public var quote: String
    /// The names, where no line holds them.
    public var names: [String]?
    /// The text's encoding by its name of iconv(1).
    public var encoding: String
    /// Unquoted cells that stand for NULL, besides the empty one.
    public var nullTexts: [String]
    /// Lines before the header, or before the first row where there is none.
    public var skippedLines: Int
    /// The ASCII character with which a line begins that is no row; nil for a text without comments.
    public var comment: String?

    /// A dialect; without arguments that of RFC 4180.
    public init(
        delimiter: String = ",", quote: String = "\"", names: [String]? = nil, encoding: String = CSVDialect.utf8,
        nullTexts: [String] = [], skippedLines: Int = 0, comment: String? = nil
    ) {
        self.delimiter = delimiter
        self.quote = quote
        self.names = names
        self.encoding = encoding
        self.nullTexts = nullTexts
        self.skippedLines = skippedLines
        self.comment = comment
    }

    /// `utf-8`, which needs no conversion.
    public static let utf8 = "utf-8"

    /// The encodings that metadata may name, as iconv(1) calls them.
    public static let encodings = [
        utf8, "latin1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "windows-1250",
        "windows-1251", "windows-1252", "windows-1253", "windows-1254", "cp437", "cp850", "koi8-r", "macintosh",
        "utf-16",
        "utf-16le", "utf-16be", "utf-32", "shift_jis", "euc-jp", "euc-kr", "big5", "gb18030",
    ]

    /// What contradicts itself; nil for a dialect that can be read.
    public var problem: String? {
        func isOneASCII(_ text: String) -> Bool {
            text.utf8.count == 1
                && text.utf8.allSatisfy { $0 < 0x80 && $0 != .lineFeed && $0 != .carriageReturn && $0 != 0 }
        }
        if !isOneASCII(delimiter) { return "delimiter is not one ASCII character" }
        if !quote.isEmpty, !isOneASCII(quote) { return "quote is neither one ASCII character nor \"\"" }
        if let comment, !isOneASCII(comment) { return "comment is not one ASCII character" }
        let marks = [delimiter, quote, comment ?? ""].filter { !$0.isEmpty }
        if Set(marks.flatMap(\.utf8)).count != marks.count { return "delimiter, quote and comment are not three" }
        if let names, names.isEmpty || Set(names.map { Array($0.utf8) }).count != names.count || names.contains("") {
            return "names are not one name for each column"
        }
        return nil
    }
}
