#if MySQL
    import CMariaDB
    import Dispatch
    import Synchronization

    /// Where a server is, who asks, and how the connection is protected.
    public struct MariaDBConfiguration: Sendable {
        /// How far the server's identity is proved.
        public enum Protection: Sendable { case none, encrypted, verified }
        /// Name or address; nil for a unix socket.
        public var host: String?
        /// The server's port.
        public var port: Int
        /// The unix socket's path.
        public var socket: String?
        /// The database in which names are looked up.
        public var database: String
        /// Who asks.
        public var user: String
        /// The user's password.
        public var password: String?
        /// How the connection is protected.
        public var protection: Protection
        /// Certificates of the authorities that vouch for the server, PEM.
        public var caFile: String?
        /// Seconds to wait for the server.
        public var connectSeconds: Int

        /// A server.
        public init(
            host: String?, port: Int, socket: String?, database: String, user: String, password: String?,
            protection: Protection, caFile: String?, connectSeconds: Int
        ) {
            (self.host, self.port, self.socket, self.database) = (host, port, socket, database)
            (self.user, self.password, self.protection) = (user, password, protection)
            (self.caFile, self.connectSeconds) = (caFile, connectSeconds)
        }
    }

    /// One session with a MariaDB or MySQL server, used by one task at a time.
    ///
    /// Every call runs on the connection's own queue and may block there. When the calling task is cancelled, the
    /// connection is cut, and the call throws `CancellationError`.
    public actor MariaDBConnection {
        private let executor = MariaDBQueue()
        private let session: MariaDBSession
        private var statement: MariaDBStatement?

        /// The connection's own queue.
        public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

        private init() throws { session = try MariaDBSession() }

        /// Connects.
        /// - Throws: MariaDBError; CancellationError.
        public static func connect(_ configuration: MariaDBConfiguration) async throws -> MariaDBConnection {
            let connection = try MariaDBConnection()
            try await connection.open(configuration)
            return connection
        }

        private func open(_ configuration: MariaDBConfiguration) async throws {
            try await cancellable { try $0.session.connect(configuration) }
        }

        /// `10.11.6-MariaDB` or `8.0.36`.
        public var serverVersion: String { session.serverVersion }

        /// `TLSv1.3`; nil for an open connection.
        public var protection: String? { session.protection }

        /// Runs a statement of ours that brings no rows.
        /// - Throws: MariaDBError; CancellationError.
        public func execute(_ sql: String) async throws { try await cancellable { try $0.session.execute(sql) } }

        /// All rows of a small result.
        /// - Throws: MariaDBError; CancellationError.
        public func query(_ sql: String, _ values: [MariaDBValue] = []) async throws -> [[MariaDBValue]] {
            try await cancellable { connection in
                var rows: [[MariaDBValue]] = []
                let statement = try MariaDBStatement(sql, values, connection.session)
                while try statement.next() { rows.append(statement.columns.indices.map { statement.row.value($0) }) }
                return rows
            }
        }

        /// Begins to read a statement and tells its columns; `next` then brings its rows.
        /// - Throws: MariaDBError; CancellationError.
        @discardableResult
        public func begin(_ sql: String, _ values: [MariaDBValue] = []) async throws -> [MariaDBColumn] {
            try await cancellable { connection in
                connection.statement = nil
                let statement = try MariaDBStatement(sql, values, connection.session)
                connection.statement = statement
                return statement.columns
            }
        }

        /// The next rows as `encode` writes them, about 256 KB of whole rows; nil at the end.
        /// - Throws: MariaDBError; CancellationError.
        public func next(
            _ encode: @escaping @Sendable (borrowing MariaDBRow, inout [UInt8]) -> Void
        ) async throws -> [UInt8]? {
            try await cancellable { connection in
                guard let statement = connection.statement else { return nil }
                var chunk: [UInt8] = []
                chunk.reserveCapacity(Self.chunkBytes + 4096)
                while chunk.count < Self.chunkBytes {
                    guard try statement.next() else {
                        connection.statement = nil
                        break
                    }
                    encode(statement.row, &chunk)
                }
                return chunk.isEmpty ? nil : chunk
            }
        }

        /// Closes the connection; the server rolls back what was open. Twice is harmless.
        public func close() async {
            statement = nil
            session.close()
        }

        private static let chunkBytes = 256 << 10

        private func cancellable<Result>(
            _ body: (isolated MariaDBConnection) throws -> Result
        ) async throws -> Result {
            try Task.checkCancellation()
            return try await withTaskCancellationHandler {
                do {
                    return try body(self)
                } catch {
                    if Task.isCancelled { throw CancellationError() }
                    throw error
                }
            } onCancel: {
                session.cut()
            }
        }
    }

    /// Runs the connection's jobs on a queue of its own, so that a blocking call holds no thread of Swift's pool.
    private final class MariaDBQueue: SerialExecutor {
        private let queue = DispatchQueue(label: "medallion.mariadb")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            let executor = unsafe asUnownedSerialExecutor()
            queue.async { unsafe job.runSynchronously(on: executor) }
        }

        func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
    }
#endif
