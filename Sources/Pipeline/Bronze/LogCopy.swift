internal import Postgres
internal import Primitives
internal import Synchronization

/// The COPY of a batch's changes into the log.
///
/// The log's key is an index of hashes: rows that came in any order would touch all of its pages again and again. So they wait,
/// and are sent in the order of their keys' first bits (`RowPartitions`), in rounds: while a task of its own sends one, the next
/// one grows. So whoever reads hardly ever waits for the log, and silver has all of its rows early: it merges them while the log
/// is written.
struct LogCopy: Sendable {
    /// Bytes of rows that wait at most, in a temporary file, while as many may be on their way; whoever brings more waits.
    static let mostWaiting = 256 << 20
    /// From so many bytes on, a round is worth beginning before the last row has come.
    static let smallestRound = 64 << 20

    private let connection: PostgresConnection
    private let round: Int
    private let limit: Int
    private let spool: @Sendable () -> ByteSpool
    private let indexBytes: Int
    /// nil where rows are sent as they come.
    private var waiting: RowPartitions?
    private var sending: Sending?
    private var rest = CopyBuffer(continues: true)

    /// A round on its way.
    private struct Sending: Sendable {
        let work: Task<Void, any Error>
        private let state = State()

        private final class State: Sendable {
            let value = Mutex((isDone: false, isStopped: false))
        }

        init(_ rows: RowPartitions, on connection: PostgresConnection) {
            work = Task { [state] in
                defer { state.value.withLock { $0.isDone = true } }
                try await rows.send(on: connection) { state.value.withLock { !$0.isStopped } }
            }
        }

        var isDone: Bool { state.value.withLock(\.isDone) }

        /// Sends hardly more than the piece at hand.
        func stop() { state.value.withLock { $0.isStopped = true } }
    }

    /// Begins it.
    /// - Parameters:
    ///   - rows: How many rows are to come.
    ///   - round: See `smallestRound`.
    ///   - limit: See `mostWaiting`.
    ///   - spool: Where rows wait.
    init(
        into table: BronzeTable, _ columns: [String], rows: Int, round: Int = smallestRound, limit: Int = mostWaiting,
        spool: @escaping @Sendable () -> ByteSpool = { ByteSpool() }, on connection: PostgresConnection
    ) async throws {
        let index: Int? = try await connection.query(
            "SELECT pg_catalog.pg_relation_size(to_regclass(\(literal: table.key.text)))")[0].get(0)
        (self.connection, self.round, self.limit, self.spool) = (connection, round, limit, spool)
        indexBytes = max(index ?? 0, rows * RowPartitions.bytesPerKey)
        // Without its key, the log takes rows in any order.
        waiting = index == nil ? nil : RowPartitions(indexBytes: indexBytes, in: spool())
        try await connection.beginCopyIn(table.copyToLog(columns))
        var head = CopyBuffer()
        head.begin()
        try await connection.putCopyData(&head)
    }

    /// Bytes that wait; nil where rows are sent as they come.
    var waitingBytes: Int? { waiting?.byteCount }

    /// Takes rows of a buffer that writes no signature, and sends silver those that it is to have.
    mutating func add(_ rows: inout CopyBuffer, feeding feed: inout MergeFeed) async throws {
        try await keep(&rows)
        try await feed.send()
    }

    /// Takes the last rows; they are sent by `end`.
    mutating func finish(_ rows: inout CopyBuffer) { swap(&rows, &rest) }

    /// Sends what waits, and ends the COPY.
    mutating func end() async throws {
        var last = exchange(&rest, with: CopyBuffer(continues: true))
        try await keep(&last)
        try await sent()
        try await waiting?.send(on: connection)
        rest.finish()
        try await connection.putCopyData(&rest)
        try await connection.endCopyIn()
    }

    /// Ends the COPY without storing anything; the connection stays usable.
    func abort(_ reason: String) async {
        await stop()
        await connection.abortCopyIn(reason)
    }

    /// Sends no more. The COPY is left open for whoever rolls back, or closes the connection.
    func stop() async {
        sending?.stop()
        // What the server refused will be told by whoever ends the transaction.
        _ = try? await sending?.work.endingValue
    }

    /// The disk of temporary files is full: sends what waits there, and from now on every row as it comes.
    mutating func giveDiskBack() async throws {
        try await sent()
        try await waiting?.send(on: connection)
        waiting = nil
    }

    private mutating func keep(_ rows: inout CopyBuffer) async throws {
        var taken = 0
        do { try rows.withBytes { try waiting?.append($0, from: &taken) } } catch { try await giveDiskBack() }
        guard let held = waiting?.byteCount else {
            return try await connection.putCopyData(Array(rows.takeBytes()[taken...]))
        }
        rows.clear()
        guard held >= limit || held >= round && sending?.isDone != false else { return }
        try await sent()
        sending = waiting.map { Sending($0, on: connection) }
        waiting = RowPartitions(indexBytes: indexBytes, in: spool())
    }

    /// Waits for the round that is on its way.
    private mutating func sent() async throws {
        let work = sending?.work
        sending = nil
        try await work?.endingValue
    }
}
