public import Pipeline
internal import Synchronization

/// Keeps what a run gives notice of.
public final class Notices: RunObserver {
    private let heard = Mutex<[String]>([])

    /// The notices so far.
    public var lines: [String] { heard.withLock(\.self) }

    /// Has heard nothing yet.
    public init() {}

    /// Keeps a notice.
    public func observe(_ event: RunEvent) {
        if case .notice(let text) = event { heard.withLock { $0.append(text) } }
    }
}
