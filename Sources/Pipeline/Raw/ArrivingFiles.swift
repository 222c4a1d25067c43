internal import ConnectorKit
internal import Synchronization

/// The files of a landing, for whoever reads behind it: what has not come yet is waited for, without holding a thread, but
/// not for long, since tables are locked meanwhile.
final class ArrivingFiles: Sendable {
    let progress: LandingProgress
    let folder: String
    /// So long is waited in all, and half as long as there was something to read; but at a time for half a minute at most.
    private let patience: Duration?
    private static let longest = Duration.seconds(30)
    /// Where somebody else had the thread for longer, the landing is not to blame.
    private static let turn = Duration.milliseconds(50)
    private let start = ContinuousClock.now
    private let spent = Mutex((waiting: Duration.zero, without: Duration.zero))

    /// - Parameter patience: nil for whoever holds nothing that others want.
    init(_ progress: LandingProgress, folder: String, patience: Duration? = .seconds(1)) {
        self.progress = progress
        self.folder = folder
        self.patience = patience
    }

    /// Where a file is.
    func path(of file: LandingProgress.File) -> String {
        "\(file.isNew ? folder : progress.standing ?? folder)/\(file.name)"
    }

    /// Waits until so many bytes have come.
    /// - Returns: False where the landing came to its end before, or takes too long.
    func wait(forBytes bytes: Int) async throws -> Bool {
        func hasCome() -> Bool { progress.bytes >= bytes && progress.file(at: 0) != nil }
        do {
            try await wait { hasCome() }
        } catch is SlowLanding {
            return false
        }
        return hasCome()
    }

    /// Waits until so many bytes have come that do not repeat an earlier batch.
    /// - Returns: False where the landing came to its end before.
    func wait(forNews bytes: Int) async throws -> Bool {
        try await wait { progress.news >= bytes }
        return progress.news >= bytes
    }

    /// Waits until the next chunk behind a byte of the file at this place can be read, or there is nothing more to read.
    /// - Throws: `SlowLanding`.
    func wait(for place: Int, behind byte: Int) async throws {
        try await wait {
            guard let file = progress.file(at: place) else { return false }
            return file.landed != nil || file.bytes >= byte + RawFileReader.chunkSize
        }
    }

    /// Waits until something is so, or the landing is at its end.
    private func wait(until isSo: () -> Bool) async throws {
        var last = ContinuousClock.now
        var stretch = Duration.zero
        while true {
            // What is asked first is older than what is asked next.
            let phase = progress.phase
            guard phase != .broken else { throw SlowLanding() }
            if isSo() || phase == .landed { return }
            try await Task.sleep(for: .milliseconds(5))
            let now = ContinuousClock.now
            let waited = min(now - last, Self.turn)
            stretch += waited
            let (waiting, without) = spent.withLock { spent in
                spent.waiting += waited
                spent.without += now - last - waited
                return spent
            }
            last = now
            guard let patience else { continue }
            let reading = now - start - waiting - without
            guard waiting <= patience + reading / 2, stretch <= Self.longest else { throw SlowLanding() }
        }
    }
}

/// A landing that takes longer than it can be followed, or broke off: the batch is read once it is there.
struct SlowLanding: Error {}
