public import Primitives
import Synchronization

/// A clock that stands still until a test moves it.
public final class FixedClock: WallClock {
    private let instant: Mutex<Instant>

    /// A clock that shows `instant`.
    public init(_ instant: Instant) { self.instant = Mutex(instant) }

    /// What it shows.
    public func now() -> Instant { instant.withLock { $0 } }

    /// Moves it; backwards too.
    public func advance(seconds: Int64) {
        instant.withLock { $0 = $0.advanced(byMicroseconds: seconds * 1_000_000) }
    }
}
