import Metadata
import Postgres
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Pipeline

/// Random histories whose runs end at random places: what comes after must end where no run ever broke.
@Suite("Random histories, interrupted", .fewAtOnce)
struct RandomInterruptionTests {
    private static let perWarehouse = 5
    private static let loads = 5

    /// How a load is disturbed.
    private enum Disturbance: CaseIterable {
        case none, cancelled, disconnected, landedOnly, normalizedOnly
    }

    private static func warehouse(_ seeds: [UInt64]) async throws -> TestWarehouse {
        let common = #""allow_empty": true, "delta": {"mode": "all"}"#
        return try await TestWarehouse(
            try seeds.flatMap { seed in
                [
                    try TestEntity("p\(seed)", columns: "id int key, a int, b text, c text scd=1", "{\(common)}"),
                    try TestEntity(
                        "t\(seed)",
                        columns: "id int key, a int, c text scd=1, at timestamptz stored=false, n int stored=false, "
                            + "gone boolean stored=false",
                        """
                        {"effective_time_column": "at", "order_by": ["n"], \(common),
                         "delete_marker": {"column": "gone", "equals": true}}
                        """),
                ]
            })
    }

    @Test(
        "end as if no run had broken, with nothing lost and nothing counted twice",
        arguments: RandomHistories.starts(by: perWarehouse))
    func interrupted(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        var dice = SeededGenerator(seed: firstSeed &+ 99)
        let warehouse = try await Self.warehouse(seeds)
        var generators = seeds.map(SeededGenerator.init)
        let changes = generators.indices.map { RandomTimelineTests.changes(&generators[$0]) }
        var plain = seeds.map(RandomHistory.init)
        var loaded: [(isFull: Bool, day: Int, batches: [[ReferenceTimeline.Record]])] = []
        for load in 1...Self.loads {
            warehouse.clock.advance(seconds: 86_400)
            let isFull = load == 1 || Bool.random(using: &dice)
            var batches: [[ReferenceTimeline.Record]] = []
            for index in seeds.indices {
                let presence = Double.random(in: 0...1, using: &generators[index])
                var batch = changes[index].filter { _ in
                    Double.random(in: 0...1, using: &generators[index]) < presence
                }
                if Bool.random(using: &generators[index]) {
                    batch = RandomTimelineTests.onePerKey(batch, &generators[index])
                }
                batches.append(batch)
                try warehouse.put(batches[index].map(RandomTimelineTests.text), for: "t\(seeds[index])")
                let records = plain[index].load(isFull: isFull, day: load).plain
                try warehouse.put(records, for: "p\(seeds[index])")
            }
            loaded.append((isFull, load, batches))
            if Bool.random(using: &dice) { try await warehouse.loseUnlogged() }
            let disturbance = Disturbance.allCases.randomElement(using: &dice) ?? .none
            try await Self.run(warehouse, isFull, load, disturbance, &dice)
        }
        let last = try await warehouse.run { $0.layers = [.bronze, .silver] }
        #expect(last.status == .succeeded, "seeds \(seeds)")
        for (index, seed) in seeds.enumerated() {
            let days = try await Self.instants(of: "t\(seed)", warehouse)
            #expect(days.count == Self.loads, "seed \(seed): a batch of each load")
            var reference = ReferenceTimeline()
            for load in loaded {
                reference.apply(
                    load.batches[index], isFull: load.isFull, day: load.day, micro: days[load.day] ?? 0)
            }
            expect(try await warehouse.table("t\(seed)"), equals: reference.table, "seed \(seed), with time")
            // A run that follows another within the test's day is some microseconds later.
            let table = try await warehouse.table("p\(seed)").replacing(/\+\d+us/, with: "")
            expect(table, equals: plain[index].reference.table, "seed \(seed), plain")
            try await Self.expectWhole(warehouse, "t\(seed)")
            try await Self.expectWhole(warehouse, "p\(seed)")
        }
    }

