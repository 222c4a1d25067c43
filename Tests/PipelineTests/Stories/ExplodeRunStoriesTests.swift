import Foundation
import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Runs of exploded entities", .fewAtOnce)
struct ExplodeRunStoriesTests {
    /// An order with the lines of these numbers.
    private func order(_ id: Int, _ lines: some Sequence<Int>, total: String = "1") -> String {
        let items = lines.map { #"{"sku":"s\#(100 + $0)"}"# }
        return #"{"order_id":\#(id),"total":\#(total),"lines":[\#(items.joined(separator: ","))]}"#
    }

    private func open(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows(
            "SELECT order_id, count(*) FROM silver.t_lines WHERE _is_current GROUP BY order_id ORDER BY order_id")
    }

    private func states(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows(
            """
            SELECT state, load_type, nr_files, (manifest_sha256, metadata_hash, run_timestamp) = (
                SELECT manifest_sha256, metadata_hash, run_timestamp FROM audit.raw_batch p
                WHERE p.run_id = b.run_id AND entity_name = 'orders') AS is_parents
            FROM audit.raw_batch b WHERE entity_name = 'lines' ORDER BY run_timestamp
            """)
    }

    @Test("a run lands nothing for them, and the same bytes are not read again")
    func unchanged() async throws {
        let warehouse = try await ExplodedOrders().warehouse
        try await warehouse.load(order(1, 1...2))
        expect(
            try await warehouse.audit("lines"),
            equals: """
                raw skipped no_input
                bronze 2: inserted 2
                silver 2: inserted 2
                """)
        try await warehouse.load(order(1, 1...2))
        expect(
            try await warehouse.audit("lines"),
            equals: """
                raw skipped no_input
                bronze 0: nothing
                silver 0: nothing
                """)
        try await warehouse.run { $0.layers = [.bronze, .silver] }
        expect(try await warehouse.audit("lines"), equals: "bronze skipped no_input\nsilver skipped no_input")
        #expect(!FileManager.default.fileExists(atPath: warehouse.folder.path(of: "raw/t/lines")))
        expect(try await states(warehouse), equals: ["merged | full | 1 | true", "merged | full | 1 | true"])
        let found = try await Doctor(workspace: warehouse.workspace, isDeep: true).examine()
        expect(found.filter { $0.level == .fail }.map(\.detail), equals: [])
    }

    @Test("too many items gone are held back; a newer batch of the same bytes brings them all the same")
    func blocked() async throws {
        let warehouse = try await ExplodedOrders(orders: #", "max_delete_fraction": 0.6"#).warehouse
        let kept = (1...10).map { order($0, 1...4) }
        try await warehouse.load(kept + (11...20).map { order($0, 1...2) })
        // Half of the orders are gone: what was below them is no question of its own.
        let fewer = (1...10).map { order($0, 1...2) }
        let report = try await warehouse.load(fewer)
        #expect(report.status == .failed)
        expect(
            report.steps.compactMap { $0.error?.prefix(70) },
            equals: ["the full batch lacks 20 of 40 live keys, more than max_delete_fraction"])
        expect(
            try await warehouse.audit("orders").split(separator: "\n").last,
            equals: "silver 20: deleted 10, unchanged 10")
        expect(try await open(warehouse).count, equals: 20)
        // The same bytes: nothing new for the orders, but the lines have not had them.
        try await warehouse.run { $0.loadType = .full }
        expect(
            try await warehouse.rows("SELECT count(*) FROM audit.raw_batch WHERE same_as IS NOT NULL"), equals: ["1"])
        expect(try await open(warehouse).count, equals: 20)
        try await warehouse.run { $0.allowsDeletes = true }
        expect(try await open(warehouse), equals: (1...10).map { "\($0) | 2" })
        expect(
            try await states(warehouse).map { $0.prefix(10) },
            equals: ["merged | fu", "superseded", "superseded", "merged | fu"].map { $0.prefix(10) })
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
        // By now the lines have had them.
        try await warehouse.load(fewer)
        expect(try await warehouse.audit("lines").contains("bronze 0: nothing"), equals: true)
    }

    @Test("items whose parents go in an allowed mass delete go with them, though the child's batch was empty")
    func allGone() async throws {
        let warehouse = try await ExplodedOrders().warehouse
        try await warehouse.load((1...30).map { order($0, 1...2) })
        #expect(try await warehouse.load(order(1, 1...2)).status == .failed)
        expect(
            try await warehouse.audit("lines"),
            equals: "raw skipped upstream_failed\nbronze skipped upstream_failed\nsilver skipped upstream_failed")
        expect(try await open(warehouse).count, equals: 30)
        #expect(try await warehouse.run { $0.layers = [.bronze, .silver] }.status == .failed)
        let report = try await warehouse.run {
            $0.layers = [.bronze, .silver]; $0.allowsDeletes = true; $0.entities = [warehouse.entity("orders").id]
        }
        #expect(report.status == .succeeded)
        #expect(try await warehouse.run { $0.layers = [.bronze, .silver] }.status == .succeeded)
        expect(try await open(warehouse), equals: ["1 | 2"])
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
    }

    @Test("a child that comes later has its parent's whole past")
    func later() async throws {
        let orders = try ExplodedOrders.orders(#", "delta": {"mode": "all"}"#)
        let warehouse = try await TestWarehouse(orders)
        try await warehouse.load(order(1, 1...2), order(2, 1...1))
        try await warehouse.load(order(1, 2...2), type: .delta)
        try await warehouse.load(order(1, 2...3))
        try warehouse.change(
            orders,
            TestEntity(
                "lines", columns: "order_id int key, sku text key",
                #"{"bronze": {"pattern": "explode", "from": "orders", "path": "/lines", "parent_columns": ["order_id"]}}"#
            ))
        try await warehouse.run {
            $0.layers = [.bronze, .silver]; $0.entities = [warehouse.entity("lines").id]
        }
        let table = """
            1 | s101 | d1..d2 deleted
            1 | s102 | d1..
            1 | s103 | d3..
            2 | s101 | d1..d3 deleted
            """
        expect(try await warehouse.table("lines"), equals: table)
        expect(
            try await states(warehouse),
            equals: ["merged | full | 1 | true", "merged | delta | 1 | true", "merged | full | 1 | true"])
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
        // Somebody spoils the table; a rebuild from raw mends it.
        try await warehouse.connection.execute("DELETE FROM silver.t_lines WHERE sku = 's103'")
        try await warehouse.connection.execute("DELETE FROM bronze.t_lines WHERE _change = 'delete'")
        _ = try await warehouse.rebuild("lines", from: .raw)
        expect(try await warehouse.table("lines"), equals: table)
    }

    @Test("a batch that is given up is made good by the next one of the same parents, deleted parents by any")
    func discarded() async throws {
        let warehouse = try await ExplodedOrders(orders: #", "delta": {"mode": "all"}"#).warehouse
        try await warehouse.load(order(1, 1...12), order(2, 1...12), order(3, 1...12))
        try await warehouse.load(order(1, 1...2), order(2, 1...12))
        expect(try await open(warehouse), equals: ["1 | 12", "2 | 12", "3 | 12"], "10 of 24 are held back")
        let run = try await warehouse.rows("SELECT run_id FROM audit.raw_batch WHERE state = 'blocked'").first
        try await OperatorLedger(workspace: warehouse.workspace).discard(
            try #require(UUIDValue(run ?? "")), of: warehouse.entity("lines").id)
        try await warehouse.load(order(2, 1...8), type: .delta)
        expect(try await open(warehouse), equals: ["1 | 12", "2 | 8"])
        try await warehouse.load(order(1, 1...3), type: .delta)
        expect(try await open(warehouse), equals: ["1 | 3", "2 | 8"])
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
    }

    @Test("a reset names the parent, a delta needs none of its own, and a preview shows what waits")
    func operators() async throws {
        let warehouse = try await ExplodedOrders(orders: #", "delta": {"mode": "all"}"#).warehouse
        try warehouse.put([order(1, 1...2)])
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run { $0.entities = [warehouse.entity("orders").id] }
        let lines = warehouse.entity("lines")
        let preview = try await Preview(workspace: warehouse.workspace, entity: lines).run()
        expect(preview.map(\.silver.inserted), equals: [2])
        expect(try await states(warehouse), equals: [])
        await #expect {
            try await OperatorLedger(workspace: warehouse.workspace).reset(lines.id)
        } throws: {
            "\($0)" == "t.lines loads nothing, it takes the items of t.orders; name t.orders instead"
        }
        try await warehouse.load(order(1, 1...1), type: .delta)
        expect(try await open(warehouse), equals: ["1 | 1"])
        expect(
            try await RunPlan.make(for: RunRequest(), in: warehouse.workspace).entities.map(\.note),
            equals: ["", "items of t.orders"])
    }

    @Test("a child of a CSV entity is refused before anything runs")
    func csv() async throws {
        await #expect {
            try await TestWarehouse(
                TestEntity("orders", columns: "order_id int key", #"{"source": {"path": "orders/*.CSV.gz"}}"#),
                TestEntity(
                    "lines", columns: "order_id int key, sku text key",
                    #"{"bronze": {"pattern": "explode", "from": "orders", "path": "/lines", "parent_columns": ["order_id"]}}"#
                ))
        } throws: {
            "\($0)".contains("entities[1].bronze.from: t.orders is read from CSV, which has no lists")
        }
    }

    @Test(
        "items are numbered within their file, over many windows and many parents",
        arguments: [Shortcuts.always, .never])
    func numbering(_ shortcuts: Shortcuts) async throws {
        let warehouse = try await ExplodedOrders().warehouse
        warehouse.use(shortcuts)
        let few = (1...3).map { order($0, 1...10_000) }
        let many = (4...6_003).map { order($0, 1...1) }
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(texts: [few, many].map { $0.joined(separator: "\n") }, ending: "jsonl")
        #expect(try await warehouse.run().status == .succeeded)
        expect(
            try await warehouse.rows(
                """
                SELECT _raw_file, min(_record_no), max(_record_no), count(DISTINCT _record_no), count(*)
                FROM bronze.t_lines GROUP BY 1 ORDER BY 1
                """), equals: ["1 | 1 | 30000 | 30000 | 30000", "2 | 1 | 6000 | 6000 | 6000"])
        expect(
            try await warehouse.rows(
                """
                SELECT count(*) FROM bronze.t_lines l CROSS JOIN LATERAL (
                    SELECT (doc->'_parent'->>'order_id')::int AS id, (doc->>'_position')::int AS position) d
                WHERE _record_no <> CASE _raw_file WHEN 1 THEN d.position + 10000 * (d.id - 1) ELSE d.id - 3 END
                """), equals: ["0"])
        expect(
            try await warehouse.rows("SELECT count(*) FROM stage.t_lines__scopes"),
            equals: [shortcuts == .always ? "0" : "6003"])
        // All of them are told again, most without their items.
        try warehouse.put(many.prefix(5_000).map { $0 } + (5_004...6_003).map { order($0, 0..<0) } + few)
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run()
        expect(
            try await warehouse.rows("SELECT count(*), count(*) FILTER (WHERE _is_current) FROM silver.t_lines"),
            equals: ["36000 | 35000"])
    }
}
