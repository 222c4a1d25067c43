import Testing

@testable import Connectors

/// Draws the greatest number always, so that the jitter adds nothing.
private struct Greatest: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}

@Suite("A repeated request")
struct RestRetryTests {
    private func wait(_ attempt: Int, asked: Double? = nil, elapsed: Double = 0) -> Double? {
        var generator = Greatest()
        let retry = RestRetry(attempts: 6, baseDelay: 1, maximumDelay: 5, deadline: 20)
        return retry.wait(after: attempt, asked: asked, elapsed: elapsed, using: &generator)
    }

    @Test("waits twice as long each time, up to the longest wait, as often as allowed")
    func doubling() {
        #expect((1...7).map { wait($0).map { $0.rounded() } } == [1, 2, 4, 5, 5, nil, nil])
    }

    @Test("waits at least half of that")
    func jitter() throws {
        var generator = SystemRandomNumberGenerator()
        let retry = RestRetry(attempts: 6, baseDelay: 1, maximumDelay: 5, deadline: 20)
        for _ in 0..<100 {
            let wait = try #require(retry.wait(after: 2, asked: nil, elapsed: 0, using: &generator))
            #expect((1...2).contains(wait))
        }
    }

    @Test("waits as long as it is asked to, even beyond the longest wait")
    func asked() {
        #expect(wait(1, asked: 12) == 12)
        #expect(wait(3, asked: 0).map { $0.rounded() } == 4)
    }

    @Test("is given up where the wait would pass the deadline")
    func deadline() {
        #expect(wait(1, asked: 21) == nil)
        #expect(wait(4, elapsed: 14.5) != nil)
        #expect(wait(4, elapsed: 15.5) == nil)
    }
}
