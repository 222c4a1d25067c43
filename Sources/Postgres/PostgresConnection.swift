import CLibPQ
import Logging

/// One session with a server, used by one task at a time.
///
/// Every call runs on the connection's own queue and may block there. When the calling task is cancelled, the
/// statement under way is cancelled at the server (`PQcancel`), the call throws `CancellationError` and the connection
/// is closed.
public actor PostgresConnection {
    private let executor = SerialQueueExecutor(label: "medallion.postgres")
    let signal = CancellationSignal()
    var session: LibPQSession
    var copy: CopyState = .none

    enum CopyState { case none, copyingIn(String), copyingOut(String) }

    /// The connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// What the server knows it by.
    public private(set) var applicationName: String

    private init(_ configuration: PostgresConfiguration, applicationName: String) {
        session = LibPQSession(configuration, signal: signal)
        self.applicationName = applicationName
    }

    /// Connects and fixes the session's settings, so that no role's or database's defaults change what we read.
    /// - Throws: PostgresError; CancellationError.
    public static func connect(
        _ configuration: PostgresConfiguration, applicationName: String
    ) async throws -> PostgresConnection {
        let connection = PostgresConnection(configuration, applicationName: applicationName)
        try await connection.open()
        return connection
    }

    private func open() async throws {
        try await cancellable { connection in
            try connection.session.connect(applicationName: connection.applicationName)
            guard unsafe PQserverVersion(try connection.session.open()) >= 140_000 else {
                connection.session.close()
                throw PostgresError(.usage, "the server is older than PostgreSQL 14", hint: "upgrade the server")
            }
            // The statement of a client that was killed would go on, and its locks keep the next one waiting.
            _ = try connection.run(
                """
                SELECT pg_catalog.set_config('TimeZone', 'UTC', false), pg_catalog.set_config('DateStyle', 'ISO', false),
                pg_catalog.set_config('search_path', '', false), pg_catalog.set_config('extra_float_digits', '1', false),
                pg_catalog.set_config('standard_conforming_strings', 'on', false),
                pg_catalog.set_config('bytea_output', 'hex', false),
                pg_catalog.set_config('client_min_messages', 'warning', false),
                CASE WHEN pg_catalog.version() ~ 'linux'
                    THEN pg_catalog.set_config('client_connection_check_interval', '5s', false) END
                """)
        }
    }

    /// Has the server know it by another name.
    /// - Throws: PostgresError; CancellationError.
    func rename(to name: String) async throws {
        guard name != applicationName else { return }
        try await execute("SELECT pg_catalog.set_config('application_name', \(name), false)")
        applicationName = name
    }

    /// Runs one statement and returns its rows.
    /// - Throws: PostgresError; CancellationError.
    public func query(_ sql: SQLText) async throws -> PostgresResult {
        try await cancellable { PostgresResult(try $0.run(sql)) }
    }

    /// Runs one statement and returns the number of rows it touched.
    /// - Throws: PostgresError; CancellationError.
    @discardableResult
    public func execute(_ sql: SQLText) async throws -> Int {
        try await cancellable { try $0.run(sql).affectedRows }
    }

    /// Runs several statements of our own migration files, in one implicit transaction unless one is open.
    /// - Throws: PostgresError; CancellationError.
    public func executeScript(_ sql: String) async throws {
        try await cancellable { connection in
            try connection.ensureNoCopy()
            try connection.session.send(script: sql)
            _ = try connection.finish(sql, cancellable: true)
        }
    }

    // MARK: Transactions

    /// Starts a transaction (read committed).
    public func begin() async throws { try await cancellable { _ = try $0.run("BEGIN") } }

    /// Commits. A cancelled task does not stop a COMMIT that has been sent.
    /// - Throws: PostgresError of kind `.commitOutcomeUnknown` when the connection was lost before the answer came.
    public func commit() async throws {
        signal.reset()
        do {
            let result = try run("COMMIT", cancellable: false)
            guard result.commandTag == "COMMIT" else {
                throw PostgresError(
                    .server(sqlState: "25P02"),
                    "the transaction was rolled back at COMMIT, since a statement in it had failed")
            }
        } catch let error as PostgresError where wasSent(error) && !isOpen {
            throw PostgresError(
                .commitOutcomeUnknown, "the connection was lost at COMMIT: \(error.message)",
                hint: "look up whether the work is there before repeating it")
        }
    }

    /// Rolls back. Does nothing when the connection is gone: the server has rolled back already.
    public func rollback() async throws {
        signal.reset()
        guard isOpen, case .none = copy else { return session.close() }
        _ = try run("ROLLBACK", cancellable: false)
    }

    /// Runs `body` between BEGIN and COMMIT, and rolls back when it throws.
    ///
    /// `body` runs where the caller runs, not on the connection.
    /// - Throws: what `body` throws; PostgresError of kind `.commitOutcomeUnknown` when the connection was lost at COMMIT.
    @discardableResult
    public nonisolated func transaction<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await begin()
        return try await committing(body)
    }

    /// Runs `body` within the open transaction and commits it, or rolls back when it throws.
    ///
    /// `body` runs where the caller runs, not on the connection.
    /// - Throws: what `body` throws; PostgresError of kind `.commitOutcomeUnknown` when the connection was lost at COMMIT.
    @discardableResult
    public nonisolated func committing<Result>(_ body: () async throws -> Result) async throws -> Result {
        let result: Result
        do {
            result = try await body()
            try Task.checkCancellation()
        } catch {
            await rollbackOrClose()
            throw error
        }
        try await commit()
        return result
    }

    /// The error that led here is the one to report: a rollback that fails as well only ends the connection.
    private func rollbackOrClose() async {
        do { try await rollback() } catch { session.close() }
    }

    // MARK: State

    /// Closes the connection; the server rolls back what was open. Twice is harmless.
    public func close() async { session.close() }

    /// False once the connection is closed, lost, or was used by a cancelled task.
    public var isUsable: Bool {
        guard isOpen, case .none = copy, let pointer = unsafe session.pointer else { return false }
        guard unsafe PQtransactionStatus(pointer) != PQTRANS_ACTIVE else { return false }
        return session.isStillThere()
    }

    /// True while a transaction is open or has failed.
    public var isInTransaction: Bool {
        guard let pointer = unsafe session.pointer else { return false }
        let status = unsafe PQtransactionStatus(pointer)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    /// The process that serves this connection, as `pg_stat_activity.pid` shows it; 0 when closed.
    public var backendPID: Int32 { unsafe session.pointer.map { unsafe PQbackendPID($0) } ?? 0 }

    /// The server's version as a number, for example 150020.
    public var serverVersion: Int { unsafe session.pointer.map { unsafe Int(PQserverVersion($0)) } ?? 0 }

    // MARK: Running

    private var isOpen: Bool { session.isConnected && !session.isCancelled }

    private func wasSent(_ error: PostgresError) -> Bool { error.kind != .usage && commitWasSent }
    private var commitWasSent = false

    /// Runs `body`, which blocks; a cancelled task raises the signal that ends it.
    func cancellable<Result>(
        _ body: (isolated PostgresConnection) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        signal.reset()
        return try await withTaskCancellationHandler {
            defer { if session.isCancelled { session.close() } }
            return try body(self)
        } onCancel: {
            signal.raise()
        }
    }

    func run(_ sql: SQLText, cancellable: Bool = true) throws -> ResultHandle {
        commitWasSent = false
        try ensureNoCopy()
        try session.send(sql)
        commitWasSent = true
        return try finish(sql.text, cancellable: cancellable)
    }

    func ensureNoCopy() throws {
        switch copy {
        case .none: return
        case .copyingIn(let statement), .copyingOut(let statement):
            throw PostgresError(.usage, "a COPY is under way on this connection", statement: statement)
        }
    }

    /// Takes all results of what was sent and returns the last one, or the one that starts an expected COPY.
    func finish(
        _ statement: String, cancellable: Bool, startingCopy: ExecStatusType? = nil
    ) throws -> ResultHandle {
        var last: ResultHandle?
        var failure: (any Error)?
        while let result = try session.nextResult(statement, cancellable: cancellable) {
            if result.status == startingCopy { return result }
            switch result.status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: last = result
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                session.close()
                throw PostgresError(
                    .usage, "a COPY was run as a plain statement", hint: "use beginCopyIn or beginCopyOut",
                    statement: statement)
            default: failure = failure ?? session.failure(result, statement)
            }
        }
        if let failure { throw failure }
        if let last { return last }
        if session.isCancelled, Task.isCancelled { throw CancellationError() }
        throw PostgresError(.connection, "the connection was lost", statement: statement)
    }
}
