public import Metadata

/// How much a system may be asked, by all its entities together.
///
/// A bucket of `requests` tokens that fills up again within `seconds`: a burst is allowed, the rate is not exceeded.
/// Where the source itself asks for a pause, everybody waits.
public actor RateBudget {
    private var bucket: TokenBucket?
    private var pausedUntil: ContinuousClock.Instant?
    private let start = ContinuousClock.now

    /// A budget; nil is without limit.
    public init(_ limit: SourceSystem.RateLimit? = nil) {
        bucket = limit.map { TokenBucket(capacity: Double($0.requests), seconds: $0.seconds) }
    }

    /// Waits until one more request may be sent.
    /// - Throws: `CancellationError`.
    public func take() async throws {
        let now = (ContinuousClock.now - start) / .seconds(1)
        if let wait = bucket?.take(at: now), wait > 0 { try await Task.sleep(for: .seconds(wait)) }
        while let pause = pausedUntil, pause > .now { try await Task.sleep(until: pause, clock: .continuous) }
    }

    /// Nobody sends a request for so many seconds: the source has asked for it.
    public func pause(seconds: Double) {
        let until = ContinuousClock.now + .seconds(seconds)
        if pausedUntil.map({ $0 < until }) ?? true { pausedUntil = until }
    }
}

/// Tokens that are taken one by one and come back evenly: pure, times are seconds.
struct TokenBucket {
    private let capacity: Double
    private let perSecond: Double
    private var tokens: Double
    private var last = 0.0

    init(capacity: Double, seconds: Double) {
        self.capacity = capacity
        perSecond = capacity / seconds
        tokens = capacity
    }

    /// Takes one token, in advance if need be, and gives the seconds until it is there.
    mutating func take(at now: Double) -> Double {
        tokens = min(capacity, tokens + max(0, now - last) * perSecond) - 1
        last = max(last, now)
        return tokens < 0 ? -tokens / perSecond : 0
    }
}
