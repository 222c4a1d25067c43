import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

/// The server takes thousands of rows that have just come for one, and would read all of a table for each of them.
@Suite("What a batch is compared with is read a few times, however much it changes", .fewAtOnce)
struct JoinsTests {
    private static let keys = 5_000
    /// So often a table may be read as a whole.
    private static let mostReadings = 50

    /// Rows of a table that all runs of the warehouse have read one after the other, which ends them.
    private func rowsRead(of table: String, in warehouse: TestWarehouse) async throws -> Int {
        // The server counts for others what a session has done when that ends.
        await warehouse.workspace.pool.close()
        for _ in 0..<1_000 {
            let others = try await warehouse.connection.query(
                """
                SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'
                """)
            if others.isEmpty { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let read: Int = try await warehouse.connection.query(
            "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = \(table)")[0].get(0)
        try #require(read >= Self.keys, "nothing was counted")
        return read
    }

    @Test("items that are gone, where as many others have come", arguments: [Shortcuts.never, .always])
    func items(_ shortcuts: Shortcuts) async throws {
        func order(_ id: Int, _ lines: ClosedRange<Int>) -> String {
            let items = lines.map { #"{"sku":"s\#($0)"}"# }.joined(separator: ",")
            return #"{"order_id":\#(id),"total":1,"lines":[\#(items)]}"#
        }
        let warehouse = try await ExplodedOrders().warehouse
        warehouse.use(shortcuts)
        try await warehouse.load((1...Self.keys).map { order($0, 1...3) })
        try await warehouse.connection.execute("VACUUM ANALYZE bronze.t_lines__last, stage.t_lines__bronze")
        try await warehouse.load((1...Self.keys).map { order($0, $0 % 5 == 0 ? 2...4 : 1...3) })
        expect(
            try await warehouse.rows("SELECT count(*), count(*) FILTER (WHERE _is_current) FROM silver.t_lines"),
            equals: ["16000 | 15000"])
        #expect(try await rowsRead(of: "t_lines__scopes", in: warehouse) < Self.mostReadings * Self.keys)
    }

    @Test("items that are gone with their orders, behind a log that is known", arguments: [Shortcuts.never, .always])
    func itemsOfGoneOrders(_ shortcuts: Shortcuts) async throws {
        func order(_ id: Int) -> String { #"{"order_id":\#(id),"total":1,"lines":[{"sku":"a"},{"sku":"b"}]}"# }
        let warehouse = try await ExplodedOrders(
            orders: #", "max_delete_fraction": 1"#, more: #", "max_delete_fraction": 1"#
        ).warehouse
        warehouse.use(shortcuts)
        try await warehouse.load((1...Self.keys).map(order))
        try await warehouse.connection.execute("VACUUM ANALYZE")
        try await warehouse.load((1...Self.keys / 2).map(order))
        expect(
            try await warehouse.rows("SELECT count(*), count(*) FILTER (WHERE _is_current) FROM silver.t_lines"),
            equals: ["10000 | 5000"])
        #expect(try await rowsRead(of: "t_lines__bronze", in: warehouse) < Self.mostReadings * Self.keys)
        #expect(try await rowsRead(of: "t_lines__scopes", in: warehouse) < Self.mostReadings * Self.keys)
    }

    @Test(
        "deletes that a full snapshot shows at an older time than what is known, beside absent keys",
        arguments: [(Shortcuts.never, "t_things__bronze"), (.always, "t_things__last")])
    func olderDeletes(_ shortcuts: Shortcuts, table: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, at timestamptz stored=false, gone boolean stored=false",
                """
                {"effective_time_column": "at", "delete_marker": {"column": "gone", "equals": true},
                "max_delete_fraction": 1}
                """))
        warehouse.use(shortcuts)
        func rows(gone isGone: (Int) -> Bool, absent isAbsent: (Int) -> Bool) -> [String] {
            (1...Self.keys).filter { !isAbsent($0) }.map { id in
                #"{"id":\#(id),"at":"2026-01-01T0\#(isGone(id) ? 1 : 2):00:00Z","gone":\#(isGone(id))}"#
            }
        }
        try await warehouse.load(rows(gone: { _ in false }, absent: { _ in false }))
        try await warehouse.connection.execute(
            "VACUUM ANALYZE bronze.t_things, bronze.t_things__last, stage.t_things__bronze")
        try await warehouse.load(rows(gone: { $0 % 5 == 0 }, absent: { $0 % 4 == 1 }))
        expect(
            try await warehouse.rows(
                "SELECT count(*), count(*) FILTER (WHERE _is_current), max(_valid_to) FROM silver.t_things"),
            equals: ["5000 | 3000 | 2026-01-02T00:00:00+00:00"])
        #expect(try await rowsRead(of: table, in: warehouse) < Self.mostReadings * Self.keys)
    }

    @Test("many changes of a few keys, brought again, and between them", arguments: [Shortcuts.never, .always])
    func fewKeys(_ shortcuts: Shortcuts) async throws {
        let (keys, changes) = (5, 1_000)
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, n int, at timestamptz stored=false, gone boolean stored=false",
                """
                {"effective_time_column": "at", "delta": {"mode": "all"},
                "delete_marker": {"column": "gone", "equals": true}}
                """))
        warehouse.use(shortcuts)
        func rows(_ changes: Int, minute: Int64 = 0, deletes: Bool = false) -> [String] {
            (0..<changes).flatMap { change in
                (1...keys).flatMap { id in
                    let at = Instant(microseconds: Int64(change) * 3_600_000_000 + minute * 60_000_000)
                    return [false, true].prefix(deletes ? 2 : 1).map { isGone in
                        #"{"id":\#(id),"n":\#(change),"at":"\#(at)","gone":\#(isGone)}"#
                    }
                }
            }
        }
        try await warehouse.load(rows(changes))
        try await warehouse.load(rows(changes + 1))
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things"), equals: ["5005"])
        // No value of theirs is another one.
        try await warehouse.load(rows(changes) + rows(changes + 1, minute: 1))
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things"), equals: ["5005"])
        // Each is deleted at its own time.
        try await warehouse.load(rows(changes, minute: 2, deletes: true), type: .delta)
        _ = try await rowsRead(of: "t_things__bronze", in: warehouse)
        let read: Int = try await warehouse.connection.query(
            """
            SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
            WHERE schemaname = 'bronze' AND relname = 't_things'
            """)[0].get(0)
        #expect(read < Self.mostReadings * keys * changes, "\(read)")
    }

