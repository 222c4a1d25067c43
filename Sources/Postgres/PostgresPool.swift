internal import Primitives

/// Up to `size` connections to one database, lent one at a time, first come first served; beside them those that somebody keeps
/// (`detached`). As many at most wait to be lent again.
///
/// A connection that was cancelled, lost or left in the middle of a COPY is closed and replaced; one that was left in
/// a transaction is rolled back. Session settings and session locks are the borrower's to undo.
public actor PostgresPool {
    /// What it connects to.
    public nonisolated let configuration: PostgresConfiguration
    /// What the server knows its connections by.
    public nonisolated let applicationName: String
    private var idle: [PostgresConnection] = []
    /// How many more borrowers may be let in.
    private var permits: Int
    private let size: Int
    private var waiters: [(number: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var lastWaiter = 0
    private var isClosed = false
    /// What `connectAhead` began and nobody has taken yet.
    private var ahead: [(number: Int, opening: Task<PostgresConnection, any Error>)] = []
    private var lastAhead = 0

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

    /// Closes the idle connections now, lent ones when they come back, and those that are being opened once they are; those who
    /// wait get an error.
    public func close() {
        isClosed = true
        for waiter in waiters { waiter.continuation.resume(throwing: closedError) }
        let openings = ahead
        // Who drops a connection ends its session here and now. Closed one after the other, each on its own queue, they would
        // take milliseconds: the end of a session that has written much keeps a processor of the server busy.
        (waiters, ahead, idle) = ([], [], [])
        // Where a name is looked up, that may take a while: it is not waited for.
        for (_, opening) in openings { opening.cancel() }
    }

    // MARK: Connections for keeps

    /// Sees to it that so many connections are there, or on their way, for whoever asks next: to open one takes about 10 ms, in
    /// which something else can be done. What fails before anybody asks is forgotten.
    public func connectAhead(_ count: Int = 1) {
        while !isClosed, idle.count + ahead.count < count {
            lastAhead += 1
            let number = lastAhead
            let opening = Task { [configuration, applicationName] in
                do {
                    let connection = try await PostgresConnection.connect(
                        configuration, applicationName: applicationName)
                    if forget(number) {
                        idle.append(connection)
                    } else if isClosed {
                        await connection.close()
                    }
                    return connection
                } catch {
                    forget(number)
                    throw error
                }
            }
            ahead.append((number, opening))
        }
    }

    /// False where somebody has taken it.
    @discardableResult
    private func forget(_ number: Int) -> Bool {
        guard let index = ahead.firstIndex(where: { $0.number == number }) else { return false }
        ahead.remove(at: index)
        return true
    }

    /// A connection of its own for somebody who keeps it, and closes it or has it taken back; no permit is needed.
    public func detached(applicationName: String) async throws -> PostgresConnection {
        try await next(named: applicationName)
    }

    /// Takes back what was detached, for whoever asks next: the end of a session keeps the server busy for a while.
    public func takeBack(_ connection: PostgresConnection) async {
        if await connection.isReadyForTheNext(), !isClosed, idle.count < size {
            idle.append(connection)
        } else {
            await connection.close()
        }
    }

    /// One that is there, or about to be, else a new one.
    private func next(named name: String) async throws -> PostgresConnection {
        if isClosed { throw closedError }
        while let connection = try await ready() {
            if await connection.isUsable, await connection.isCalled(name) { return connection }
            await connection.close()
            try Task.checkCancellation()
        }
        return try await PostgresConnection.connect(configuration, applicationName: name)
    }

    /// An idle connection, or one that was begun ahead; nil where there is none.
    private func ready() async throws -> PostgresConnection? {
        while true {
            try Task.checkCancellation()
            if let connection = idle.popLast() { return connection }
            guard !ahead.isEmpty else { return nil }
            let start = ContinuousClock.now
            do {
                return try await ahead.removeFirst().opening.endingValue
            } catch let error as PostgresError {
                // Another one may be there, or the server have one to spare now; who waited long would wait as long again.
                if ContinuousClock.now - start > .seconds(1) { throw error }
            }
        }
    }

    /// How many are being opened that nobody has asked for yet.
    package var aheadCount: Int { ahead.count }

    /// How many wait for a connection.
    package var waitingCount: Int { waiters.count }

    /// How many connections are lent, or about to be.
    package var lentCount: Int { size - permits }

    // MARK: Lending

    private func borrow() async throws -> PostgresConnection {
        try await takePermit()
        do {
            try Task.checkCancellation()
            return try await next(named: applicationName)
        } catch {
            passPermitOn()
            throw error
        }
    }

    private func giveBack(_ connection: PostgresConnection) async {
        await takeBack(connection)
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
    /// Gives it the name; false where the connection is lost.
    fileprivate func isCalled(_ name: String) async -> Bool {
        // Whoever asked for it goes on with another one.
        do { try await rename(to: name) } catch { return false }
        return true
    }

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
