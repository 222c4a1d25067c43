import Foundation
import Metadata
import Pipeline
import Primitives
import TestKit
import Testing

/// Random orders with random lines against a model in memory: items known by a key of their own, and by their place.
@Suite("Random items", .fewAtOnce)
struct RandomItemsTests {
    private static let perWarehouse = 5
    private static let histories = Int(ProcessInfo.processInfo.environment["MEDALLION_HISTORIES"] ?? "") ?? 30
    private static let firstSeed = UInt64(ProcessInfo.processInfo.environment["MEDALLION_SEED"] ?? "") ?? 1

    @Test(
        "agree with a model, in full and delta loads",
        arguments: stride(from: 0, to: histories, by: perWarehouse).map { firstSeed + UInt64($0) })
    func agree(firstSeed: UInt64) async throws {
        let seeds = (0..<UInt64(Self.perWarehouse)).map { firstSeed + $0 }
        var histories = seeds.map(ItemHistory.init)
        let lenient = #""allow_empty": true, "max_delete_fraction": 1, "max_reject_fraction": 1"#
        let warehouse = try await TestWarehouse(
            try seeds.flatMap { seed in
                let bronze =
                    #"{"pattern": "explode", "from": "orders\#(seed)", "path": "/a/lines", "parent_columns": ["id"]}"#
                return [
                    try TestEntity(
                        "orders\(seed)", columns: "id int key, total int, gone boolean",
                        #"{"delta": {"mode": "all"}, "delete_marker": {"column": "gone", "equals": true}, \#(lenient)}"#
                    ),
                    try TestEntity(
                        "lines\(seed)", columns: "order_id int key path=/_parent/id, sku text key, n int",
                        #"{"bronze": \#(bronze), \#(lenient)}"#),
                    try TestEntity(
                        "places\(seed)", columns: "id int key, place int key path=/_position, sku text, n int",
                        #"{"bronze": \#(bronze), \#(lenient)}"#),
                ]
            })
        var generator = SeededGenerator(seed: firstSeed)
        let usual = warehouse.workspace.shortcuts
        for load in 0..<5 {
            warehouse.use(Int.random(in: 0..<4, using: &generator) == 0 ? .never : usual)
            let isFull = load == 0 || Bool.random(using: &generator)
            warehouse.clock.advance(seconds: 86_400)
            for index in histories.indices {
                let records = histories[index].load(isFull: isFull, day: load + 1)
                try warehouse.put(records, for: "orders\(seeds[index])", files: 2)
            }
            let report = try await warehouse.run { $0.loadType = isFull ? .full : .delta }
            #expect(report.status == .succeeded, "seeds \(seeds)")
        }
        for (seed, history) in zip(seeds, histories) {
            for (name, model) in [("lines", history.lines), ("places", history.places)] {
                expect(try await warehouse.table("\(name)\(seed)"), equals: model.table, "seed \(seed), \(name)")
                expect(
                    try await warehouse.rebuildDifferences("\(name)\(seed)", from: .raw), equals: [],
                    "seed \(seed), \(name)")
            }
        }
    }
}

/// The versions of items: those of a parent that is told in full are closed where it no longer has them.
private struct ItemModel {
    struct Key: Hashable {
        var order: Int
        var item: String
    }
    private struct Version {
        var value: String
        var from: Int
        var to: Int?
        var isDeleted = false
    }

    private var versions: [Key: [Version]] = [:]

    /// The parent has these items; nil is one that cannot be read, which leaves what is known.
    mutating func tell(_ order: Int, _ items: [(key: String, value: String?)], isWhole: Bool, day: Int) {
        for item in items {
            if let value = item.value { put(Key(order: order, item: item.key), value, day) }
        }
        guard isWhole else { return }
        let present = Set(items.map(\.key))
        for key in versions.keys where key.order == order && !present.contains(key.item) { close(key, day) }
    }

    private mutating func put(_ key: Key, _ value: String, _ day: Int) {
        var rows = versions[key] ?? []
        if let open = rows.indices.last, rows[open].to == nil {
            if rows[open].value == value { return }
            rows[open].to = day
        }
        rows.append(Version(value: value, from: day))
        versions[key] = rows
    }

    private mutating func close(_ key: Key, _ day: Int) {
        guard let open = versions[key]?.indices.last, versions[key]?[open].to == nil else { return }
        versions[key]?[open].to = day
        versions[key]?[open].isDeleted = true
    }

    /// The table as `TestWarehouse.table` shows it; items have one letter or digit.
    var table: String {
        versions.sorted { ($0.key.order, $0.key.item) < ($1.key.order, $1.key.item) }.flatMap { key, rows in
            rows.map { row in
                let end = (row.to.map { "d\($0)" } ?? "") + (row.isDeleted ? " deleted" : "")
                return "\(key.order) | \(key.item) | \(row.value) | d\(row.from)..\(end)"
            }
        }.joined(separator: "\n")
    }
}

/// One random history: the models and the loads that lead to them.
private struct ItemHistory {
    /// An element of a list; without a sku it has no key of its own, a bad number rejects it.
    private struct Item {
        var sku: String?
        var number: Int
        var isBad: Bool

        var text: String {
            let sku = sku.map { #""sku":"\#($0)","# } ?? ""
            return "{\(sku)\"n\":\(isBad ? "\"?\"" : "\(number)")}"
        }
    }

    private enum Record {
        case rejected
        case deleted
        case noList
        case list([Item])
    }

    private var generator: SeededGenerator
    private(set) var lines = ItemModel()
    private(set) var places = ItemModel()

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// Draws a load and applies it to the models.
    mutating func load(isFull: Bool, day: Int) -> [String] {
        var records: [(id: Int, record: Record)] = []
        for id in 1...6 where Int.random(in: 0...2, using: &generator) > 0 {
            for _ in 0...(Int.random(in: 0...4, using: &generator) / 4) { records.append((id, draw())) }
        }
        records.shuffle(using: &generator)
        for id in 1...6 {
            let own = records.filter { $0.id == id }.map(\.record)
            let counts = own.last { if case .rejected = $0 { false } else { true } }
            if let counts { tell(id, counts, day) } else if isFull, own.isEmpty { tell(id, .deleted, day) }
        }
        return records.map { id, record in
            switch record {
            case .rejected: #"{"id":\#(id),"total":"x","a":{"lines":[{"sku":"r"}]}}"#
            case .deleted: #"{"id":\#(id),"gone":true,"a":{"lines":[{"sku":"g"}]}}"#
            case .noList: #"{"id":\#(id),"a":{"lines":7}}"#
            case .list(let items) where items.isEmpty:
                ["{\"id\":\(id)}", #"{"id":\#(id),"a":{"lines":null}}"#, #"{"id":\#(id),"a":{"lines":[ ]}}"#]
                    .randomElement(using: &generator) ?? ""
            case .list(let items): #"{"a":{"lines":[\#(items.map(\.text).joined(separator: " , "))]},"id":\#(id)}"#
            }
        }
    }

    private mutating func draw() -> Record {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: return .rejected
        case 1: return .deleted
        case 2: return .noList
        default: break
        }
        return .list(
            (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                Item(
                    sku: Int.random(in: 0...12, using: &generator) == 0
                        ? nil : ["a", "b", "c", "d"].randomElement(using: &generator),
                    number: Int.random(in: 0...1, using: &generator),
                    isBad: Int.random(in: 0...9, using: &generator) == 0)
            })
    }

    private mutating func tell(_ id: Int, _ record: Record, _ day: Int) {
        guard case .list(let items) = record else {
            if case .noList = record { return }
            lines.tell(id, [], isWhole: true, day: day)
            return places.tell(id, [], isWhole: true, day: day)
        }
        // Of items with one key the last good one counts.
        var last: [String: String?] = [:]
        for item in items {
            guard let sku = item.sku else { continue }
            last[sku] = item.isBad ? last[sku] ?? nil : "\(item.number)"
        }
        lines.tell(id, last.map { ($0.key, $0.value) }, isWhole: items.allSatisfy { $0.sku != nil }, day: day)
        places.tell(
            id,
            items.enumerated().map { ("\($0 + 1)", $1.isBad ? nil : "\($1.sku ?? "NULL") | \($1.number)") },
            isWhole: true, day: day)
    }
}
