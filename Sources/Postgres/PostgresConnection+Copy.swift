import CLibPQ

/// COPY: the way for bulk data (https://www.postgresql.org/docs/current/libpq-copy.html).
extension PostgresConnection {
    /// How many bytes a chunk of COPY OUT collects before it is handed over.
    static let chunkBytes = 256 * 1024

    /// Starts `COPY … FROM STDIN`; no other statement can run until `endCopyIn` or `abortCopyIn`.
    public func beginCopyIn(_ sql: SQLText) async throws {
        try await beginCopy(sql, expecting: PGRES_COPY_IN) { .copyingIn($0) }
    }

    /// Sends bytes of the COPY, in pieces of any size; best 128 KB or more, since each call is a change of thread.
    ///
    /// Returns when the bytes before these have been taken by the network; so the server works on them meanwhile, and a
    /// slow server slows the caller down.
    public func putCopyData(_ bytes: [UInt8]) async throws { try await put(bytes, count: bytes.count) }

    private func put(_ bytes: [UInt8], count: Int) async throws {
        guard case .copyingIn(let statement) = copy else { throw noCopy("putCopyData") }
        try await cancellable { connection in
            try connection.session.flush(statement, cancellable: true)
            if connection.session.isCancelled { throw CancellationError() }
            guard connection.session.isConnected else { throw connection.failedCopy(statement) }
            let opened = unsafe try connection.session.open(statement)
            let sent = unsafe bytes.withUnsafeBytes { bytes in
                unsafe PQputCopyData(opened, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(count))
            }
            if sent != 1 { throw connection.failedCopy(statement) }
            _ = unsafe PQflush(opened)  // a lost connection shows at the next call, with the server's last words
        }
    }

    /// Sends what the buffer holds, which goes on empty.
    public func putCopyData(_ buffer: inout CopyBuffer) async throws {
        try await putCopyData(buffer)
        buffer.clear()
    }

    /// Sends what the buffer holds.
    public func putCopyData(_ buffer: CopyBuffer) async throws {
        try await put(buffer.allocated, count: buffer.byteCount)
    }

    /// Ends the COPY and returns the number of rows that the server took.
    /// - Throws: PostgresError, also for any error of earlier pieces; then nothing was stored.
    @discardableResult
    public func endCopyIn() async throws -> Int {
        guard case .copyingIn(let statement) = copy else { throw noCopy("endCopyIn") }
        return try await cancellable { connection in
            let opened = unsafe try connection.session.open(statement)
            if unsafe PQputCopyEnd(opened, nil) != 1 { throw connection.failedCopy(statement) }
            connection.copy = .none
            return try connection.finish(statement, cancellable: true).affectedRows
        }
    }

    /// Ends the COPY without storing anything. The connection stays usable where the server still answers.
    public func abortCopyIn(_ reason: String) async {
        guard case .copyingIn(let statement) = copy else { return }
        copy = .none
        signal.reset()
        guard let opened = unsafe session.pointer, !session.isCancelled else { return session.close() }
        if unsafe PQputCopyEnd(opened, reason) != 1 { return session.close() }
        // The server confirms the end with an error (57014) that quotes the reason: that is what was asked for.
        do { _ = try finish(statement, cancellable: false) } catch {}
    }

    /// Starts `COPY … TO STDOUT`; no other statement can run until `nextCopyChunk` has returned nil.
    public func beginCopyOut(_ sql: SQLText) async throws {
        try await beginCopy(sql, expecting: PGRES_COPY_OUT) { .copyingOut($0) }
    }

    /// The next rows, about 256 KB of whole rows; nil at the end.
    public func nextCopyChunk() async throws -> [UInt8]? {
        guard case .copyingOut(let statement) = copy else { return nil }
        return try await cancellable { try $0.readChunk(statement) }
    }

    private func readChunk(_ statement: String) throws -> [UInt8]? {
        var chunk: [UInt8] = []
        chunk.reserveCapacity(Self.chunkBytes)
        while chunk.count < Self.chunkBytes {
            let opened = unsafe try session.open(statement)
            var row: UnsafeMutablePointer<CChar>? = nil
            let length = unsafe PQgetCopyData(opened, &row, 1)
            if length > 0, let row = unsafe row {
                unsafe chunk.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(length)))
                unsafe PQfreemem(row)
            } else if length == 0 {
                try session.waitForServer(events: 1, cancellable: true)
                if session.isCancelled { throw CancellationError() }
                // A failure here shows in the next PQgetCopyData.
                _ = unsafe PQconsumeInput(opened)
            } else {
                copy = .none
                _ = try finish(statement, cancellable: true)
                break
            }
        }
        return chunk.isEmpty ? nil : chunk
    }

    private func beginCopy(
        _ sql: SQLText, expecting status: ExecStatusType, _ state: @Sendable (String) -> CopyState
    ) async throws {
        guard sql.parameters.isEmpty else {
            throw PostgresError(.usage, "COPY takes no parameters", hint: "use \\(literal:)", statement: sql.text)
        }
        try await cancellable { connection in
            try connection.ensureNoCopy()
            let statement = sql.text
            try connection.session.send(script: statement)
            let result = try connection.finish(statement, cancellable: true, startingCopy: status)
            guard result.status == status else {
                throw PostgresError(.usage, "the statement is not the expected kind of COPY", statement: statement)
            }
            connection.copy = state(statement)
        }
    }

    private func noCopy(_ call: String) -> PostgresError { PostgresError(.usage, "\(call) without a COPY under way") }

    /// The server's last words where libpq refuses to go on.
    private func failedCopy(_ statement: String) -> any Error {
        copy = .none
        let reason = session.lost(statement)
        do { _ = try finish(statement, cancellable: true) } catch { return error }
        return reason
    }
}
