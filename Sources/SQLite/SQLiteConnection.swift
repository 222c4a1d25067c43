import CSQLite
import Dispatch
import Synchronization

/// One open database file, read only, used by one task at a time.
///
/// Every call runs on the connection's own queue and may block there. When the calling task is cancelled, the statement
/// under way stops within some thousand steps of SQLite's machine, and the call throws `CancellationError`.
public actor SQLiteConnection {
    private let executor = SQLiteQueue()
    private let isCancelled = CancelFlag()
    private var database: SQLiteDatabase?
    private var statement: SQLiteStatement?

    /// The connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private init() {}

    /// Opens a file that exists, without any right to change it (https://www.sqlite.org/c3ref/open.html).
    /// - Parameter busyMilliseconds: How long to wait for a writer's lock.
    /// - Throws: SQLiteError; CancellationError.
    public static func open(_ path: String, busyMilliseconds: Int) async throws -> SQLiteConnection {
        let connection = SQLiteConnection()
        try await connection.open(path, busyMilliseconds)
        return connection
    }

    private func open(_ path: String, _ busyMilliseconds: Int) async throws {
        try await cancellable { connection in
            connection.database = try SQLiteDatabase(path, busyMilliseconds, connection.isCancelled)
            // query_only beside the open mode; no code of the file's own schema is trusted (sqlite.org/security.html).
            for pragma in ["PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF", "PRAGMA mmap_size = 0"] {
                try connection.run(pragma)
            }
        }
    }

    /// All rows of a small result.
    /// - Throws: SQLiteError; CancellationError.
    public func query(_ sql: String, _ values: [SQLiteValue] = []) async throws -> [[SQLiteValue]] {
        try await cancellable { connection in
            var rows: [[SQLiteValue]] = []
            let statement = try connection.prepare(sql, values)
            while try statement.step() {
                rows.append((0..<statement.columnCount).map { statement.row.value($0) })
            }
            return rows
        }
    }

    /// Begins to read a statement and tells its columns; `next` then brings its rows.
    /// - Throws: SQLiteError; CancellationError.
    @discardableResult
    public func begin(_ sql: String, _ values: [SQLiteValue] = []) async throws -> [SQLiteColumn] {
        try await cancellable { connection in
            let statement = try connection.prepare(sql, values)
            connection.statement = statement
            return (0..<statement.columnCount).map { statement.column($0) }
        }
    }

    /// The next rows as `encode` writes them, about 256 KB of whole rows; nil at the end.
    /// - Throws: SQLiteError; CancellationError.
    public func next(
        _ encode: @escaping @Sendable (borrowing SQLiteRow, inout [UInt8]) -> Void
    ) async throws -> [UInt8]? {
        try await cancellable { connection in
            guard let statement = connection.statement else { return nil }
            var chunk: [UInt8] = []
            chunk.reserveCapacity(Self.chunkBytes + 4096)
            while chunk.count < Self.chunkBytes {
                guard try statement.step() else {
                    connection.statement = nil
                    break
                }
                encode(statement.row, &chunk)
            }
            return chunk.isEmpty ? nil : chunk
        }
    }

    /// Starts the transaction in which all further statements see one state of the file.
    /// - Throws: SQLiteError; CancellationError.
    public func begin() async throws { try await cancellable { try $0.run("BEGIN") } }

    /// Closes the file. Twice is harmless.
    public func close() async {
        statement = nil
        database = nil
    }

    /// The library's version: `3.40.1` (https://www.sqlite.org/c3ref/libversion.html).
    public static var libraryVersion: String { unsafe String(cString: sqlite3_libversion()) }

    private static let chunkBytes = 256 << 10

    private func run(_ sql: String) throws {
        let statement = try prepare(sql, [], mayBegin: true)
        while try statement.step() {}
    }

    private func prepare(_ sql: String, _ values: [SQLiteValue], mayBegin: Bool = false) throws -> SQLiteStatement {
        guard let database else { throw SQLiteError(code: SQLITE_MISUSE, message: "the database is closed") }
        return try SQLiteStatement(sql, values, database, mayBegin: mayBegin)
    }

    private func cancellable<Result>(
        _ body: (isolated SQLiteConnection) throws -> Result
    ) async throws -> Result {
        try Task.checkCancellation()
        isCancelled.set(false)
        return try await withTaskCancellationHandler {
            do {
                return try body(self)
            } catch let error as SQLiteError where error.code & 0xFF == SQLITE_INTERRUPT {
                throw CancellationError()
            }
        } onCancel: {
            isCancelled.set(true)
        }
    }
}

/// Set by whoever cancels, read by SQLite's progress handler.
final class CancelFlag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    func set(_ isSet: Bool) { value.store(isSet, ordering: .relaxed) }
}

/// Runs the connection's jobs on a queue of its own, so that a blocking call holds no thread of Swift's pool.
private final class SQLiteQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "medallion.sqlite")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
