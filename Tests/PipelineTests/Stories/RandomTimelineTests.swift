import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

/// Random changes with an effective time against the reference: in any order of arrival, repeated, shuffled, cut.
@Suite("Random timelines", .fewAtOnce)
struct RandomTimelineTests {
    private static let perWarehouse = 10
    private static let starts = RandomHistories.starts(by: perWarehouse)

    private static func warehouse(_ seeds: [UInt64], history: String = "scd2") async throws -> TestWarehouse {
        let attributes = """
            {"effective_time_column": "at", "order_by": ["n"], "history": "\(history)", "allow_empty": true,
             "delta": {"mode": "all"}, "delete_marker": {"column": "gone", "equals": true}}
            """
        return try await TestWarehouse(
            try seeds.map {
                try TestEntity(
                    "t\($0)",
                    columns: "id int key, a int, c text scd=1, at timestamptz stored=false, n int stored=false, "
                        + "gone boolean stored=false", attributes)
            })
    }

    static func text(_ record: ReferenceTimeline.Record) -> String {
        let day = record.at < 10 ? "0\(record.at)" : "\(record.at)"
        var fields = [#""id":\#(record.id)"#, #""at":"2026-01-\#(day)T00:00:00Z""#, #""n":\#(record.n)"#]
        if record.isGone {
            fields.append(#""gone":true"#)
        } else {
            if let a = record.a { fields.append(#""a":\#(a)"#) }
            if let c = record.c { fields.append(#""c":"\#(c)""#) }
        }
        return "{" + fields.joined(separator: ",") + "}"
    }

    /// Distinct changes: no two of a key, a time and a place in its order.
    static func changes(_ generator: inout SeededGenerator) -> [ReferenceTimeline.Record] {
        var records: [ReferenceTimeline.Record] = []
        for id in 1...Int.random(in: 1...4, using: &generator) {
            var at = 0
            for n in 0..<Int.random(in: 1...9, using: &generator) {
                // Now and then several are of one time.
                if n == 0 || Int.random(in: 0...2, using: &generator) > 0 {
                    at = Int.random(in: 1...8, using: &generator)
                }
                records.append(
                    .init(
                        id: id, at: at, n: n, a: [nil, 0, 1, 1].randomElement(using: &generator) ?? nil,
                        c: [nil, "x", "y"].randomElement(using: &generator) ?? nil,
                        isGone: Int.random(in: 0...3, using: &generator) == 0))
            }
        }
        return records
    }

    @Test("the same changes in any order of arrival end in the same table", arguments: starts)
    func anyOrder(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        let warehouse = try await Self.warehouse(seeds)
        var generators = seeds.map(SeededGenerator.init)
        let all = generators.indices.map { Self.changes(&generators[$0]) }
        var waiting = generators.indices.map { all[$0].shuffled(using: &generators[$0]) }
        while waiting.contains(where: { !$0.isEmpty }) {
            warehouse.clock.advance(seconds: 86_400)
            for index in seeds.indices {
                let count = Int.random(in: 0...4, using: &generators[index])
                var batch = Array(waiting[index].prefix(count))
                waiting[index].removeFirst(batch.count)
                // Some come a second time.
                if Bool.random(using: &generators[index]) {
                    let known = Set(all[index]).subtracting(waiting[index])
                    batch += known.sorted { ($0.id, $0.n) < ($1.id, $1.n) }.prefix(1)
                }
                try warehouse.put(
                    batch.shuffled(using: &generators[index]).map(Self.text), for: "t\(seeds[index])",
                    files: Int.random(in: 1...2, using: &generators[index]))
            }
            let report = try await warehouse.run { $0.loadType = .delta }
            #expect(report.status == .succeeded, "seeds \(seeds)")
        }
        for (index, seed) in seeds.enumerated() {
            var reference = ReferenceTimeline()
            reference.apply(all[index], isFull: false, day: 0)
            expect(try await warehouse.table("t\(seed)"), equals: reference.table, "seed \(seed)")
            expect(try await warehouse.rebuildDifferences("t\(seed)", from: .bronze), equals: [], "seed \(seed)")
        }
    }

    @Test("full and delta loads agree with a reference", arguments: starts)
    func fullAndDelta(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        let warehouse = try await Self.warehouse(seeds)
        try await Self.load(warehouse, seeds) { _, _ in }
    }

    @Test("a bitemporal table knows what was known after every load", arguments: starts)
    func bitemporal(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        let warehouse = try await Self.warehouse(seeds, history: "bitemporal")
        var known: [(day: Int, tables: [String])] = []
        try await Self.load(warehouse, seeds) { known.append((day: $0, tables: $1)) }
        for (day, tables) in known {
            for (index, seed) in seeds.enumerated() {
                expect(
                    try await warehouse.table("t\(seed)", knownOn: day), equals: tables[index],
                    "seed \(seed), as known on day \(day)")
            }
        }
    }

    /// Five random loads, full and delta; `after` gets the day and the reference's tables.
    private static func load(
        _ warehouse: TestWarehouse, _ seeds: [UInt64], after: (Int, [String]) -> Void
    ) async throws {
        var generators = seeds.map(SeededGenerator.init)
        var references = seeds.map { _ in ReferenceTimeline() }
        let all = generators.indices.map { changes(&generators[$0]) }
        let usual = warehouse.workspace.shortcuts
        for load in 1...5 {
            warehouse.clock.advance(seconds: 86_400)
            let isFull = load == 1 || (firstLoadBits(seeds[0]) >> UInt64(load)) & 1 == 1
            let isSnapshot = (firstLoadBits(seeds[0]) >> UInt64(load + 10)) & 3 != 0
            warehouse.use((firstLoadBits(seeds[0]) >> UInt64(load + 20)) & 3 == 0 ? .never : usual)
            for index in seeds.indices {
                let presence = Double.random(in: 0...1, using: &generators[index])
                var batch = all[index].filter { _ in Double.random(in: 0...1, using: &generators[index]) < presence }
                if isSnapshot { batch = onePerKey(batch, &generators[index]) }
                references[index].apply(batch, isFull: isFull, day: load)
                try warehouse.put(
                    batch.shuffled(using: &generators[index]).map(text), for: "t\(seeds[index])",
                    files: Int.random(in: 1...2, using: &generators[index]))
            }
            if load.isMultiple(of: 2) { try await warehouse.loseUnlogged() }
            let report = try await warehouse.run {
                $0.loadType = isFull ? .full : .delta; $0.allowsDeletes = true
            }
            #expect(report.status == .succeeded, "seeds \(seeds)")
            after(load, references.map(\.table))
        }
        for (index, seed) in seeds.enumerated() {
            expect(
                try await warehouse.table("t\(seed)", knownOn: nil), equals: references[index].table, "seed \(seed)")
            expect(try await warehouse.rebuildDifferences("t\(seed)", from: .raw), equals: [], "seed \(seed)")
        }
    }

    /// One of each key's changes, as a source that keeps no history shows them.
    static func onePerKey(
        _ batch: [ReferenceTimeline.Record], _ generator: inout SeededGenerator
    ) -> [ReferenceTimeline.Record] {
        var seen = Set<Int>()
        return batch.shuffled(using: &generator).filter { seen.insert($0.id).inserted }
    }

    /// Which loads are full, which show a key once, and which go the long way.
    private static func firstLoadBits(_ seed: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: seed &+ 77)
        return generator.next()
    }
}

extension TestWarehouse {
    /// The table without what is superseded, or, of a bitemporal entity, as it was known after the load of a day.
    fileprivate func table(_ entity: String, knownOn day: Int?) async throws -> String {
        guard let day, self.entity(entity).history == .bitemporal else { return try await table(entity) }
        return try await table(entity, knownAt: "TIMESTAMPTZ '2025-12-31 00:00:00+00' + \(day) * INTERVAL '1 day'")
    }
}
