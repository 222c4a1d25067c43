import ConnectorKit

/// What a file's name says about its bytes; upper and lower case are the same.
struct FileEnding {
    enum Compression {
        case gzip
        case zstd
    }

    /// The notation, nil where the ending is not known.
    let format: DocumentShape.Format?
    /// The compression, nil for plain files.
    let compression: Compression?

    init(_ path: String) {
        var parts = (path.split(separator: "/").last ?? "").lowercased().split(separator: ".")[...]
        switch parts.last {
        case "gz": compression = .gzip
        case "zst": compression = .zstd
        default: compression = nil
        }
        if compression != nil { parts = parts.dropLast() }
        switch parts.last {
        case "json": format = .json
        case "jsonl", "ndjson": format = .jsonl
        case "csv": format = .csv
        default: format = nil
        }
    }
}
