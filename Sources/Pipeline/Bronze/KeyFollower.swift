internal import ConnectorKit
internal import Logging
internal import Metadata
internal import Postgres
internal import Primitives
internal import Synchronization

/// The keys of a later full batch, read while it lands, and meanwhile those of the last changes, which they will be compared with.
///
/// The last changes are those that bronze's own transaction would read: in between nobody writes to bronze but the run that
/// holds the system's lease, and one that has lost it cannot commit (`Step.checkFence`). Nothing is locked for longer than
/// the server takes to send them, so that the landing may take its time. See ADR 0035.
final class KeyFollower: Sendable {
    /// What a reading of the batch came to: nil where too many keys could not be read.
    struct Scanned: Sendable {
        let keys: KeyScan?
    }

    /// About so many keys are known; the batch has to share out its own in the same way.
    let expected: Int
    private let landing: LandingProgress
    private let state = Mutex(State())

    private struct State {
        var last: Task<KnownKeys?, Never>?
        var scan: Task<Scanned?, Never>?
        /// True once the server was asked.
        var hasAsked = false
        /// Hears how far the reading is: bronze's step, once there is one.
        var listener: Step?
    }

    /// Fewer keys are there before they could be asked for.
    static let fewest = 20_000

    /// Begins, as soon as the landing brings anything new.
    /// - Parameters:
    ///   - source: The files of the landing; its batch would be compared with the last changes.
    ///   - keys: About so many are there, in the batch or among the last changes.
    ///   - news: So many bytes of files that differ from the last batch's are a reason to begin.
    init(
        _ landing: LandingProgress, _ source: BatchSource, of table: BronzeTable, expecting keys: Int, news: Int,
        on pool: PostgresPool, _ tell: @escaping @Sendable (any Error) -> Void
    ) {
        let expected = max(keys, 1 << 18)
        self.expected = expected
        self.landing = landing
        func follow<Found: Sendable>(_ read: @escaping @Sendable () async throws -> Found?) -> Task<Found?, Never> {
            Task {
                do {
                    let files = ArrivingFiles(landing, folder: source.folder, patience: nil)
                    return try await files.wait(forNews: news) ? read() : nil
                } catch {
                    // What is no whim of the moment, bronze will meet again, and tell.
                    tell(error)
                    return nil
                }
            }
        }
        // With scopes, what is asked for depends on those of the batch.
        let keys =
            !table.isLastInLog
            ? nil
            : follow { [self] () -> KnownKeys? in
                if try await KeyScan.isInVain(of: source) { return nil }
                return try await pool.withConnection { connection in
                    state.withLock { $0.hasAsked = true }
                    // Raw needs one as well, before this one is back, and bronze needs three.
                    await pool.connectAhead(2)
                    return try await Self.lastChanges(of: table, expecting: expected, on: connection)
                }
            }
        let scan = follow { [self] () -> Scanned? in
            if try await KeyScan.isInVain(of: source) { return Scanned(keys: nil) }
            let keys = try await KeyScan(of: source, expecting: expected) {
                state.withLock(\.listener)?.progress(records: $0)
            }
            return Scanned(keys: keys)
        }
        state.withLock { ($0.last, $0.scan) = (keys, scan) }
    }

    /// Reads them from where they are now; nil where there are none, or a log does not tell them.
    private static func lastChanges(
        of table: BronzeTable, expecting expected: Int, on connection: PostgresConnection
    ) async throws -> KnownKeys? {
        // Where they are and what they are must be told by one session: a crash of the server empties their table.
        try await connection.transaction {
            // Bronze's transaction waits for this one: the server would not see them wait in a circle.
            try await connection.execute("SET LOCAL lock_timeout = '2s'")
            let last = try await LastChanges(table: table).state(on: connection)
            guard last == .kept || last == .inLog && LastChanges(table: table).canStayInLog else { return nil }
            return try await KnownKeys(last, of: table, expecting: expected, on: connection)
        }
    }

    /// True where a batch may share out its keys as these are: not too many of them are then in memory at once.
    func suits(_ batch: Batch) -> Bool { batch.records <= 4 * expected }

    /// The last changes, once they are read; nil where bronze has to do that, and the second time.
    func lastChanges() async -> KnownKeys? {
        let (last, hasAsked) = state.withLock { state in
            defer { state.last = nil }
            return (state.last, state.hasAsked)
        }
        // It would wait for a connection, perhaps for the one of whoever asks.
        if !hasAsked { last?.cancel() }
        return await last?.endingValue
    }

    /// The keys of the batch, once they are read; nil where bronze has to do that, and the second time.
    func scan(of source: BatchSource, step: Step) async -> Scanned? {
        let scan = state.withLock { state in
            defer { state.scan = nil }
            state.listener = step
            return state.scan
        }
        let isLanded = source.manifest.files == landing.landed
        if !isLanded { scan?.cancel() }
        let found = await scan?.endingValue
        return isLanded ? found : nil
    }

    /// Nobody wants them.
    func abandon() async {
        let (last, scan) = state.withLock { state in
            defer { (state.last, state.scan) = (nil, nil) }
            return (state.last, state.scan)
        }
        last?.cancel()
        scan?.cancel()
        _ = (await last?.value, await scan?.value)
    }
}
