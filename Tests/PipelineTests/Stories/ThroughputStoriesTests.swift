import Metadata
import Pipeline
import Postgres
import Synchronization
import TestKit
import Testing

/// Lets two seconds pass in every step, and keeps what the steps reported.
private final class Passing: RunObserver {
    private let clock: FixedClock
    private let ended = Mutex<[StepReport]>([])

    init(_ clock: FixedClock) { self.clock = clock }

    var reports: [StepReport] { ended.withLock { $0 } }

    func observe(_ event: RunEvent) {
        switch event {
        case .stepStarted: clock.advance(seconds: 2)
        case .stepFinished(let report): ended.withLock { $0.append(report) }
        default: break
        }
    }
}

@Suite("Throughput and what it costs", .fewAtOnce)
struct ThroughputStoriesTests {
    private func run(_ warehouse: TestWarehouse, _ records: [String]) async throws -> [StepReport] {
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(records)
        var workspace = warehouse.workspace
        let passing = Passing(warehouse.clock)
        workspace.observer = passing
        _ = try await Invocation(workspace: workspace, request: RunRequest()).run()
        expect(try await warehouse.brokenPromises(), equals: [])
        return passing.reports
    }

    /// The steps of the last run; memory and processor time as far as they can be known before.
    private func steps(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows(
            """
            SELECT layer, status, nr_records_in, bytes_in, extract(epoch FROM duration)::int, records_per_second,
                bytes_per_second, peak_memory_bytes BETWEEN 1000000 AND 100000000000 AS memory,
                cpu_ms BETWEEN 0 AND 600000 AS cpu
            FROM audit.v_run_detail WHERE run_id = (SELECT run_id FROM audit.v_last_run WHERE system_id = 't')
            ORDER BY array_position(ARRAY['raw', 'bronze', 'silver'], layer)
            """)
    }

    @Test("stand in the row of every step that read something, succeeded or not")
    func told() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text"))
        let records = [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#, #"{"id":3,"v":"c"}"#]
        let first = try await run(warehouse, records)
        expect(
            try await steps(warehouse),
            equals: [
                "raw | succeeded | 3 | 51 | 2 | 1.500 | 26 | true | true",
                "bronze | succeeded | 3 | 51 | 2 | 1.500 | 26 | true | true",
                "silver | succeeded | 3 | 0 | 2 | 1.500 | NULL | true | true",
            ])
        // What is shown at the end of the run is what the audit says.
        let shown = try first.map { report in
            let usage = try #require(report.usage)
            return "\(report.layer.rawValue) | \(usage.peakMemoryBytes) | \(usage.cpuMilliseconds)"
        }
        expect(
            try await warehouse.rows(
                "SELECT layer, peak_memory_bytes, cpu_ms FROM audit.entity_layer_run ORDER BY started_at"),
            equals: shown)

        // Bytes that are known are not read again by bronze, and silver has nothing to read.
        _ = try await run(warehouse, records)
        expect(
            try await steps(warehouse),
            equals: [
                "raw | succeeded | 3 | 51 | 2 | 1.500 | 26 | true | true",
                "bronze | succeeded | 3 | 0 | 2 | 1.500 | NULL | true | true",
                "silver | succeeded | 0 | 0 | 2 | NULL | NULL | true | true",
            ])
    }

    @Test("of a failed step are memory and processor time without a rate; what is skipped has none")
    func failed() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        let reports = try await run(warehouse, Array(repeating: #"{"id":"x","v":"a"}"#, count: 12))
        expect(
            try await steps(warehouse),
            equals: [
                "raw | succeeded | 12 | 228 | 2 | 6.000 | 114 | true | true",
                "bronze | failed | 0 | 0 | 2 | NULL | NULL | true | true",
                "silver | skipped | 0 | 0 | 0 | NULL | NULL | NULL | NULL",
            ])
        expect(reports.map { $0.usage != nil }, equals: [true, true, false])
    }
}