    @Test("versions of a few keys that are derived again, beside many that go on")
    func fewLate() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, n int, at timestamptz stored=false",
                #"{"effective_time_column": "at", "delta": {"mode": "all"}}"#))
        func rows(_ hour: (Int) -> Int) -> [String] {
            (1...2 * Self.keys).map { id in
                #"{"id":\#(id),"n":\#(hour(id)),"at":"2026-01-01T0\#(hour(id)):00:00Z"}"#
            }
        }
        try await warehouse.load(rows { _ in 2 }, type: .delta)
        try await warehouse.load(rows { $0 % 5 == 0 ? 1 : 3 }, type: .delta)
        expect(
            try await warehouse.rows(
                "SELECT count(*), count(*) FILTER (WHERE _is_current AND n = 3) FROM silver.t_things"),
            equals: ["20000 | 8000"])
        #expect(try await rowsRead(of: "t_things__silver", in: warehouse) < Self.mostReadings * Self.keys)
    }

    @Test("whether other scopes hold anything, behind other metadata")
    func otherScopes() async throws {
        let scoped = #"{"full_scope": "region"}"#
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, region text", scoped))
        let name: String = try await warehouse.connection.query("SELECT current_database()")[0].get(0)
        try await warehouse.connection.execute("ALTER DATABASE \(identifier: name) SET statement_timeout = '8s'")
        // For each key of the region that is staged last, what keeps the other one's rows in memory would be read as a whole.
        let keys = 60_000
        let records = (1...keys).map { #"{"id":\#($0),"region":"\#($0 > keys / 2 ? "b" : "a")"}"# }
        try warehouse.put(records)
        try await warehouse.run()
        try warehouse.change(TestEntity(columns: "id int key, region text, more text", scoped))
        try warehouse.put(records + [#"{"id":0,"region":"b"}"#])
        warehouse.clock.advance(seconds: 60)
        #expect(try await warehouse.run().status == .succeeded)
        expect(
            try await warehouse.rows("SELECT accepted_by IS NOT NULL FROM metadata.entity_shape"), equals: ["true"])
    }

    @Test(
        "the server is told what is open before many changes are merged, right behind the first load, deletes or not",
        arguments: [0, 20])
    func statistics(deletes: Int) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, n int"))
        func rows(_ n: Int) -> [String] { (1...1_000).map { #"{"id":\#($0),"n":\#(n)}"# } }
        try await warehouse.load(rows(1))
        try await warehouse.load(Array(rows(2)[deletes...]))
        expect(
            try await warehouse.rows(
                """
                SELECT attname, null_frac > 0.9 AS is_null FROM pg_stats WHERE schemaname = 'silver' AND tablename = 't_things'
                    AND attname IN ('_key_hash', '_valid_to') ORDER BY 1
                """), equals: ["_key_hash | false", "_valid_to | true"])
    }
}
