/// `retry` of a connection: exponential back-off with jitter, bounded by attempts and by a deadline.
struct RestRetry: Decodable, Sendable {
    /// Times that a request is sent, the first included.
    var attempts: Int
    /// Seconds before the second attempt.
    var baseDelay: Double
    /// Seconds of the longest wait.
    var maximumDelay: Double
    /// Seconds for all attempts and waits together.
    var deadline: Double

    private enum CodingKeys: String, CodingKey {
        case attempts
        case baseDelay = "baseDelayS"
        case maximumDelay = "maxDelayS"
        case deadline = "deadlineS"
    }

    /// How long to wait after failed attempt number `attempt`; nil to give up.
    ///
    /// What the source asks for by `Retry-After` is obeyed where the deadline allows it: to come back earlier would
    /// only prolong the ban.
    func wait(
        after attempt: Int, asked: Double?, elapsed: Double, using generator: inout some RandomNumberGenerator
    ) -> Double? {
        guard attempt < attempts else { return nil }
        var doubled = baseDelay
        for _ in 1..<max(attempt, 1) { doubled = min(doubled * 2, maximumDelay) }
        let backOff = min(doubled, maximumDelay) * Double.random(in: 0.5...1, using: &generator)
        let wait = max(asked ?? 0, backOff)
        return elapsed + wait <= deadline ? wait : nil
    }
}
