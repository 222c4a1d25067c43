import Dispatch
import Foundation
import Primitives
import Synchronization

/// Ctrl-C and SIGTERM cancel the work at hand: landing finishes its file, a merge rolls back, the audit says so.
/// A second signal ends the process at once; what is durable stays consistent.
enum Interruption {
    private static let signal = Mutex<Int32>(0)
    private static let began = Mutex(ContinuousClock.now)

    /// The signal that was received, 0 when none was.
    static var last: Int32 { signal.withLock { $0 } }

    /// Runs `body` in a task that the first signal cancels.
    static func guarding<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task { try await body() }
        let queue = DispatchQueue(label: "medallion.signals")
        let sources = [SIGINT, SIGTERM].map { number in
            Foundation.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                let isFirst = signal.withLock { last in
                    defer { if last == 0 { last = number } }
                    return last == 0
                }
                guard isFirst else {
                    // A supervisor's signal may arrive twice at once, by the group and by name: that is one wish.
                    if ContinuousClock.now - began.withLock(\.self) > .seconds(1) { _exit(128 + number) }
                    return
                }
                began.withLock { $0 = .now }
                Terminal.note(
                    "medallion: stopping; what is under way is finished or rolled back (once more ends at once)")
                task.cancel()
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        return try await task.endingValue
    }
}
