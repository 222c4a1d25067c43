internal import ConnectorKit
internal import Logging
internal import Metadata
internal import Postgres
internal import Primitives
internal import Synchronization

/// The keys of a later full batch, read while it lands, and meanwhile those of the last changes, which they will be compared with.
///
/// The last changes are those that bronze's own transaction would read: in between nobody writes to bronze but the run that
/// holds the system's lease, and one that has lost it cannot commit (`Step.checkFence`). No table is locked, so that
/// the landing may take its time. See ADR 0035.
struct KeyFollower: Sendable {
    /// What has been read of a batch; nil where bronze has to do it.
    typealias Keys = (last: KnownKeys?, scan: KeyScan?)

    /// About so many keys are known; the batch has to share out its own in the same way.
    let expected: Int
    private let landing: LandingProgress
    private let last: Task<KnownKeys?, Never>
    private let scan: Task<KeyScan?, Never>
    private let asking: Asking

    /// Whether the server was asked.
    private final class Asking: Sendable {
        let hasBegun = Mutex(false)
    }

    /// Fewer keys are there before they could be asked for.
    private static let fewest = 20_000

    /// Begins, as soon as the landing brings anything new.
    /// - Parameters:
    ///   - records: Of the largest batch until now.
    ///   - always: However few they are.
    /// - Returns: nil where bronze would not take the keys.
    init?(
        _ landing: LandingProgress, _ source: BatchSource, records: Int, into table: BronzeTable,
        of bronze: BronzeLayer,
        always: Bool, _ logger: Logger
    ) {
        guard always || records >= Self.fewest else { return nil }
        let expected = max(records, 1 << 18)
        let asking = Asking()
        func follow<Found: Sendable>(_ read: @escaping @Sendable () async throws -> Found?) -> Task<Found?, Never> {
            Task {
                do {
                    let files = ArrivingFiles(landing, folder: source.folder, patience: nil)
                    guard try await files.wait(forNews: always ? 1 : 1 << 20) else { return nil }
                    return try await read()
                } catch {
                    // What is no whim of the moment, bronze will meet again, and tell.
                    logger.debug("the keys of \(source.entity.id) are read once it has landed: \(error)")
                    return nil
                }
            }
        }
        last = follow {
            try await bronze.pool.withConnection { connection in
                asking.hasBegun.withLock { $0 = true }
                let accepted = AcceptedDocuments(source, under: bronze.catalog)
                guard try await accepted.areCurrent(on: connection) else { return nil }
                let state = try await LastChanges(table: table).state(on: connection)
                return state == .new ? nil : try await KnownKeys(state, of: table, expecting: expected, on: connection)
            }
        }
        scan = follow {
            try await KeyScan(of: source, expecting: expected, heldUnread: BatchShortcut.heldRejects) { _ in }
        }
        self.expected = expected
        self.asking = asking
        self.landing = landing
    }

    /// True where a batch may share out its keys as these are: not too many of them are then in memory at once.
    func suits(_ batch: Batch) -> Bool { batch.records <= 4 * expected }

    /// What has been read of this batch, once it has.
    func take(_ source: BatchSource) async -> Keys {
        // It would wait for a connection, perhaps for the one of whoever asks.
        if !asking.hasBegun.withLock({ $0 }) { last.cancel() }
        let isLanded = source.manifest.files == landing.landed
        if !isLanded { scan.cancel() }
        return await withTaskCancellationHandler {
            (await last.value, isLanded ? await scan.value : nil)
        } onCancel: {
            last.cancel()
            scan.cancel()
        }
    }

    /// Nobody wants them.
    func abandon() async {
        last.cancel()
        scan.cancel()
        _ = (await last.value, await scan.value)
    }
}
