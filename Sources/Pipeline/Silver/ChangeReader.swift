internal import Foundation
#if canImport(Glibc)
    internal import Glibc
#endif
internal import Postgres
internal import Primitives

/// Hands over what a COPY of bronze sends, chunk by chunk.
///
/// As a rule bronze is read on a second connection, since COPY out and COPY in cannot share one. A preview reads what
/// its own transaction has written; then the chunks go through a temporary file that has no name.
struct ChangeReader: ~Copyable {
    private let source: PostgresConnection
    private let spool: FileHandle?

    /// Begins to read `query` on `source`; `writer` is the connection that will copy in meanwhile.
    init(_ query: SQLText, from source: PostgresConnection, besides writer: PostgresConnection) async throws {
        self.source = source
        try await source.beginCopyOut(query)
        guard source === writer else {
            spool = nil
            return
        }
        var template = Array((FileManager.default.temporaryDirectory.path + "/medallion-preview-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            let folder = FileManager.default.temporaryDirectory.path
            throw StepError(.internal, "cannot make a temporary file in \(folder); check that it is writable")
        }
        unlink(template)
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        while let chunk = try await source.nextCopyChunk() {
            var framed: [UInt8] = []
            framed.append(bigEndian: UInt64(chunk.count))
            framed.append(contentsOf: chunk)
            try file.write(contentsOf: framed)
        }
        try file.seek(toOffset: 0)
        spool = file
    }

    /// The next chunk; nil at the end.
    mutating func next() async throws -> [UInt8]? {
        guard let spool else { return try await source.nextCopyChunk() }
        guard let head = try spool.read(upToCount: 8), head.count == 8 else { return nil }
        let count = head.reduce(0) { $0 << 8 | Int($1) }
        return try spool.read(upToCount: count).map { Array($0) }
    }
}
