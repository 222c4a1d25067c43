import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

/// What was noted of batches, and what their records are taken for, once the metadata say something else.
@Suite("Metadata that change between loads", .fewAtOnce)
struct ChangesBetweenLoadsTests {
    /// So many that a column which none of them has is missed.
    private static let count = 100

    private func records(_ fields: (Int) -> String) -> [String] {
        (1...Self.count).map { #"{"id":\#($0),\#(fields($0))}"# }
    }

    /// How many rows, open rows, and open rows whose column is as the source said last.
    private func kept(_ column: String, _ warehouse: TestWarehouse) async throws -> String {
        try await warehouse.rows(
            """
            SELECT count(*), count(*) FILTER (WHERE _is_current), count(*) FILTER (WHERE _is_current AND \(identifier: column) = 'b' || id)
            FROM silver.t_things
            """)[0]
    }

    // MARK: A column that a batch lacked

    @Test(
        "a column that the last batch lacked is read again from the documents that had it",
        arguments: ["", ", at timestamptz"])
    func readAgain(more: String) async throws {
        let attributes = more.isEmpty ? "{}" : #"{"effective_time_column": "at"}"#
        func time(_ day: Int) -> String { #""at":"2026-01-0\#(day)T00:00:00Z""# }
        func entity(_ b: String) throws -> TestEntity {
            try TestEntity(columns: "id int key, b text\(b), c text\(more)", attributes)
        }
        let warehouse = try await TestWarehouse(entity(""))
        try await warehouse.load(records { #""b":"b\#($0)","c":"c",\#(time(1))"# })
        try await warehouse.load(records { #""c":"\#($0 % 2 == 0 ? "c" : "d")",\#(time(2))"# })
        expect(try await kept("b", warehouse), equals: "150 | 100 | 100")
        try warehouse.change(entity(" trim=true"))
        try await warehouse.run { $0.layers = [.silver] }
        expect(try await kept("b", warehouse), equals: "150 | 100 | 100")
        expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
        // The column is back, as it was.
        try await warehouse.load(records { #""b":"b\#($0)","c":"\#($0 % 2 == 0 ? "c" : "d")",\#(time(3))"# })
        expect(try await kept("b", warehouse), equals: "150 | 100 | 100")
    }

    @Test("of a life that began without the column, nothing is read from the life before")
    func otherLife() async throws {
        func entity(_ b: String) throws -> TestEntity {
            try TestEntity(columns: "id int key, b text\(b), c text", #"{"max_delete_fraction": 1}"#)
        }
        let warehouse = try await TestWarehouse(entity(""))
        try await warehouse.load(records { #""b":"b\#($0)","c":"c""# })
        try await warehouse.load(Array(records { #""b":"b\#($0)","c":"c""# }.dropFirst()))
        try await warehouse.load(records { _ in #""c":"c""# })
        expect(try await kept("b", warehouse), equals: "101 | 100 | 99")
        try warehouse.change(entity(" trim=true"))
        try await warehouse.run { $0.layers = [.silver] }
        expect(try await kept("b", warehouse), equals: "101 | 100 | 99")
        expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
    }

    @Test(
        "a key that comes back without the column has none, whether its effective time or the load tells when",
        arguments: ["", ", at timestamptz"])
    func comesBack(more: String) async throws {
        let attributes =
            more.isEmpty
            ? #"{"max_delete_fraction": 1}"# : #"{"max_delete_fraction": 1, "effective_time_column": "at"}"#
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, b text, c text\(more)", attributes))
        func load(_ day: Int, without id: Int? = nil, b: Bool = true) async throws {
            let all = records { (b ? #""b":"b\#($0)","# : "") + #""c":"c\#(day)","at":"2026-01-0\#(day)T00:00:00Z""# }
            try await warehouse.load(all.enumerated().filter { $0.offset + 1 != id }.map(\.element))
        }
        try await load(1)
        try await load(2, without: 7)
        try await load(3, b: false)
        expect(
            try await warehouse.rows("SELECT b FROM silver.t_things WHERE _is_current AND id IN (7, 8) ORDER BY id"),
            equals: ["NULL", "b8"])
        expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
    }

    @Test("a column that was lacking is so by its new name, too", arguments: [false, true])
    func renamed(isPending: Bool) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, b text, c text"))
        try await warehouse.load(records { #""b":"b\#($0)","c":"c""# })
        try warehouse.put(records { _ in #""c":"d""# })
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run { $0.layers = isPending ? [.raw, .bronze] : [.raw, .bronze, .silver] }
        try warehouse.change(
            TestEntity(columns: "id int key, name text path=b renamed_from=b, c text"), rereads: true)
        try await warehouse.run { $0.layers = [.bronze, .silver] }
        expect(try await kept("name", warehouse), equals: "200 | 100 | 100")
        expect(try await warehouse.rebuild(from: .bronze).run.status, equals: .succeeded)
        expect(try await kept("name", warehouse), equals: "200 | 100 | 100")
    }

    @Test("a column that was dropped by hand and is named again is filled again")
    func dropped() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, b text, c text"))
        try await warehouse.load(#"{"id":1,"b":"b","c":"c"}"#)
        try await warehouse.connection.execute("DROP VIEW silver.t_things_current")
        try await warehouse.connection.execute("DROP FUNCTION silver.t_things_asof")
        try await warehouse.connection.execute("ALTER TABLE silver.t_things DROP COLUMN b")
        try await warehouse.load(#"{"id":1,"b":"b","c":"c"}"#)
        expect(try await warehouse.rows("SELECT id, b, c FROM silver.t_things"), equals: ["1 | b | c"])
    }

    @Test("a column that the source has moved is read where it stands now, also by a rebuild")
    func moved() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, b text, c text"))
        try await warehouse.load(records { #""b":"old","c":"c\#($0)""# })
        try await warehouse.load(records { #""B":"b\#($0)","c":"c\#($0)""# })
        try warehouse.change(TestEntity(columns: "id int key, b text path=B, c text"))
        try await warehouse.run { $0.layers = [.silver] }
        expect(try await kept("b", warehouse), equals: "100 | 100 | 100")
        expect(try await warehouse.rebuild(from: .bronze).run.status, equals: .succeeded)
        expect(
            try await warehouse.rows("SELECT count(*) FROM silver.t_things WHERE _is_current AND b = 'b' || id"),
            equals: ["100"])
    }

    // MARK: What a record is taken for

    @Test("what silver rejected is not what its open row is read again from")
    func rejectedBySilver() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, born text scd=fixed, c text"))
        try await warehouse.load(#"{"id":1,"born":"x","c":"c","d":"1"}"#)
        try await warehouse.load(#"{"id":1,"born":"y","c":"e","d":"2"}"#)
        try warehouse.change(TestEntity(columns: "id int key, born text, c text, d text"))
        try await warehouse.run { $0.layers = [.silver] }
        expect(try await warehouse.table(), equals: "1 | x | c | 1 | d1..")
    }

    @Test("what bronze has as an upsert stays one, whatever a new delete_marker would say of it")
    func newMarker() async throws {
        let columns = "id int key, name text, gone boolean stored=false"
        let warehouse = try await TestWarehouse(TestEntity(columns: columns))
        try await warehouse.load(#"{"id":1,"name":"A"}"#)
        try warehouse.put([#"{"id":1,"name":"B","gone":true}"#])
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run { $0.layers = [.raw, .bronze] }
        try warehouse.change(
            TestEntity(
                columns: columns, #"{"delete_marker": {"column": "gone", "equals": true}, "max_delete_fraction": 1}"#))
        try await warehouse.run { $0.layers = [.bronze, .silver] }
        expect(
            try await warehouse.table(),
            equals: """
                1 | A | d1..d2
                1 | B | d2..
                """)
        expect(try await warehouse.rebuildDifferences(from: .bronze), equals: [])
    }

    @Test("what a rebuild rejects is in quarantine, and the same file is read again under the metadata of before")
    func rejectedByRebuild() async throws {
        func entity(_ day: String) throws -> TestEntity { try TestEntity(columns: "id int key, day date\(day)") }
        let records = [#"{"id":1,"day":"n/a"}"#, #"{"id":2,"day":"2026-01-01"}"#]
        let rejects: SQLText = "SELECT raw_file, record_no, column_name FROM audit.rejected_record"
        let warehouse = try await TestWarehouse(entity(#" null_values=["n/a"]"#))
        try await warehouse.load(records)
        try warehouse.change(entity(""))
        _ = try await warehouse.rebuildDifferences(from: .raw)
        expect(try await warehouse.rows(rejects), equals: [])
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
        expect(try await warehouse.rows(rejects), equals: ["1 | 1 | day"])
        expect(try await warehouse.table(), equals: "2 | 2026-01-01 | d1..")
        try warehouse.change(entity(#" null_values=["n/a"]"#))
        try await warehouse.load(records)
        expect(
            try await warehouse.table(),
            equals: """
                1 | NULL | d2..
                2 | 2026-01-01 | d1..
                """)
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
        expect(try await warehouse.rows(rejects), equals: [])
    }

    @Test("another order of changes of one time is refused until they are read again from raw; none may become one")
    func otherOrder() async throws {
        func entity(_ order: String) throws -> TestEntity {
            try TestEntity(
                columns: "id int key, v text, at timestamptz, n int, m int",
                #"{"effective_time_column": "at", "order_by": [\#(order)], "delta": {"mode": "all"}}"#)
        }
        func record(_ v: String, _ n: Int, _ m: Int) -> String {
            #"{"id":1,"v":"\#(v)","at":"2026-01-01T00:00:00Z","n":\#(n),"m":\#(m)}"#
        }
        let current: SQLText = "SELECT v FROM silver.t_things_current"
        let warehouse = try await TestWarehouse(entity(""))
        try await warehouse.load(record("a", 1, 1), type: .delta)
        try warehouse.change(entity(#""n""#))
        try await warehouse.load(record("b", 5, 1), type: .delta)
        expect(try await warehouse.rows(current), equals: ["b"])
        for order in ["", #""m""#] {
            try warehouse.change(entity(order))
            let report = try await warehouse.load(record("c", 5, 2), type: .delta)
            #expect(
                report.steps.contains { $0.error?.contains("are ordered by /n (integer), the metadata says") == true })
            #expect(report.steps.contains { $0.error?.contains("medallion rebuild t.things --from raw") == true })
        }
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
        try await warehouse.load(record("d", 0, 3), type: .delta)
        expect(try await warehouse.rows(current), equals: ["d"])
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test(
        "another effective time, or none, is refused until the changes are read again from raw, as long as there is one"
    )
    func otherTime() async throws {
        func entity(_ time: String?) throws -> TestEntity {
            try TestEntity(
                columns: "id int key, v text, at timestamptz, told timestamptz",
                time.map { #"{"effective_time_column": "\#($0)"}"# } ?? "{}")
        }
        func record(_ v: String, at month: Int, told: Int) -> String {
            #"{"id":1,"v":"\#(v)","at":"2025-0\#(month)-01T00:00:00Z","told":"2024-0\#(told)-01T00:00:00Z"}"#
        }
        func title(_ path: String) -> String { #"/\#(path) (timestamptz {"timezone":"UTC"})"# }
        let warehouse = try await TestWarehouse(entity("at"))
        try await warehouse.load([])
        for (before, now, known, today) in [
            ("told", "at", title("told"), title("at")), ("at", nil, title("at"), "their runs"),
        ] {
            try warehouse.change(entity(before))
            expect(try await warehouse.load([record("a", at: 5, told: 4)]).status, equals: .succeeded)
            try warehouse.change(entity(now))
            // Not checked against what holds for an entity of these metadata: its rows are still by the ones before.
            warehouse.clock.advance(seconds: 60)
            let refused = try await Invocation(workspace: warehouse.workspace, request: RunRequest()).run()
            expect(
                refused[0].steps.compactMap(\.error),
                equals: [
                    "tables differ from the metadata and are never repaired silently: changes of t.things have their "
                        + "effective time from \(known), the metadata says \(today): beside them, what comes would make a "
                        + "history that nobody told; set effective_time_column back, or build the tables again from raw: "
                        + "medallion rebuild t.things --from raw"
                ])
            try warehouse.change(entity(before))
            expect(try await warehouse.load([record("y", at: 8, told: 8)]).status, equals: .succeeded)
            try warehouse.change(entity(now))
            warehouse.clock.advance(seconds: 60)
            expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
            // The rebuild has changed closed rows, too.
            try warehouse.change(entity(now), rereads: true)
            expect(try await warehouse.load([record("z", at: 9, told: 9)]).status, equals: .succeeded)
            expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
        }
    }

    @Test("of a batch that was blocked nothing stays in quarantine that is none any more")
    func blockedBefore() async throws {
        func entity(_ length: Int) throws -> TestEntity { try TestEntity(columns: "id int key, c string(\(length))") }
        let warehouse = try await TestWarehouse(entity(3))
        try await warehouse.load((1...20).map { #"{"id":\#($0),"c":"abc"}"# })
        try warehouse.put((1...20).map { #"{"id":\#($0),"c":"abcd"}"# })
        warehouse.clock.advance(seconds: 86_400)
        expect(try await warehouse.run().status, equals: .failed)
        expect(try await warehouse.rows("SELECT count(*) FROM audit.rejected_record"), equals: ["20"])
        try warehouse.change(entity(4))
        try await warehouse.run { ($0.layers, $0.acceptsRejects) = ([.bronze, .silver], true) }
        expect(try await warehouse.rows("SELECT count(*) FROM audit.rejected_record"), equals: ["0"])
        expect(
            try await warehouse.rows("SELECT count(*) FROM silver.t_things_current WHERE c = 'abcd'"), equals: ["20"])
    }

    @Test("a history that becomes append keeps what was deleted; doctor has nothing against it")
    func becomesAppend() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try await warehouse.load(#"{"id":1}"#, #"{"id":2}"#)
        try await warehouse.load(#"{"id":1}"#)
        try warehouse.change(TestEntity(columns: "id int key", #"{"history": "append"}"#), rereads: true)
        expect(try await warehouse.rebuild(from: .bronze).run.status, equals: .succeeded)
        expect(
            try await warehouse.table(),
            equals: """
                1 | d1..
                2 | d1..
                """)
        let failures = try await Doctor(workspace: warehouse.workspace, isDeep: false).examine().filter {
            $0.level == .fail
        }
        #expect(failures.isEmpty, "\(failures)")
    }
}