    /// Takes a load, disturbed; afterwards each entity has exactly one batch of that day, perhaps not yet merged.
    private static func run(
        _ warehouse: TestWarehouse, _ isFull: Bool, _ day: Int, _ disturbance: Disturbance,
        _ dice: inout SeededGenerator
    ) async throws {
        func load(_ layers: Set<Layer>, of names: [String]? = nil) async throws {
            let ids = names?.map { warehouse.entity($0).id } ?? []
            let report = try await warehouse.run {
                $0.loadType = isFull ? .full : .delta; $0.layers = layers; $0.entities = ids
            }
            let errors = report.steps.compactMap(\.error)
            #expect(report.status == .succeeded, "day \(day), after \(disturbance): \(errors)")
        }
        switch disturbance {
        case .none: return try await load([.raw, .bronze, .silver])
        case .landedOnly: return try await load([.raw])
        case .normalizedOnly: return try await load([.raw, .bronze])
        case .cancelled, .disconnected:
            let breaker = Breaker(after: Int.random(in: 1...40, using: &dice))
            let pause = Int.random(in: 0...6_000, using: &dice)
            await interrupt(warehouse, isFull, breaker, pause, ends: disturbance == .disconnected)
            // A new process begins with new connections: those that are gone are not its concern.
            _ = try? await warehouse.run { $0.layers = [.bronze, .silver] }
            expect(try await warehouse.brokenPromises(), equals: [])
            var missing: [String] = []
            for entity in warehouse.workspace.catalog.entities {
                if try await instants(of: entity.id.name, warehouse)[day] == nil { missing.append(entity.id.name) }
            }
            if missing.isEmpty { return try await load([.bronze, .silver]) }
            try await load([.raw, .bronze, .silver], of: missing)
        }
    }

    /// A run that is cancelled, or loses all its sessions, some microseconds after it has told so many events.
    private static func interrupt(
        _ warehouse: TestWarehouse, _ isFull: Bool, _ breaker: Breaker, _ microseconds: Int, ends: Bool
    ) async {
        var workspace = warehouse.workspace
        workspace.observer = breaker
        var request = RunRequest()
        request.loadType = isFull ? .full : .delta
        let run = Task { [workspace, request] in
            // It is meant to break; what it leaves is looked at afterwards.
            _ = try? await Invocation(workspace: workspace, request: request).run()
            breaker.stop()
        }
        for await _ in breaker.signals {
            try? await Task.sleep(for: .microseconds(microseconds))
            guard ends else {
                run.cancel()
                continue
            }
            _ = try? await warehouse.connection.execute(
                """
                SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid()
                """)
        }
        await run.value
    }

    /// The microseconds after midnight at which each day's batch of an entity was landed, by day.
    private static func instants(of entity: String, _ warehouse: TestWarehouse) async throws -> [Int: Int] {
        var found: [Int: Int] = [:]
        for row in try await warehouse.connection.query(
            "SELECT run_timestamp FROM audit.raw_batch WHERE entity_name = \(entity)")
        {
            let micros = try row.get(0, as: Instant.self).microseconds - 1_767_139_200_000_000
            let day = Int(micros / 86_400_000_000)
            #expect(found[day] == nil, "\(entity) was landed twice on day \(day)")
            found[day] = Int(micros % 86_400_000_000)
        }
        return found
    }

    /// Everything landed is known, merged, and counted exactly once; a rebuild finds nothing else.
    private static func expectWhole(_ warehouse: TestWarehouse, _ name: String) async throws {
        let entity = warehouse.entity(name)
        let landed = warehouse.workspace.store.runs(of: entity.id).count
        expect(
            try await warehouse.rows(
                """
                SELECT count(*), count(*) FILTER (WHERE state = 'merged') AS merged, sum(nr_records) = (
                    SELECT sum(nr_records_in) FROM audit.entity_layer_run
                    WHERE entity_name = \(literal: name) AND layer = 'bronze') AS read_once,
                    (SELECT count(*) FROM \(table: "bronze", entity.id.table)) = (
                    SELECT sum(nr_records_in) FROM audit.entity_layer_run
                    WHERE entity_name = \(literal: name) AND layer = 'silver') AS merged_once
                FROM audit.raw_batch WHERE entity_name = \(literal: name)
                """), equals: ["\(landed) | \(landed) | true | true"], "\(name)")
        expect(try await warehouse.rebuildDifferences(name, from: .raw), equals: [], "\(name)")
    }
}

/// Gives a signal once a run has told so many events, and ends when the run does.
private final class Breaker: RunObserver {
    let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let left: Mutex<Int>

    init(after events: Int) {
        (signals, signal) = AsyncStream<Void>.makeStream()
        left = Mutex(events)
    }

    func observe(_ event: RunEvent) {
        let isDue = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isDue { signal.yield() }
    }

    func stop() { signal.finish() }
}
