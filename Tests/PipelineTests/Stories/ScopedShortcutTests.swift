import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// Records of the scope `n`.
private func rows(_ range: ClosedRange<Int>, _ n: String, v: Int = 1) -> [String] {
    range.map { #"{"id":\#($0),"n":"\#(n)","v":\#(v)}"# }
}

private let scoped = #"{"full_scope": "n", "max_delete_fraction": 1, "max_reject_fraction": 1, "allow_empty": true}"#

extension FirstBatchCase {
    /// Batches of entities whose batches tell some keys only.
    static let scoped = [
        FirstBatchCase(
            testDescription: "two scopes", attributes: PipelineTests.scoped,
            first: rows(1...3, "a") + rows(4...5, "b") + [#"{"id":6,"v":1}"#, "7"], second: rows(2...4, "a")),
        FirstBatchCase(
            testDescription: "two scopes, duplicates", attributes: PipelineTests.scoped,
            first: rows(1...3, "a") + rows(2...5, "b"), second: rows(2...4, "a")),
        FirstBatchCase(
            testDescription: "two scopes, and an effective time",
            attributes: #"{"effective_time_column": "at", "# + PipelineTests.scoped.dropFirst(),
            first: [(1, "a", 2), (1, "b", 1), (2, "a", 1), (3, "b", 3)].map(timed),
            second: [(2, "a", 2), (4, "a", 1)].map(timed)),
    ]
}

private func timed(_ id: Int, _ n: String, _ day: Int) -> String {
    #"{"id":\#(id),"n":"\#(n)","v":1,"at":"2025-12-0\#(day)T00:00:00Z"}"#
}

extension KnownBatchCase {
    /// Batches of entities whose batches tell some keys only.
    static let scoped = [
        KnownBatchCase(
            testDescription: "changed, new, absent, and from another scope", attributes: PipelineTests.scoped,
            loads: [
                rows(1...9, "a") + rows(10...19, "b") + rows(20...29, "c"),
                rows(2...8, "a") + rows(9...9, "a", v: 2) + rows(30...31, "a") + rows(10...11, "a"),
                rows(12...19, "b") + rows(20...29, "c"), rows(1...1, "b") + rows(12...18, "b"),
                rows(19...19, "c") + rows(20...28, "c") + [#"{"id":40,"v":1}"#], rows(20...28, "d"), [],
                rows(1...9, "a") + rows(10...19, "b") + rows(20...29, "c"),
            ]),
        KnownBatchCase(
            testDescription: "rejects that tell no scope", attributes: PipelineTests.scoped,
            loads: [
                rows(1...9, "a") + rows(10...19, "b"), rows(2...9, "a") + [#"{"id":10,"n":"b","v":"x"}"#],
                rows(2...9, "a") + [#"{"n":"b","v":1}"#], rows(3...9, "a") + [#"{"id":2,"n":7.5e999,"v":1}"#, "7"],
                rows(3...9, "a") + [#"{"id":2,"n":"a","v":"x"}"#], rows(4...9, "a") + rows(11...19, "b"),
            ]),
        KnownBatchCase(
            testDescription: "duplicates in two scopes", attributes: PipelineTests.scoped,
            loads: [
                rows(1...9, "a") + rows(10...19, "b"), rows(2...9, "a") + rows(9...18, "b"), rows(1...9, "a"),
            ]),
        KnownBatchCase(
            testDescription: "deletes by marker within scopes",
            attributes: #"{"delete_marker": {"column": "v", "equals": "0"}, "# + PipelineTests.scoped.dropFirst(),
            loads: [
                rows(1...9, "a") + rows(10...19, "b"),
                rows(2...8, "a") + rows(9...9, "a", v: 0) + rows(10...11, "c", v: 0),
                rows(1...9, "a"), rows(11...19, "b"), rows(10...11, "c"),
            ]),
        KnownBatchCase(
            testDescription: "guarded within a scope", attributes: #"{"full_scope": "n"}"#,
            loads: [
                rows(1...40, "a") + rows(41...80, "b"), rows(1...20, "a"), rows(1...39, "a"), rows(41...79, "b"), [],
            ]),
        KnownBatchCase(
            testDescription: "an effective time within scopes",
            attributes: #"{"effective_time_column": "at", "# + PipelineTests.scoped.dropFirst(),
            columns: "id int key, n text, v int, at timestamptz stored=false",
            loads: [
                (1...9).map { timed($0, $0 < 5 ? "a" : "b", 5) },
                [(1, "a", 6), (2, "a", 4), (3, "a", 5), (5, "a", 5), (6, "a", 6), (7, "a", 4)].map(timed),
                (1...4).map { timed($0, "a", 5) }, (5...8).map { timed($0, "b", 5) },
                (1...9).map { timed($0, "c", 7) }, (1...9).map { timed($0, "c", 7) },
            ]),
        KnownBatchCase(
            testDescription: "nothing deleted within scopes",
            attributes: #"{"delete_mode": "ignore", "full_scope": "n"}"#,
            loads: [rows(1...9, "a") + rows(10...19, "b"), rows(2...10, "a"), rows(1...9, "a")]),
        KnownBatchCase(
            testDescription: "one scope after other metadata", attributes: PipelineTests.scoped,
            columns: "id int key, n text, v numeric(10,2), w text stored=false",
            later: "id int key, n text, v numeric(10,2), w int stored=false",
            loads: (1...5).map { day in
                (1...9).compactMap { id in
                    // The second one is never told again until the last day, and is accepted no longer.
                    day > 2 && day < 5 && id < 3
                        ? nil
                        : #"{"id":\#(id),"n":"\#(id < 3 ? "a" : "b")","v":\#(day / 4),"w":"\#(id == 2 ? "no" : "7")"}"#
                }
            }),
    ]
}

/// Loads of orders whose lines one of the ways might get wrong.
struct ItemsCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var orders = ""
    var columns = "order_id int key, sku text key, n int"
    var pattern = "explode"
    var more = #", "max_delete_fraction": 1, "max_reject_fraction": 1"#
    /// The columns of the lines from the third load on, where they change.
    var later: String?
    var loads: [[String]]

    private static let lenient = #", "max_delete_fraction": 1, "max_reject_fraction": 1, "allow_empty": true"#

    /// An order with these lines, each of a letter and its number.
    private static func order(_ id: Int, _ lines: String..., total: String = "1") -> String {
        let items = lines.map { #"{"sku":"\#($0.prefix(1))","n":\#($0.dropFirst())}"# }
        return #"{"order_id":\#(id),"total":\#(total),"lines":[\#(items.joined(separator: ","))]}"#
    }

    private static let first = [order(1, "a1", "b2"), order(2, "a5"), order(3), order(4, "c1", "d1", "e1")]

    static let all = [
        ItemsCase(
            testDescription: "changed, new, absent, moved, shuffled", orders: lenient,
            loads: [
                first, [order(1, "c9", "a3"), order(2, "a5"), order(4, "e1", "d1")],
                [order(1, "c9", "a3"), order(3, "a1"), order(4, "e1", "d1"), order(5, "a1")], first, first.reversed(),
                [],
            ]),
        ItemsCase(
            testDescription: "by their place", orders: lenient,
            columns: "order_id int key, place int key path=/_position, n int",
            loads: [first, [order(1, "b2"), order(4, "c1", "d1", "e1", "f1")], first]),
        ItemsCase(
            testDescription: "an order twice", orders: lenient,
            loads: [
                first + [order(1)], [order(1, "a1"), order(2, "a5"), order(1, "a1", "b2")],
                first + [order(4)], first,
            ]),
        ItemsCase(
            testDescription: "a line twice", orders: lenient,
            loads: [first + [order(5, "a1", "a2")], first + [order(5, "a2", "a1")], first]),
        ItemsCase(
            testDescription: "orders and lines that cannot be read", orders: lenient,
            loads: [
                first + [#"{"order_id":5,"lines":7}"#, order(6, "ax")],
                [order(1, "a1", total: #""x""#), #"{"order_id":2,"lines":"no"}"#, order(3, "a\"x\""), order(4, "c1")],
                [order(1, "a1", "b2"), #"{"order_id":4,"lines":[{"n":1},{"sku":"c","n":1}]}"#, order(2, "a5")],
                [order(1, "a1", "b\"x\""), order(2, "a5"), order(4, "c1")], first,
            ]),
        ItemsCase(
            testDescription: "orders that are marked as deleted",
            orders: lenient + #", "delete_marker": {"column": "total", "equals": "0"}"#,
            loads: [
                first, [order(1, "a1", total: "0"), order(2, "a5"), order(4, "c1")],
                [order(1, "a1", total: "0"), order(2, "a5", total: "0"), order(4, "c1")], first,
            ]),
        ItemsCase(
            testDescription: "guarded lines", orders: lenient, more: "",
            loads: [
                (1...30).map { order($0, "a1") }, (1...30).map { order($0, $0 < 16 ? "a1" : "b1") },
                (1...25).map { order($0, "a1") }, (1...25).map { order($0, "a1", $0 < 3 ? "c1" : "b1") },
            ]),
        ItemsCase(
            testDescription: "guarded lines, but for those of orders that are gone", orders: lenient, more: "",
            loads: [
                (1...40).map { order($0, "a1", "b1") },
                (1...15).map { order($0, "a1", $0 < 3 ? "c1" : "b1") },
            ]),
        ItemsCase(
            testDescription: "orders that are never deleted", orders: lenient + #", "delete_mode": "ignore""#,
            loads: [first, [order(1, "a1"), order(4)], [order(2), order(4, "c1")], first]),
        ItemsCase(
            testDescription: "orders of one scope", orders: lenient + #", "full_scope": "total""#,
            loads: [
                first + [order(5, "a1", "b1", total: "2")], [order(1, "a1"), order(4, "c1")],
                [order(5, "b1", total: "2")], first,
            ]),
        ItemsCase(
            testDescription: "entries of a map", orders: lenient, columns: "order_id int key, key text key, value int",
            pattern: "map_entries",
            loads: [
                [#"{"order_id":1,"lines":{"a":1,"b":2}}"#, #"{"order_id":2,"lines":{"a":1}}"#],
                [#"{"order_id":1,"lines":{"b":2,"c":2}}"#, #"{"order_id":2,"lines":{"a":2}}"#],
                [#"{"order_id":1,"lines":{"b":2,"c":2}}"#],
            ]),
        ItemsCase(
            testDescription: "other metadata of the lines", orders: lenient,
            later: "order_id int key, sku text key, n int, m int path=n",
            loads: [first, first + [order(5, "a1")], first, [order(1, "a1"), order(2, "a5"), order(4, "c1")], first]),
        ItemsCase(
            testDescription: "no line", orders: lenient,
            loads: [[order(1), order(2)], [order(1), order(2, "a1")], [order(1)]]),
    ]
}

@Suite("Shortcuts change no result of lines", .fewAtOnce)
struct ItemShortcutTests {
    private func tables(_ items: ItemsCase, _ shortcuts: Shortcuts) async throws -> [String] {
        let exploded = try await ExplodedOrders(
            items.columns, orders: items.orders, pattern: items.pattern, more: items.more)
        let warehouse = exploded.warehouse
        warehouse.use(shortcuts)
        var found: [String] = []
        for (number, records) in items.loads.enumerated() {
            if number == 2, let later = items.later {
                try warehouse.change(
                    ExplodedOrders.orders(items.orders),
                    ExplodedOrders.lines(later, pattern: items.pattern, more: items.more))
            }
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(records, for: "orders", files: 2)
            try await warehouse.run()
            found.append("load \(number + 1)")
            found += try await warehouse.rows(
                """
                SELECT _key_hash, _doc_hash, _change, _raw_file, _record_no, doc::text FROM bronze.t_lines
                ORDER BY _run_timestamp, _raw_file, _record_no, _key_hash
                """)
            found.append(try await warehouse.table("lines"))
            found += try await warehouse.rows(
                "SELECT _key_hash, _doc_hash, _is_deleted, _by_absence, _scope FROM bronze.t_lines__last ORDER BY 1")
            found += try await warehouse.rows(
                """
                SELECT entity_name, raw_file, record_no, column_name, reason, excerpt FROM audit.rejected_record
                ORDER BY run_timestamp, entity_name, raw_file, record_no
                """)
            found += try await warehouse.rows(
                """
                SELECT entity_name, state, regexp_replace(state_reason, '[0-9a-f-]{36}', 'the run'), nr_rejected
                FROM audit.raw_batch ORDER BY run_timestamp, entity_name
                """)
            found.append(try await warehouse.audit("lines"))
        }
        found += try await warehouse.rows(
            "SELECT indexname FROM pg_indexes WHERE schemaname IN ('bronze', 'silver') ORDER BY 1")
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
        return found
    }

    @Test("of any batch", arguments: ItemsCase.all)
    func same(_ items: ItemsCase) async throws {
        let short = try await tables(items, .always)
        let long = try await tables(items, .never)
        #expect(short == long)
        #expect(short.count > 4)
    }

    @Test("known lines are not sent to the server", arguments: [Shortcuts.always, .never])
    func sent(_ shortcuts: Shortcuts) async throws {
        let warehouse = try await ExplodedOrders().warehouse
        warehouse.use(shortcuts)
        func order(_ id: Int, _ n: Int) -> String {
            #"{"order_id":\#(id),"lines":[{"sku":"a","n":1},{"sku":"b","n":\#(n)}]}"#
        }
        for day in 1...2 {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put((day...40).map { order($0, $0 == 7 ? day : 1) }, for: "orders")
            try await warehouse.run()
        }
        expect(
            try await warehouse.rows(
                "SELECT count(*), count(*) FILTER (WHERE _ordinal < 0) FROM stage.t_lines__bronze"),
            equals: [shortcuts == .always ? "3 | 2" : "78 | 0"])
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
    }

    @Test("documents are known as accepted only where a batch has told every scope")
    func accepted() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, n text", #"{"full_scope": "n"}"#))
        let known: SQLText = "SELECT accepted_by IS NOT NULL FROM metadata.entity_shape"
        let (a, b) = (#"{"id":1,"n":"a"}"#, #"{"id":2,"n":"b"}"#)
        try await warehouse.load([a, b])
        expect(try await warehouse.rows(known), equals: ["true"])
        try warehouse.change(try TestEntity(columns: "id int key, n text, m text", #"{"full_scope": "n"}"#))
        try await warehouse.load([a])
        expect(try await warehouse.rows(known), equals: ["false"])
        try await warehouse.load([b])
        expect(try await warehouse.rows(known), equals: ["false"])
        try await warehouse.load([b, a])
        expect(try await warehouse.rows(known), equals: ["true"])
        try await warehouse.load([a])
        expect(try await warehouse.rows(known), equals: ["true"])
    }
}
