import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("A temporal join", .fewAtOnce)
struct TemporalJoinTests {
    /// One row of a history: true on the days [from, to), to nil for ever.
    private struct Row {
        var id: Int
        /// What the other side is found by; nil is NULL.
        var link: Int?
        var from: Int
        var to: Int?
        var isDeleted: Bool

        func holds(on day: Int) -> Bool { from <= day && day < to ?? .max }
    }

    /// Days of the model; rows without end hold on the last one.
    private static let days = 12

    private static func history(keys: Int, links: Int, _ random: inout SeededGenerator) -> [Row] {
        var rows: [Row] = []
        for key in 0..<keys {
            var day = Int.random(in: 0..<4, using: &random)
            while day < days - 1 {
                let isOpen = Bool.random(using: &random) && Bool.random(using: &random)
                let end = isOpen ? nil : Int.random(in: day + 1..<days, using: &random)
                let link = Int.random(in: 0...links, using: &random)
                rows.append(
                    Row(
                        id: rows.count + key * 1000, link: link == links ? nil : link, from: day, to: end,
                        isDeleted: end != nil && Bool.random(using: &random)))
                guard let end else { break }
                // The next version follows at once, or after a gap.
                day = end + Int.random(in: 0...2, using: &random)
            }
        }
        return rows
    }

    /// The join day by day: for each pair (and each left row alone) the longest stretches of days.
    private static func model(_ left: [Row], _ right: [Row], isOuter: Bool) -> Set<String> {
        var stretches: Set<String> = []
        func add(_ name: String, _ holds: (Int) -> Bool) {
            var start: Int?
            for day in 0..<days {
                if holds(day) {
                    start = start ?? day
                } else if let first = start {
                    stretches.insert("\(name) \(first)..\(day)")
                    start = nil
                }
            }
            if let start { stretches.insert("\(name) \(start)..") }
        }
        for one in left {
            let partners = right.filter { $0.link != nil && $0.link == one.link }
            for other in partners {
                add("\(one.id) \(other.id)") { one.holds(on: $0) && other.holds(on: $0) }
            }
            guard isOuter else { continue }
            add("\(one.id) NULL") { day in one.holds(on: day) && !partners.contains { $0.holds(on: day) } }
        }
        return stretches
    }

    private func fill(_ table: String, _ rows: [Row], keysOf: (Row) -> Int, _ warehouse: TestWarehouse) async throws {
        let start = Instant(microseconds: 0)
        func instant(_ day: Int) -> Instant { start.advanced(byMicroseconds: Int64(day) * 86_400_000_000) }
        try await warehouse.connection.execute("TRUNCATE \(table: "silver", table)")
        for row in rows {
            let zero = UUIDValue.zero
            let link: Int? = row.link
            try await warehouse.connection.execute(
                """
                INSERT INTO \(table: "silver", table) (id, link, _key_hash, _scd1_hash, _scd2_hash, _valid_from, _valid_to,
                    _is_deleted, _run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at)
                VALUES (\(row.id), \(link), \(UUIDValue(high: 1, low: UInt64(keysOf(row)))), \(zero), \(zero),
                    \(instant(row.from)), \(row.to.map(instant)), \(row.isDeleted), \(zero), \(start), \(zero), \(start),
                    \(start))
                """)
        }
    }

