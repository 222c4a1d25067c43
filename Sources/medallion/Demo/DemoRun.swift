import Metadata
import Pipeline
import Postgres
import Primitives

/// Loads the shop's three days and shows what history they left.
struct DemoRun {
    let shop: ShopServer
    let workspace: Workspace

    func show() async throws -> ExitStatus {
        print("A web shop answers on http://127.0.0.1:\(shop.port)/api; its data go to \(workspace.projectFolder)/raw")
        var reports: [RunReport] = []
        for day in 1...3 {
            shop.day = day
            var request = RunRequest()
            // 20:00 of the shop's day, so that the history shows its dates.
            request.runTimestamp = Instant(iso8601: "2025-03-0\(day + 2)T20:00:00Z")
            request.trigger = .backfill
            let ended = try await Invocation(workspace: workspace, request: request).run()
            reports += ended
            print("\nDay \(day), \(request.runTimestamp?.description.prefix(10) ?? "")")
            for step in ended.flatMap(\.steps) where step.status != .skipped { print("  \(RunSummary.line(step))") }
        }
        guard ExitStatus(of: reports) == .done else { return ExitStatus(of: reports) }
        try await workspace.pool.withConnection { connection in
            for chapter in DemoRun.chapters {
                print("\n\(chapter.title)\n  \(chapter.sql)\n")
                print(TextTable(try await connection.query(SQLText(verbatim: chapter.sql))).text.indented)
            }
        }
        return .done
    }

    private static let chapters: [(title: String, sql: String)] = [
        (
            "A changed address is a new version; the old one keeps the time in which it was true:",
            """
            SELECT id, name, street, city, _valid_from, _valid_to FROM silver.shop_customers
              WHERE id IN (5, 23) ORDER BY id, _valid_from
            """
        ),
        (
            "A deleted product is closed as deleted; when it returns, a new version opens and the gap stays:",
            """
            SELECT id, name, price, _valid_from, _valid_to, _is_deleted FROM silver.shop_products
              WHERE id = 12 ORDER BY _valid_from
            """
        ),
        (
            "A customer who was missing from one day's list and came back:",
            """
            SELECT id, name, _valid_from, _valid_to, _is_deleted FROM silver.shop_customers
              WHERE id = 17 ORDER BY _valid_from
            """
        ),
        (
            "What was true on the evening of day 2, in one call:",
            "SELECT count(*) AS customers FROM silver.shop_customers_asof('2025-03-04 21:00+00')"
        ),
        (
            "Gold: every move, from a view over the history:",
            "SELECT * FROM gold.customer_moves ORDER BY moved_at, id"
        ),
        (
            "A list within records is a table of its own; what sells best, by the lines of the orders:",
            """
            SELECT p.name, count(*) AS orders, sum(l.quantity) AS pieces FROM silver.shop_order_lines_current l
              JOIN silver.shop_products_current p ON p.id = l.product_id
              GROUP BY p.name ORDER BY pieces DESC, p.name LIMIT 3
            """
        ),
        (
            "The audit knows every step:",
            """
            SELECT entity_name, layer, load_type, nr_records_in AS "in", nr_records_inserted AS ins,
                nr_records_updated AS upd, nr_records_deleted AS del, nr_records_unchanged AS same, cursor_to
              FROM audit.v_run_detail WHERE system_id = 'shop' AND status = 'succeeded'
              ORDER BY run_timestamp, entity_name, started_at
            """
        ),
    ]
}

extension TextTable {
    /// A query's result.
    init(_ result: PostgresResult) {
        self.init(header: result.columnNames)
        rows = result.map { row in
            // Every type has a text; what is NULL stays empty.
            result.columnNames.indices.map { ((try? row.get($0, as: String?.self)) ?? nil) ?? "" }
        }
    }
}

extension String {
    fileprivate var indented: String { split(separator: "\n").map { "  \($0)" }.joined(separator: "\n") }
}
