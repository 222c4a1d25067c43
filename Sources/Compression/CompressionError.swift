/// Why a compressed stream could not be read or written: one line; the caller adds the file's name.
public enum CompressionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The stream ended inside a gzip member or zstd frame, or held none at all.
    case truncated(Format)
    /// The bytes are not what the format prescribes.
    case corrupt(Format, reason: String)
    /// More decoded bytes than the caller allows.
    case tooLarge(limit: Int)
    /// The library refused for want of memory or by a setting.
    case library(Format, reason: String)

    /// A notation of compressed bytes.
    public enum Format: String, Sendable, Hashable {
        /// RFC 1952.
        case gzip
        /// RFC 8878.
        case zstd
        /// APPNOTE.TXT of PKWARE.
        case zip
    }

    /// What happened, in one line.
    public var description: String {
        switch self {
        case .truncated(let format): "the \(format) data end too early"
        case .corrupt(let format, let reason): "the \(format) data are damaged (\(reason))"
        case .tooLarge(let limit): "the data are larger than \(limit) bytes when decompressed"
        case .library(let format, let reason): "\(format) failed (\(reason))"
        }
    }
}

/// Size of the buffer in which decoded or encoded bytes are lent out.
let lentBytes = 256 * 1024

/// Counts decoded bytes against the caller's limit.
struct DecodedBytes {
    private(set) var count = 0
    let limit: Int?

    mutating func add(_ bytes: Int) throws(CompressionError) {
        count += bytes
        if let limit, count > limit { throw .tooLarge(limit: limit) }
    }
}
