#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where "now" comes from: the system's clock in the product, a fixed one in tests.
///
/// Only the composition root, runs and schedulers hold one; layers get their instant from the batch.
public protocol WallClock: Sendable {
    /// The present instant.
    func now() -> Instant
}

/// The machine's real-time clock.
public struct SystemClock: WallClock {
    /// The machine's clock.
    public init() {}

    /// `clock_gettime(CLOCK_REALTIME)` in whole microseconds.
    public func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
