/// One piece of work that is repeated and timed: what it is called, how much it does, and the work itself.
struct Benchmark {
    /// What the table shows.
    let name: String
    /// What is counted: record, value, call.
    let unit: String
    /// Units in one repetition.
    let count: Int
    /// Bytes that one repetition reads.
    let bytes: Int
    /// One repetition; what it returns depends on everything that it did.
    let work: () throws -> UInt64

    private static let rounds = 11

    /// Warms up, then takes eleven rounds of at least `milliseconds` each and prints best and median.
    func measure(milliseconds: Int) throws {
        let target = Duration.milliseconds(milliseconds)
        var repetitions = 1
        var result: UInt64 = 0
        while true {
            let elapsed = try time(repetitions, &result)
            if elapsed >= target { break }
            // Towards the target at once, but never by more than the first, cold rounds may be trusted with.
            let wanted = elapsed > .zero ? target / elapsed * 1.1 : 10
            repetitions = max(repetitions + 1, Int(Double(repetitions) * min(10, wanted)))
        }
        var rounds: [Duration] = []
        for _ in 0..<Self.rounds { rounds.append(try time(repetitions, &result)) }
        rounds.sort()
        Consumed.value ^= result
        let best = nanoseconds(rounds[0], repetitions)
        let median = nanoseconds(rounds[Self.rounds / 2], repetitions)
        let speed = Double(bytes) * 1000 / (best * Double(count))
        print(
            name.padded(to: 44) + shown(best).leading(10) + shown(median).leading(10) + shown(speed).leading(10)
                + "  " + unit)
    }

    private func time(_ repetitions: Int, _ result: inout UInt64) throws -> Duration {
        let clock = ContinuousClock()
        let began = clock.now
        for _ in 0..<repetitions { result = result &* 31 &+ (try work()) }
        return clock.now - began
    }

    /// Nanoseconds of one unit.
    private func nanoseconds(_ elapsed: Duration, _ repetitions: Int) -> Double {
        elapsed / .nanoseconds(1) / Double(repetitions * count)
    }

    /// The head of the table.
    static func printHead() {
        print(
            "".padded(to: 44) + "best ns".leading(10) + "median ns".leading(10) + "MB/s".leading(10) + "  of one")
    }

    private func shown(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return value < 1000 ? "\(tenths / 10).\(tenths % 10)" : "\(Int(value.rounded()))"
    }
}

/// Where results go, so that no work is left out as useless; printed at the end.
enum Consumed {
    @MainActor private static var sum: UInt64 = 0
    static var value: UInt64 {
        get { MainActor.assumeIsolated { sum } }
        set { MainActor.assumeIsolated { sum = newValue } }
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    func leading(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
