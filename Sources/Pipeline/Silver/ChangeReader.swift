internal import Postgres

/// Hands over what a COPY of bronze sends, chunk by chunk.
///
/// As a rule bronze is read on a second connection, since COPY out and COPY in cannot share one. A preview, and a rebuild of
/// a batch that lacks columns, read what their own transaction has written; then the chunks go through a `ByteSpool`.
struct ChangeReader: ~Copyable {
    private let source: PostgresConnection
    private let spool: ByteSpool?
    private var piece = 0

    /// Begins to read `query` on `source`; `writer` is the connection that will copy in meanwhile.
    init(_ query: SQLText, from source: PostgresConnection, besides writer: PostgresConnection) async throws {
        self.source = source
        try await source.beginCopyOut(query)
        guard source === writer else {
            spool = nil
            return
        }
        var spool = ByteSpool()
        while let chunk = try await source.nextCopyChunk() { try spool.append(chunk) }
        self.spool = spool
    }

    /// The next chunk; nil at the end.
    mutating func next() async throws -> [UInt8]? {
        guard let spool else { return try await source.nextCopyChunk() }
        guard piece < spool.pieces.count else { return nil }
        defer { piece += 1 }
        return try spool.read(spool.pieces[piece])
    }
}
