internal import Postgres

/// A COPY whose rows are sent by a task of their own, in their order: whoever makes them goes on while the server is busy,
/// and feeds another server meanwhile.
///
/// Up to eight full buffers (2 MB) wait, whose memory is used again; whoever is faster than that waits.
struct CopyQueue {
    private let connection: PostgresConnection
    private let full: AsyncStream<CopyBuffer>.Continuation
    private var empty: AsyncStream<CopyBuffer>.Iterator
    private let work: Task<Void, any Error>

    /// Begins the COPY.
    init(_ sql: SQLText, on connection: PostgresConnection) async throws {
        try await connection.beginCopyIn(sql)
        let (rows, full) = AsyncStream.makeStream(of: CopyBuffer.self)
        let (buffers, empty) = AsyncStream.makeStream(of: CopyBuffer.self)
        for _ in 0..<8 { empty.yield(CopyBuffer(continues: true)) }
        self.connection = connection
        self.full = full
        self.empty = buffers.makeAsyncIterator()
        work = Task {
            // Whoever waits for a buffer meets the error.
            defer { empty.finish() }
            for await var buffer in rows {
                try await connection.putCopyData(&buffer)
                empty.yield(buffer)
            }
        }
    }

    /// Takes the buffer's rows, and leaves it empty.
    mutating func add(_ rows: inout CopyBuffer) async throws {
        guard let buffer = await empty.next(isolation: #isolation) else {
            try await sent()
            throw CancellationError()
        }
        full.yield(rows)
        rows = buffer
    }

    /// Ends the COPY, once all is sent.
    /// - Returns: How many rows the server took.
    @discardableResult
    func end() async throws -> Int {
        try await sent()
        return try await connection.endCopyIn()
    }

    /// Ends the COPY without storing anything.
    func abort(_ reason: String) async {
        // Its error is that of whoever aborts.
        _ = try? await sent()
        await connection.abortCopyIn(reason)
    }

    private func sent() async throws {
        full.finish()
        try await work.endingValue
    }
}
