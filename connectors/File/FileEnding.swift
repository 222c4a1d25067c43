import ConnectorKit

/// What a file's name says about its bytes; upper and lower case are the same.
struct FileEnding {
    enum Compression {
        case gzip
        case zstd
        case zip
    }

    private static let formats: [String: DocumentShape.Format] = [
        "json": .json, "jsonl": .jsonl, "ndjson": .jsonl, "csv": .csv, "xml": .xml,
    ]
    private static let compressions: [String: Compression] = ["gz": .gzip, "zst": .zstd, "zip": .zip]

    /// The notation, nil where the ending is not known.
    let format: DocumentShape.Format?
    /// The compression, nil for plain files.
    let compression: Compression?

    init(_ path: String) {
        var parts = (path.split(separator: "/").last ?? "").lowercased().split(separator: ".")[...]
        compression = parts.last.flatMap { Self.compressions[String($0)] }
        if compression != nil { parts = parts.dropLast() }
        format = parts.last.flatMap { Self.formats[String($0)] }
    }

    /// True for one part of an ending that says something: `csv`, `gz`.
    static func isKnown(_ part: some StringProtocol) -> Bool {
        let part = part.lowercased()
        return formats[part] != nil || compressions[part] != nil
    }
}
