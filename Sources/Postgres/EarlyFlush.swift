extension PostgresPool {
    /// Does work that writes much, while the server flushes its log beside it.
    ///
    /// PostgreSQL's WAL writer sleeps 200 ms at a time (`wal_writer_delay`). What is written faster than that fills the log's
    /// buffers, and the writing backends flush them themselves, a segment of 16 MB at a time, and wait for the disk. A commit
    /// that does not wait for its own flush wakes the WAL writer wherever a megabyte is due
    /// (src/backend/access/transam/xlog.c, XLogSetAsyncXactLSN). So an empty transaction is committed that way 40 times
    /// a second, on a connection of its own.
    ///
    /// Nothing depends on it: where no connection can be had, the work goes on without.
    public nonisolated func flushingEarly<R: Sendable>(
        if isWorth: Bool, _ work: () async throws -> R
    ) async throws -> R {
        guard isWorth else { return try await work() }
        async let _: Void = keepWALWriterAwake()
        return try await work()
    }

    private nonisolated func keepWALWriterAwake() async {
        var opened: PostgresConnection?
        do {
            // Work that is done by then needs no help; else a connection may lie idle that its beginning needed.
            try await Task.sleep(for: .milliseconds(100))
            let connection = try await detached(applicationName: "\(applicationName) early flush")
            opened = connection
            try await connection.execute("SET synchronous_commit = off")
            while true {
                try await connection.execute("SELECT pg_catalog.pg_current_xact_id()")
                try await Task.sleep(for: .milliseconds(25))
            }
        } catch {
            // The work is done, or there is no connection to spare: then the backends flush as they ever did.
        }
        await opened?.close()
    }
}
