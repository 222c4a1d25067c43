internal import Postgres
internal import Primitives

/// A COPY whose rows are sent by a task of their own, in their order: whoever makes them goes on while the server is busy,
/// and feeds another server meanwhile.
///
/// About 4 MB wait, or one buffer that is larger; whoever is faster than that waits. The memory of sent buffers is used
/// again.
struct CopyQueue {
    private let connection: PostgresConnection
    private let full: AsyncStream<CopyBuffer>.Continuation
    private var permits: AsyncStream<CopyBuffer?>.Iterator
    private let work: Task<Void, any Error>

    private static let mostPermits = 8

    /// A buffer takes one for each half megabyte that it holds, at most all of them.
    private static func permits(for rows: CopyBuffer) -> Int { min(mostPermits, 1 + rows.byteCount >> 19) }

    /// Begins the COPY.
    init(_ sql: SQLText, on connection: PostgresConnection) async throws {
        try await connection.beginCopyIn(sql)
        let (buffers, full) = AsyncStream.makeStream(of: CopyBuffer.self)
        let (permits, returned) = AsyncStream.makeStream(of: CopyBuffer?.self)
        for _ in 0..<Self.mostPermits { returned.yield(nil) }
        self.connection = connection
        self.full = full
        self.permits = permits.makeAsyncIterator()
        work = Task {
            // Whoever waits for a permit meets the error.
            defer { returned.finish() }
            for await var rows in buffers {
                let permits = Self.permits(for: rows)
                try await connection.putCopyData(&rows)
                for _ in 1..<permits { returned.yield(nil) }
                // A buffer that grew far is not kept. Whoever still held one here would have it copied by the next writer.
                returned.yield(permits <= 4 ? consume rows : nil)
            }
        }
    }

    /// Takes the buffer's rows, and leaves it empty. What the server refuses shows when the COPY is ended.
    mutating func add(_ rows: inout CopyBuffer) async throws {
        guard rows.byteCount > 0 else { return }
        var empty: CopyBuffer?
        for _ in 0..<Self.permits(for: rows) {
            guard let permit = await permits.next(isolation: #isolation) else {
                try await sent()
                throw CancellationError()
            }
            if let buffer = permit { empty = buffer }
        }
        full.yield(rows)
        rows = empty ?? CopyBuffer(continues: true)
    }

    /// Ends the COPY, once all is sent.
    /// - Returns: How many rows the server took.
    @discardableResult
    func end() async throws -> Int {
        try await sent()
        return try await connection.endCopyIn()
    }

    /// Ends the COPY without storing anything; the connection stays usable.
    /// - Throws: What has kept rows from being sent.
    func abort(_ reason: String) async throws {
        try await sent()
        await connection.abortCopyIn(reason)
    }

    /// Sends no more. The COPY is left open for whoever rolls back, or closes the connection.
    func stop() async {
        full.finish()
        work.cancel()
        _ = await work.result
    }

    private func sent() async throws {
        full.finish()
        try await work.endingValue
    }
}
