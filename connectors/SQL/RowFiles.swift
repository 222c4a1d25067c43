import ConnectorKit

/// Raw files of JSON Lines, each at most about 64 MB, from chunks of whole rows.
struct RowFiles {
    /// Bytes after which a file is closed.
    static let largest = 64 << 20
    private var openBytes: Int?
    private let limit: Int

    init(limit: Int = RowFiles.largest) { self.limit = limit }

    /// Adds rows, each with its line feed.
    mutating func append(_ rows: [UInt8], into writer: inout RawWriter) throws {
        guard !rows.isEmpty else { return }
        if let bytes = openBytes, bytes + rows.count > limit { try close(&writer) }
        if openBytes == nil {
            try writer.open()
            openBytes = 0
        }
        try writer.append(rows)
        openBytes = (openBytes ?? 0) + rows.count
    }

    /// Ends the last file.
    mutating func close(_ writer: inout RawWriter) throws {
        guard openBytes != nil else { return }
        try writer.close()
        openBytes = nil
    }
}
