import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// Orders with their lines, as an entity of its own.
struct ExplodedOrders {
    let warehouse: TestWarehouse

    /// - Parameters:
    ///   - lines: The columns of the lines.
    ///   - orders: Further attributes of the orders, as members of a JSON object.
    init(
        _ lines: String = "order_id int key, sku text key, n int", orders: String = "", pattern: String = "explode",
        loadType: String = "full", more: String = ""
    ) async throws {
        warehouse = try await TestWarehouse(
            ExplodedOrders.orders(orders, loadType),
            ExplodedOrders.lines(lines, pattern: pattern, loadType, more: more))
    }

    static func lines(
        _ columns: String, pattern: String = "explode", _ loadType: String = "full", more: String = ""
    ) throws -> TestEntity {
        try TestEntity(
            "lines", columns: columns,
            #"{"load_type": "\#(loadType)", "bronze": {"pattern": "\#(pattern)", "from": "orders", "#
                + #""path": "/lines", "parent_columns": ["order_id"]}\#(more)}"#)
    }

    static func orders(_ more: String = "", _ loadType: String = "full") throws -> TestEntity {
        try TestEntity(
            "orders", columns: "order_id int key, total int", #"{"load_type": "\#(loadType)"\#(more)}"#)
    }

    /// Loads the records, and once more in other files and in another order: the second load changes nothing.
    @discardableResult
    func load(_ records: String..., type: LoadType? = nil) async throws -> String {
        try await warehouse.load(records, type: type)
        let table = try await warehouse.table("lines")
        let log = try await changes()
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(records.reversed(), files: 2)
        try await warehouse.run { $0.loadType = type }
        expect(try await warehouse.table("lines"), equals: table, "the second load changed something")
        expect(try await changes(), equals: log, "the second load was logged")
        expect(try await warehouse.rebuildDifferences("lines", from: .raw), equals: [])
        return table
    }

    private func changes() async throws -> [String] { try await warehouse.rows("SELECT count(*) FROM bronze.t_lines") }

    /// Rejected records of the lines.
    func rejects() async throws -> [String] {
        try await warehouse.rows(
            """
            SELECT raw_file, record_no, column_name, reason FROM audit.rejected_record WHERE entity_name = 'lines'
            ORDER BY run_timestamp, raw_file, record_no
            """)
    }
}

@Suite("Lists as entities of their own", .fewAtOnce)
struct ExplodeStoriesTests {
    @Test("items come, change, move, go with their parent and come back with it")
    func byKey() async throws {
        // What the items lie in is a field that is known.
        let orders = try await ExplodedOrders(orders: #", "schema_mode": "freeze""#)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":[{"sku":"a","n":1},{"sku":"b","n":2}]}"#,
                #"{"order_id":2,"lines":[{"sku":"a","n":5}]}"#),
            equals: """
                1 | a | 1 | d1..
                1 | b | 2 | d1..
                2 | a | 5 | d1..
                """)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":[ {"sku":"c", "n":9 } , {"sku":"a","n":3}]}"#,
                #"{"order_id":2,"lines":[{"sku":"a","n":5}]}"#),
            equals: """
                1 | a | 1 | d1..d3
                1 | a | 3 | d3..
                1 | b | 2 | d1..d3 deleted
                1 | c | 9 | d3..
                2 | a | 5 | d1..
                """)
        // They change places only, and the second order is gone.
        expect(
            try await orders.load(#"{"order_id":1,"lines":[{"sku":"a","n":3},{"sku":"c","n":9}]}"#),
            equals: """
                1 | a | 1 | d1..d3
                1 | a | 3 | d3..
                1 | b | 2 | d1..d3 deleted
                1 | c | 9 | d3..
                2 | a | 5 | d1..d5 deleted
                """)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":[{"sku":"a","n":3},{"sku":"c","n":9},{"sku":"b","n":2}]}"#,
                #"{"order_id":2,"lines":[{"sku":"a","n":5}]}"#),
            equals: """
                1 | a | 1 | d1..d3
                1 | a | 3 | d3..
                1 | b | 2 | d1..d3 deleted
                1 | b | 2 | d7..
                1 | c | 9 | d3..
                2 | a | 5 | d1..d5 deleted
                2 | a | 5 | d7..
                """)
        expect(
            try await orders.warehouse.rows(
                """
                SELECT state, load_type, bool_and(same_as IS NULL), count(*), count(DISTINCT run_id) FROM audit.raw_batch
                WHERE entity_name = 'lines' GROUP BY 1, 2
                """), equals: ["merged | full | true | 8 | 8"])
    }

    @Test("items without a key of their own are known by their place")
    func byPosition() async throws {
        let orders = try await ExplodedOrders("order_id int key, line int key path=/_position, sku text path=value")
        try await orders.load(#"{"order_id":1,"lines":["x","y","z"]}"#)
        expect(
            try await orders.load(#"{"order_id":1,"lines":["y", "z"]}"#),
            equals: """
                1 | 1 | x | d1..d3
                1 | 1 | y | d3..
                1 | 2 | y | d1..d3
                1 | 2 | z | d3..
                1 | 3 | z | d1..d3 deleted
                """)
    }

    @Test("an empty list, null and no list delete all items; a rejected parent none")
    func empty() async throws {
        let orders = try await ExplodedOrders()
        let line = #"[{"sku":"a","n":1}]"#
        let all = (1...5).map { #"{"order_id":\#($0),"total":1,"lines":\#(line)}"# }
        try await orders.load(all[0], all[1], all[2], all[3], all[4])
        expect(
            try await orders.load(
                #"{"order_id":1,"total":1,"lines":[]}"#, #"{"order_id":2,"total":1,"lines":null}"#,
                #"{"order_id":3,"total":1}"#, #"{"order_id":4,"total":"x","lines":[{"sku":"b"}]}"#, all[4]),
            equals: """
                1 | a | 1 | d1..d3 deleted
                2 | a | 1 | d1..d3 deleted
                3 | a | 1 | d1..d3 deleted
                4 | a | 1 | d1..
                5 | a | 1 | d1..
                """)
        expect(try await orders.rejects(), equals: [])
    }

    @Test("a delta of one parent leaves the items of all others alone, and tells its own in full")
    func delta() async throws {
        let orders = try await ExplodedOrders(
            orders: #", "delta": {"mode": "all"}, "delete_marker": {"column": "total", "equals": 0}"#,
            loadType: "delta")
        try await orders.load(
            #"{"order_id":1,"lines":[{"sku":"a","n":1},{"sku":"b","n":1}]}"#, #"{"order_id":2,"lines":[{"sku":"a"}]}"#,
            #"{"order_id":3,"lines":[{"sku":"a"}]}"#)
        expect(
            try await orders.load(#"{"order_id":1,"lines":[{"sku":"b","n":2}]}"#, #"{"order_id":3,"total":0}"#),
            equals: """
                1 | a | 1 | d1..d3 deleted
                1 | b | 1 | d1..d3
                1 | b | 2 | d3..
                2 | a | NULL | d1..
                3 | a | NULL | d1..d3 deleted
                """)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":[{"sku":"a","n":1}]}"#, #"{"order_id":3,"lines":[{"sku":"a"}]}"#),
            equals: """
                1 | a | 1 | d1..d3 deleted
                1 | a | 1 | d5..
                1 | b | 1 | d1..d3
                1 | b | 2 | d3..d5 deleted
                2 | a | NULL | d1..
                3 | a | NULL | d1..d3 deleted
                3 | a | NULL | d5..
                """)
    }

    @Test("what is no list, or an item without its key, leaves the other items of its parent alone")
    func noList() async throws {
        let orders = try await ExplodedOrders()
        try await orders.load(
            #"{"order_id":1,"lines":[{"sku":"a","n":1},{"sku":"b","n":1}]}"#, #"{"order_id":2,"lines":[{"sku":"a"}]}"#)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":[{"sku":"b","n":2},{"n":7},{"sku":"c","n":"?"}]}"#,
                #"{"order_id":2,"lines":{"sku":"a"}}"#, #"{"order_id":3,"lines":["x"]}"#),
            equals: """
                1 | a | 1 | d1..
                1 | b | 1 | d1..d3
                1 | b | 2 | d3..
                2 | a | NULL | d1..
                """)
        expect(
            try await orders.rejects().prefix(4),
            equals: [
                "1 | 2 | sku | key column is NULL or missing, but must have a value",
                "1 | 3 | n | is not a whole number", "1 | 4 | /lines | an object, expected a list",
                "1 | 5 | sku | key column is NULL or missing, but must have a value",
            ])
        expect(
            try await orders.warehouse.rows(
                """
                SELECT state_reason FROM audit.raw_batch WHERE entity_name = 'lines' AND state_reason IS NOT NULL LIMIT 1
                """), equals: ["deletion suspended below the parents of 3 items that could not be read"])
    }

    @Test("the entries of a map are items")
    func map() async throws {
        let orders = try await ExplodedOrders(
            "order_id int key, name text key path=/key, rate numeric path=/value/rate, raw json path=value",
            pattern: "map_entries")
        try await orders.load(
            #"{"order_id":1,"lines":{"vat":{"rate":0.2},"d\"uty":{"rate":1},"":{}}}"#, #"{"order_id":2,"lines":[]}"#)
        expect(
            try await orders.load(
                #"{"order_id":1,"lines":{"vat":{"rate":0.21},"fee":7}}"#, #"{"order_id":2,"lines":{}}"#),
            equals: """
                1 |  | NULL | {} | d1..d3 deleted
                1 | d"uty | 1 | {"rate": 1} | d1..d3 deleted
                1 | fee | NULL | 7 | d3..
                1 | vat | 0.2 | {"rate": 0.2} | d1..d3
                1 | vat | 0.21 | {"rate": 0.21} | d3..
                """)
        expect(try await orders.rejects().first, equals: "1 | 4 | /lines | a list, expected an object")
    }

    @Test("of a parent that occurs twice, the record that counts has the items")
    func twice() async throws {
        let orders = try await ExplodedOrders(orders: #", "order_by": ["total"]"#)
        try await orders.load(#"{"order_id":1,"total":1,"lines":[{"sku":"a"},{"sku":"b"}]}"#)
        expect(
            try await orders.load(
                #"{"order_id":1,"total":3,"lines":[{"sku":"b"}]}"#,
                #"{"order_id":1,"total":2,"lines":[{"sku":"a"},{"sku":"c"},{},{"sku":"b","n":"?"}]}"#),
            equals: """
                1 | a | NULL | d1..d3 deleted
                1 | b | NULL | d1..
                """)
        expect(try await orders.rejects(), equals: [])
        expect(
            try await orders.warehouse.rows(
                """
                SELECT nr_records_in, nr_records_unchanged, nr_records_duplicate, nr_records_deleted
                FROM audit.entity_layer_run JOIN audit.system_run r USING (run_id)
                WHERE entity_name = 'lines' AND layer = 'bronze' AND r.trigger_type = 'manual'
                ORDER BY r.run_timestamp OFFSET 2
                """), equals: ["5 | 0 | 4 | 1", "5 | 1 | 4 | 0"])
    }

    @Test("composite keys, other names, nested places, and fields with the names of ours")
    func names() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                "orders", columns: "region text key path=/at/region trim=true, id text key, total int"),
            TestEntity(
                "tags",
                columns: """
                    order_id text key path=/_parent/id, region text key, id text key, place int path=/_position, \
                    parent text path=/_parents, deep text path=/a/b
                    """,
                #"{"bronze": {"pattern": "explode", "from": "orders", "path": "body.tags", "parent_columns": ["region", "id"]}}"#
            ))
        func load(_ records: String...) async throws -> String {
            try await warehouse.load(records)
            expect(try await warehouse.rebuildDifferences("tags", from: .raw), equals: [])
            return try await warehouse.table("tags")
        }
        expect(
            try await load(
                #"{"at":{"region":" eu "},"id":"1\"\n","body":{"tags":[{"id":"x","_position":"?","_parent":7,"_parents":"p"}]}}"#,
                #"{"at":{"region":"us"},"id":"1\"\n","body":{"tags":[{"id":"x","\u005fparent":[1,{"b":"]"}],"a":{"b":"}\\"}},{"id":"y"}]}}"#
            ),
            equals: """
                1"\n | eu | x | 1 | p | NULL | d1..
                1"\n | us | x | 1 | NULL | }\\ | d1..
                1"\n | us | y | 2 | NULL | NULL | d1..
                """)
        expect(
            try await load(#"{"at":{"region":"us"},"id":"1\"\n","body":{"tags":[{"id":"y"}]}}"#),
            equals: """
                1"\n | eu | x | 1 | p | NULL | d1..d2 deleted
                1"\n | us | x | 1 | NULL | }\\ | d1..d2 deleted
                1"\n | us | y | 2 | NULL | NULL | d1..d2
                1"\n | us | y | 1 | NULL | NULL | d2..
                """)
    }
}
