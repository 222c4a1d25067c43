public import ConnectorKit
import JSON
public import Metadata
import Primitives

/// An entity's `source` in every type that reads files: which files, in what notation and order.
public struct FileSource: ConnectorConfiguration {
    /// `csv`: how a CSV text differs from RFC 4180.
    struct CSV: Decodable, Sendable {
        var delimiter: String
        var quote: String
        var header: Bool
        var names: [String]
        var encoding: String
        var nullTexts: [String]
        var skipLines: Int
        var comment: String?
    }

    /// `path`: one pattern, or several.
    struct Paths: Decodable, Sendable {
        var all: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                all = [try container.decode(String.self)]
            } catch {
                all = try container.decode([String].self)
            }
        }
    }

    var path: Paths
    var format: DocumentShape.Format?
    var recordsPath: String
    var lists: [String]?
    var csv: CSV?
    var members: String?
    var order: FileOrder?
    var settleS: Double?
    var maxFileMb: Int?

    /// Every attribute.
    public static let fields = [
        Field(
            "path", .either([.string, .array(.string)]), required: true,
            "File below root, or a pattern: * and ? within a name, [a-z] one of, [!a-z] none of, ** any folders; or a "
                + "list of them. {{ now | date('%Y/%m/%d') }} and the like are filled in; known are now, window.from, "
                + "window.until, system, entity. No match is an error. Names that begin with a dot match only a pattern "
                + "that does."),
        Field(
            "format", .oneOf(DocumentShape.Format.allCases.map(\.rawValue)),
            "Notation of the files; by default the path's ending says it: .json, .jsonl or .ndjson, .csv, .xml, each also "
                + "followed by .gz, .zst or .zip."),
        Field(
            "records_path", .string, default: .string(""),
            "JSON pointer to the array of records within a json file, as in /data/items; \"\" is the root. In xml the "
                + "names of elements down to the record's, as in /rss/channel/item."),
        Field(
            "lists", .array(.string), default: .array([]),
            "Names of xml elements that are arrays even where a record has one of them."),
        Field("csv", .object(csvFields), "How csv files differ from RFC 4180 in UTF-8 with a header line."),
        Field(
            "members", .string,
            "Pattern of the files within a .zip, each a raw file of its own; by default all whose ending tells the "
                + "same format."),
        Field(
            "order", .object(FileOrder.fields), default: .object([]),
            "In which order files are landed: of two documents of a key the later one wins."),
        Field(
            "settle_s", .number(0...86_400), default: .number("0"),
            "A file that changed within so many seconds before the run is still being written: a delta load leaves it to "
                + "the next run, a full load fails."),
        Field(
            "max_file_mb", .int(1...1_048_576), default: .number("10240"),
            "Megabytes that one file may have, decompressed; a larger one is an error."),
    ]

    private static let csvFields = [
        Field("delimiter", .string, default: .string(","), "Between cells: one ASCII character, as in \"\\t\"."),
        Field("quote", .string, default: .string("\""), "Around cells, doubled within; \"\" for none."),
        Field("header", .bool, default: .bool(true), "Whether the first line holds the names."),
        Field("names", .array(.string), default: .array([]), "The columns' names, where header is false."),
        Field("encoding", .oneOf(CSVDialect.encodings), default: .string(CSVDialect.utf8), "Of the text."),
        Field("null_texts", .array(.string), default: .array([]), "Unquoted cells that mean NULL, as in \"NA\"."),
        Field("skip_lines", .int(0...10_000), default: .number("0"), "Lines before the header."),
        Field("comment", .string, "ASCII character with which a line begins that is to be left out."),
    ]

    /// The format, by the path's ending where it is not named.
    var notation: DocumentShape.Format? {
        format ?? path.all.lazy.compactMap { FileEnding($0).format }.first ?? members.flatMap { FileEnding($0).format }
    }

    /// CSV has rows.
    var isTabular: Bool { notation == .csv }

    /// How documents lie in the files.
    /// - Throws: `ConnectorError` for attributes that contradict each other.
    func shape() throws -> DocumentShape {
        guard !path.all.isEmpty else { throw ConnectorError("source.path names no file", hint: "name one") }
        for text in path.all { _ = try FilePattern(FileTemplate(text).placeholder) }
        if let members { _ = try FilePattern(members) }
        guard let format = notation else {
            throw ConnectorError(
                "source.path '\(path.all[0])': its ending does not tell the format",
                hint: "add \"format\": \"json\", \"jsonl\", \"csv\" or \"xml\"")
        }
        try order?.check()
        if csv != nil, format != .csv {
            throw ConnectorError("source.csv: these files are \(format.rawValue)", hint: "remove csv")
        }
        if lists?.isEmpty == false, format != .xml {
            throw ConnectorError("source.lists: these files are \(format.rawValue)", hint: "remove lists")
        }
        try checkRecordsPath(format)
        return DocumentShape(
            format: format, recordsPath: recordsPath, csv: try dialect(),
            lists: lists.flatMap { $0.isEmpty ? nil : $0 })
    }

    private func checkRecordsPath(_ format: DocumentShape.Format) throws {
        guard let pointer = JSONPointer(recordsPath) else {
            throw ConnectorError(
                "source.records_path '\(recordsPath)' is not a JSON pointer",
                hint: "write it as in /data/items, or \"\" for the root")
        }
        switch format {
        case .json: break
        case .xml:
            guard pointer.tokens.isEmpty || pointer.tokens.contains("") else { return }
            throw ConnectorError(
                "source.records_path '\(recordsPath)' does not name the record's element",
                hint: "write the names of elements down to it, as in /rss/channel/item")
        case .jsonl, .csv:
            guard !recordsPath.isEmpty else { return }
            throw ConnectorError(
                "source.records_path '\(recordsPath)': only json and xml files have one, and these are "
                    + format.rawValue, hint: "remove records_path")
        }
    }

    private func dialect() throws -> CSVDialect? {
        guard let csv else { return nil }
        guard csv.header == csv.names.isEmpty else {
            throw ConnectorError(
                csv.header
                    ? "source.csv.names: the header holds the names" : "source.csv.header is false, but names is empty",
                hint: csv.header ? "remove names, or set header to false" : "name every column")
        }
        let dialect = CSVDialect(
            delimiter: csv.delimiter, quote: csv.quote, names: csv.header ? nil : csv.names, encoding: csv.encoding,
            nullTexts: csv.nullTexts, skippedLines: csv.skipLines, comment: csv.comment)
        if let problem = dialect.problem { throw ConnectorError("source.csv: \(problem)", hint: "correct it") }
        return dialect == CSVDialect() ? nil : dialect
    }
}

/// A path with expressions, which are filled in when it is landed.
struct FileTemplate {
    private let text: String

    init(_ text: String) { self.text = text }

    /// The path with a letter in place of each expression: what its ending and its pattern are.
    var placeholder: String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "{{"), let end = rest[start.upperBound...].firstRange(of: "}}") {
            result += rest[..<start.lowerBound] + "x"
            rest = rest[end.upperBound...]
        }
        return result + rest
    }

    /// The path of this load.
    /// - Throws: `ConnectorError` for an expression that cannot be filled in.
    func filled(_ entity: EntityID, _ window: LoadWindow) throws -> String {
        do {
            return try Template(text).text(
                in: TemplateScope([
                    "now": .instant(window.until), "system": .text(entity.system.rawValue),
                    "entity": .text(entity.name),
                    "window": .json(
                        .object([
                            JSONMember("from", window.from.map { .string($0) } ?? .null),
                            JSONMember("until", .string(window.until.description)),
                        ])),
                ]))
        } catch {
            throw ConnectorError("source.path: \(error.description)")
        }
    }
}
