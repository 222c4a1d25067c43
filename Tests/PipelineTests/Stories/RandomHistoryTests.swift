import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// Random loads against the reference, and the same loads shuffled and cut into other files.
@Suite("Random histories", .fewAtOnce)
struct RandomHistoryTests {
    private static let perWarehouse = 10
    private static let loads = 6

    @Test(
        "agree with a reference, however a batch is ordered and cut",
        arguments: RandomHistories.starts(by: perWarehouse))
    func agree(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        var histories = seeds.map(RandomHistory.init)
        var dice = SeededGenerator(seed: firstSeed &+ 7)
        let attributes = #"{"allow_empty": true, "delta": {"mode": "all"}}"#
        let warehouse = try await TestWarehouse(
            try seeds.flatMap { seed in
                [
                    try TestEntity("plain\(seed)", columns: "id int key, a int, b text, c text scd=1", attributes),
                    try TestEntity(
                        "mixed\(seed)", columns: "id int key, a int, b text, c text scd=1, n int stored=false",
                        #"{"order_by": ["n"], "bronze": {"doc": "json"}, "raw": {"compress": "zstd"}, "#
                            + attributes.dropFirst()),
                    try TestEntity(
                        "scoped\(seed)", columns: "id int key, a int, b text, c text scd=1",
                        #"{"full_scope": "b", "# + attributes.dropFirst()),
                ]
            })
        let usual = warehouse.workspace.shortcuts
        for _ in 0..<Self.loads {
            for isFull in [true, false] {
                warehouse.use(dice.next().isMultiple(of: 4) ? .never : usual)
                warehouse.clock.advance(seconds: 86_400)
                let day = Int(warehouse.clock.now().microseconds / 86_400_000_000 - 20_453)
                var names: [String] = []
                for index in histories.indices where histories[index].startsLoad(isFull: isFull) {
                    let (plain, mixed, files) = histories[index].load(isFull: isFull, day: day)
                    try warehouse.put(plain, for: "plain\(seeds[index])")
                    try warehouse.put(mixed, for: "mixed\(seeds[index])", files: files)
                    try warehouse.put(plain, for: "scoped\(seeds[index])")
                    names += ["plain\(seeds[index])", "mixed\(seeds[index])", "scoped\(seeds[index])"]
                }
                if dice.next().isMultiple(of: 3) { try await warehouse.loseUnlogged() }
                let chosen = names.map { warehouse.entity($0).id }
                guard !chosen.isEmpty else { continue }
                let report = try await warehouse.run {
                    $0.entities = chosen; $0.loadType = isFull ? .full : .delta
                }
                #expect(report.status == .succeeded, "seeds \(seeds)")
            }
        }
        for (seed, history) in zip(seeds, histories) {
            expect(try await warehouse.table("plain\(seed)"), equals: history.reference.table, "seed \(seed)")
            expect(try await warehouse.table("mixed\(seed)"), equals: history.reference.table, "seed \(seed), mixed")
            expect(try await warehouse.table("scoped\(seed)"), equals: history.scoped.table, "seed \(seed), scoped")
            for name in ["mixed", "scoped"] {
                expect(try await warehouse.rebuildDifferences("\(name)\(seed)", from: .raw), equals: [], "seed \(seed)")
            }
        }
    }
}

/// One random history: a reference and the loads that lead to it.
struct RandomHistory {
    private var generator: SeededGenerator
    private(set) var reference = ReferenceHistory()
    private(set) var scoped = ReferenceHistory(isScoped: true)
    private var nextIsFull = true
    private let keys: Int

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        keys = Int.random(in: 1...12, using: &generator)
    }

    /// Each load is full or delta; the first is full.
    mutating func startsLoad(isFull: Bool) -> Bool {
        if isFull { return nextIsFull }
        defer { nextIsFull = Bool.random(using: &generator) }
        return !nextIsFull
    }

    /// Draws a load and applies it to the reference.
    /// - Returns: its records in order of arrival; the same in any order with their number, and over how many files.
    mutating func load(isFull: Bool, day: Int) -> (plain: [String], mixed: [String], files: Int) {
        let presence = Double.random(in: 0...1, using: &generator)
        var records: [ReferenceHistory.Record] = []
        for id in 1...keys where Double.random(in: 0...1, using: &generator) < presence {
            for _ in 0..<(Int.random(in: 0...4, using: &generator) == 0 ? 3 : 1) {
                records.append(
                    .init(
                        id: id, a: [nil, 0, 0, 1].randomElement(using: &generator) ?? nil,
                        b: [nil, "", "x", "x"].randomElement(using: &generator) ?? nil,
                        c: [nil, "", "y"].randomElement(using: &generator) ?? nil))
            }
        }
        records.shuffle(using: &generator)
        reference.apply(records, isFull: isFull, day: day)
        scoped.apply(records, isFull: isFull, day: day)
        let plain = records.map { write($0, number: nil) }
        let mixed = records.enumerated().map { write($0.element, number: $0.offset) }
        return (plain, mixed.shuffled(using: &generator), Int.random(in: 1...3, using: &generator))
    }

    /// A record in a random notation: order of fields, spaces, numbers, NULL or missing.
    private mutating func write(_ record: ReferenceHistory.Record, number: Int?) -> String {
        var fields = [#""id":"# + notation(of: record.id)]
        if let a = record.a {
            fields.append(#""a":"# + notation(of: a))
        } else if Bool.random(using: &generator) {
            fields.append(#""a":null"#)
        }
        for (name, value) in [("b", record.b), ("c", record.c)] {
            if let value {
                fields.append(#""\#(name)": "\#(value == "x" && Bool.random(using: &generator) ? "\\u0078" : value)""#)
            } else if Bool.random(using: &generator) {
                fields.append(#""\#(name)":null "#)
            }
        }
        if let number { fields.append(#""n":\#(number)"#) }
        return "{" + fields.shuffled(using: &generator).joined(separator: ",") + "}"
    }

    private mutating func notation(of number: Int) -> String {
        ["\(number)", "\(number).0", "\"\(number)\"", number == 0 ? "-0" : "\(number)"].randomElement(using: &generator)
            ?? ""
    }
}