    @Test("agrees with a model that looks at every single day, gaps and many partners included")
    func model() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity("left", columns: "id int key, link int references=right.link"),
            TestEntity("right", columns: "id int key, link int"))
        _ = try await Deployment(workspace: warehouse.workspace).deploy()
        let catalog = warehouse.workspace.catalog
        let one = try NamedTable("t.left", in: catalog, gold: warehouse.workspace.gold)
        let other = try NamedTable("t.right", in: catalog, gold: warehouse.workspace.gold)
        var gaps = 0
        var random = SeededGenerator(seed: 20)
        for round in 0..<60 {
            let left = Self.history(keys: Int.random(in: 0...6, using: &random), links: 4, &random)
            let right = Self.history(keys: Int.random(in: 0...6, using: &random), links: 4, &random)
            try await fill("t_left", left, keysOf: { $0.id / 1000 }, warehouse)
            try await fill("t_right", right, keysOf: { $0.id / 1000 }, warehouse)
            for isOuter in [false, true] {
                let join = try TemporalJoin(one, other, on: [], isOuter: isOuter)
                let found = try await warehouse.rows(
                    """
                    SELECT concat_ws(' ', id, coalesce(right_id::text, 'NULL'), concat(valid_from::date - DATE '1970-01-01',
                        '..', valid_to::date - DATE '1970-01-01'))
                    FROM (\(verbatim: String(join.text.dropLast(2)))) AS j
                    """)
                let expected = Self.model(left, right, isOuter: isOuter)
                #expect(found.count == Set(found).count, "round \(round): a stretch comes twice")
                expect(Set(found), equals: expected, "round \(round), outer \(isOuter): \(left) with \(right)")
                gaps += expected.count { $0.contains("NULL") }
            }
        }
        #expect(gaps > 100)
    }

    @Test("links by references in either direction, and asks where there is none or more than one")
    func references() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity("a", columns: "id int key, code text key"),
            TestEntity("b", columns: "id int key, a_id int references=a.id, a_code text references=t.a.code"),
            TestEntity("c", columns: "id int key, first int references=a.id, second int references=a.id, order date"))
        let workspace = warehouse.workspace
        func join(_ left: String, _ right: String, _ on: String..., isOuter: Bool = false) -> String {
            do {
                let left = try NamedTable(left, in: workspace.catalog, gold: workspace.gold)
                let right = try NamedTable(right, in: workspace.catalog, gold: workspace.gold)
                return try TemporalJoin(left, right, on: on, isOuter: isOuter).text
            } catch { return "\(error)" }
        }
        #expect(join("t.b", "t.a").contains("ON l.a_id = r.id AND l.a_code = r.code\n"))
        #expect(join("t.a", "t.b").contains("ON l.id = r.a_id AND l.code = r.a_code\n"))
        #expect(join("t.a", "t.c") == "t.a and t.c are related more than once; choose --on id=first or --on id=second")
        #expect(join("t.b", "t.c").hasPrefix("no column of t.b references t.c, nor the other way round; say which"))
        #expect(join("t.b", "t.c", "idd=id") == "t.b has no column 'idd'; did you mean 'id'?")
        #expect(join("t.b", "t.c", "id") == "--on is written LEFT_COLUMN=RIGHT_COLUMN, got 'id'")
        #expect(join("t.b", "t.a", "id=code").hasPrefix("t.b.id is int and t.a.code is text: they cannot be compared"))
        expect(
            join("t.c", "t.c", "id=first"),
            equals: """
                -- description: t.c with t.c as they were at the same time
                -- materialize: view

                -- A row is true from valid_from until just before valid_to; NULL: until today. A deleted version is one that
                -- ended, so it takes part with the time in which it was true.
                SELECT
                    l.id,
                    l.first,
                    l.second,
                    l.order,
                    r.id AS other_id,
                    r.first AS other_first,
                    r.second AS other_second,
                    r.order AS other_order,
                    -- the later start, and the earlier end: least() passes over NULL, which is an open end
                    greatest(l._valid_from, r._valid_from) AS valid_from,
                    least(l._valid_to, r._valid_to) AS valid_to
                FROM silver.t_c AS l
                JOIN silver.t_c AS r
                    ON l.id = r.first
                    AND l._valid_from < coalesce(r._valid_to, 'infinity')
                    AND r._valid_from < coalesce(l._valid_to, 'infinity');

                """)
    }

    @Test("is a gold script as it is printed, whatever columns and schema are called")
    func gold() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity("left", columns: "id int key, valid_from date, gap int, other int references=right.id"),
            TestEntity("right", columns: "id int key, name text"), system: #"{"schemas": {"silver": "current_user"}}"#)
        let workspace = warehouse.workspace
        let one = try NamedTable("t.left", in: workspace.catalog, gold: workspace.gold)
        let other = try NamedTable("t.right", in: workspace.catalog, gold: workspace.gold)
        for isOuter in [false, true] {
            let text = try TemporalJoin(one, other, on: [], isOuter: isOuter).text
            try warehouse.folder.write(text, to: "sql/gold/joined_\(isOuter).sql")
        }
        let graph = try GoldGraph.load(project: warehouse.folder.path, catalog: workspace.catalog)
        #expect(
            graph.order.map { $0.inputs.sorted() }
                == Array(repeating: [.silver("t_left"), .silver("t_right")], count: 2))
        #expect(graph["joined_true"]?.description.hasSuffix("and what the first had alone") == true)
        _ = try await Deployment(workspace: workspace).deploy()
        _ = try await warehouse.connection.query(SQLText(verbatim: HistorySQL(one).current))
        for script in graph.order {
            try await warehouse.connection.execute(
                "CREATE VIEW \(table: "gold", script.name) AS \(verbatim: script.statement)")
        }
        let columns = try await warehouse.connection.query("SELECT * FROM gold.joined_true").columnNames
        #expect(
            columns == ["id", "left_valid_from", "gap", "other", "right_id", "right_name", "valid_from", "valid_to"])
    }
}
