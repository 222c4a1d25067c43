import Metadata
import Primitives
import Testing

@testable import Pipeline
@testable import medallion

@Suite("The table at the end of a run")
struct RunSummaryTests {
    private static let shop = SystemID(rawValue: "shop")

    private func step(
        _ layer: Layer, _ name: String, _ status: RunStatus, seconds: Double, memory: Int?,
        _ count: (inout RowCounts) -> Void = { _ in }
    ) -> StepReport {
        var counts = RowCounts()
        count(&counts)
        return StepReport(
            layer: layer, entity: EntityID(system: Self.shop, name: name), status: status, counts: counts,
            skipReason: status == .skipped ? .upstreamFailed : nil, error: status == .failed ? "it broke" : nil,
            seconds: seconds, usage: memory.map { ProcessUsage(peakMemoryBytes: $0, cpuMilliseconds: 1) })
    }

    private func table(_ steps: [StepReport]) -> [String] {
        let report = RunReport(system: Self.shop, run: nil, status: .succeeded, steps: steps)
        return RunSummary.text([report]).split(separator: "\n").prefix(steps.count + 2).map(String.init)
    }

    @Test("has rates where bytes and time are known, memory of all that worked, and no column without a number")
    func rates() {
        let table = table([
            step(.raw, "orders", .succeeded, seconds: 2, memory: 41_499_999) {
                ($0.input, $0.inserted, $0.bytes) = (3_000_000, 3_000_000, 900_000_000)
            },
            step(.bronze, "orders", .succeeded, seconds: 100, memory: 1_200_500_000) {
                ($0.input, $0.inserted, $0.bytes) = (3_000_000, 3_000_000, 900_000_000)
            },
            step(.silver, "orders", .succeeded, seconds: 0.5, memory: 97_000_000) {
                ($0.input, $0.inserted) = (3_000_000, 3_000_000)
            },
            step(.raw, "tags", .succeeded, seconds: 0.5, memory: 41_000_000) {
                ($0.input, $0.inserted, $0.bytes) = (10, 10, 123_456)
            },
            step(.bronze, "tags", .failed, seconds: 0.7, memory: 42_000_000) {
                ($0.input, $0.inserted, $0.bytes) = (10, 10, 123_456)
            },
            step(.silver, "tags", .skipped, seconds: 0, memory: nil),
        ])
        #expect(
            table == [
                "entity       layer   status                           in   inserted  records/s  MB/s  peak memory  time",
                "───────────  ──────  ────────────────────────  ─────────  ─────────  ─────────  ────  ───────────  ──────────",
                "shop.orders  raw     succeeded                 3,000,000  3,000,000  1,500,000   450        41 MB  2.00 s",
                "shop.orders  bronze  succeeded                 3,000,000  3,000,000     30,000  9.00     1,201 MB  1 min 40 s",
                "shop.orders  silver  succeeded                 3,000,000  3,000,000  6,000,000              97 MB  0.50 s",
                "shop.tags    raw     succeeded                        10         10         20  0.25        41 MB  0.50 s",
                "shop.tags    bronze  failed                                                                 42 MB  0.70 s",
                "shop.tags    silver  skipped: upstream_failed                                                      0.00 s",
            ])
    }

    @Test("has no rate of a step that took next to no time, and no column of them where all did")
    func quick() {
        let table = table([
            step(.bronze, "tags", .succeeded, seconds: 0.05, memory: 41_000_000) {
                ($0.input, $0.unchanged, $0.bytes) = (10, 10, 123_456)
            }
        ])
        #expect(
            table == [
                "entity     layer   status     in  unchanged  peak memory  time",
                "─────────  ──────  ─────────  ──  ─────────  ───────────  ──────",
                "shop.tags  bronze  succeeded  10         10        41 MB  0.05 s",
            ])
    }

    @Test(
        "gives megabytes with as many digits as people compare",
        arguments: [
            (0.0, "0.00"), (4999, "0.00"), (5000, "0.01"), (123_456, "0.12"), (9_994_999, "9.99"), (9_995_000, "10"),
            (13_600_000_000, "13,600"), (1e300, "10,000,000,000,000"),
        ])
    func megabytes(bytes: Double, text: String) {
        #expect(medallion.megabytes(bytes) == text)
    }
}
