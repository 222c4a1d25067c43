internal import Postgres

/// The COPY of a batch's changes into the log.
///
/// While silver is fed as well, the log's rows wait (`ByteSpool`): silver has all of its rows at once and merges them
/// while the log is written, where both used to go at the pace of the log, whose key is all over its index. What would fill
/// more than `limit` goes to both at the same pace.
struct LogCopy: Sendable {
    private let limit: Int
    private var waiting: ByteSpool?
    private var rest = CopyBuffer()

    /// Begins it.
    /// - Parameters:
    ///   - waits: Silver is fed.
    ///   - limit: Bytes that may wait.
    init(
        into table: BronzeTable, _ columns: [String], waits: Bool, limit: Int = 64 << 20,
        on connection: PostgresConnection
    ) async throws {
        self.limit = limit
        waiting = waits ? ByteSpool() : nil
        try await connection.beginCopyIn(table.copyToLog(columns))
    }

    /// Bytes that wait; nil where rows are sent as they come.
    var waitingBytes: Int? { waiting?.byteCount }

    /// Takes the rows, and sends silver those that it is to have.
    mutating func add(
        _ rows: inout CopyBuffer, feeding feed: inout MergeFeed, on connection: PostgresConnection
    ) async throws {
        if let held = waitingBytes, held + rows.byteCount > limit { try await release(on: connection) }
        guard waiting != nil else { return try await feed.send(&rows, on: connection) }
        let bytes = rows.takeBytes()
        do { try waiting?.append(bytes) } catch {
            // The disk of temporary files is full.
            try await release(on: connection)
            try await connection.putCopyData(bytes)
        }
        try await feed.send()
    }

    /// Takes the last rows; they are sent by `end`.
    mutating func finish(_ rows: inout CopyBuffer) {
        rows.finish()
        swap(&rows, &rest)
    }

    /// Sends what waits, and ends the COPY.
    mutating func end(on connection: PostgresConnection) async throws {
        try await release(on: connection)
        try await connection.putCopyData(&rest)
        try await connection.endCopyIn()
    }

    private mutating func release(on connection: PostgresConnection) async throws {
        guard let spool = waiting else { return }
        for piece in spool.pieces { try await connection.putCopyData(spool.read(piece)) }
        waiting = nil
    }
}
