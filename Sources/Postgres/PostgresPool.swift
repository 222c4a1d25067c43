internal import Primitives

/// Up to `size` connections to one database, lent one at a time, first come first served.
///
/// A connection that was cancelled, lost or left in the middle of a COPY is closed and replaced; one that was left in
/// a transaction is rolled back. Session settings and session locks are the borrower's to undo.
public actor PostgresPool {
    let configuration: PostgresConfiguration
    private let applicationName: String
    private var idle: [PostgresConnection] = []
    /// How many more borrowers may be let in.
    private var permits: Int
    private let size: Int
    private var waiters: [(number: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var lastWaiter = 0
    private var isClosed = false
    /// What `connectAhead` began.
    private var ahead: Task<PostgresConnection, any Error>?

    /// A pool without connections yet; they are made when first needed.
    public init(configuration: PostgresConfiguration, size: Int, applicationName: String) {
        precondition(size > 0, "a pool needs at least one connection")
        self.configuration = configuration
        self.applicationName = applicationName
        self.size = size
        permits = size
    }

    /// Lends a connection to `body`, which runs where the caller runs. It must not be kept.
    /// - Throws: what `body` throws; PostgresError when no connection can be made; CancellationError while waiting.
    @discardableResult
    public nonisolated func withConnection<Result>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await borrow()
        do {
            let result = try await body(connection)
            await giveBack(connection)
            return result
        } catch {
            await giveBack(connection)
            throw error
        }
    }

    /// Closes the idle connections now, lent ones when they come back; those who wait get an error.
    public func close() async {
        isClosed = true
        for waiter in waiters { waiter.continuation.resume(throwing: closedError) }
        waiters = []
        let connections = idle
        idle = []
        for connection in connections { await connection.close() }
        if let ahead = takeAhead() { await PostgresPool.end(ahead) }
    }

    // MARK: Connections for keeps

    /// Begins to open a connection that `detached` will hand out: it takes about 10 ms, in which something else can be done.
    public func connectAhead() {
        guard ahead == nil, !isClosed else { return }
        ahead = Task { [configuration, applicationName] in
            try await PostgresConnection.connect(configuration, applicationName: applicationName)
        }
    }

    /// A connection of its own for somebody who keeps it and closes it; no permit is needed.
    public nonisolated func detached(applicationName: String) async throws -> PostgresConnection {
        guard let opening = await takeAhead() else {
            return try await PostgresConnection.connect(configuration, applicationName: applicationName)
        }
        do {
            let connection = try await opening.endingValue
            try await connection.execute("SELECT pg_catalog.set_config('application_name', \(applicationName), false)")
            return connection
        } catch {
            await PostgresPool.end(opening)
            try Task.checkCancellation()
            // Whatever became of it meanwhile: another one works, or says why not.
            return try await PostgresConnection.connect(configuration, applicationName: applicationName)
        }
    }

    private func takeAhead() -> Task<PostgresConnection, any Error>? {
        defer { ahead = nil }
        return ahead
    }

    private static func end(_ opening: Task<PostgresConnection, any Error>) async {
        opening.cancel()
        if case .success(let connection) = await opening.result { await connection.close() }
    }

    /// How many wait for a connection.
    package var waitingCount: Int { waiters.count }

    /// How many connections are lent, or about to be.
    package var lentCount: Int { size - permits }

    // MARK: Lending

    private func borrow() async throws -> PostgresConnection {
        try await takePermit()
        do {
            try Task.checkCancellation()
            if isClosed { throw closedError }
            while let connection = idle.popLast() {
                if await connection.isUsable { return connection }
                await connection.close()
            }
            return try await PostgresConnection.connect(configuration, applicationName: applicationName)
        } catch {
            passPermitOn()
            throw error
        }
    }

    private func giveBack(_ connection: PostgresConnection) async {
        if await connection.isReadyForTheNext(), !isClosed {
            idle.append(connection)
        } else {
            await connection.close()
        }
        passPermitOn()
    }

    private func takePermit() async throws {
        if isClosed { throw closedError }
        if permits > 0, waiters.isEmpty {
            permits -= 1
            return
        }
        lastWaiter += 1
        let number = lastWaiter
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiters.append((number, continuation))
                }
            }
        } onCancel: {
            Task { await self.stopWaiting(number) }
        }
    }

    private func stopWaiting(_ number: Int) {
        guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
        waiters.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    private func passPermitOn() {
        if waiters.isEmpty { permits += 1 } else { waiters.removeFirst().continuation.resume() }
    }

    private var closedError: PostgresError { PostgresError(.usage, "the connection pool is closed") }
}

extension PostgresConnection {
    /// Rolls back what was left open; false when the connection cannot be lent again.
    fileprivate func isReadyForTheNext() async -> Bool {
        guard isUsable else { return false }
        if isInTransaction {
            // A connection whose rollback fails is not worth keeping; the borrower has its own error already.
            do { try await rollback() } catch { return false }
        }
        return isUsable
    }
}
