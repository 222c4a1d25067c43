import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

/// The last changes: in their table, which the server keeps no record of where the log tells them all, or in the log alone.
@Suite("The last changes of an entity")
struct LastChangesTests {
    private static let persistence: SQLText =
        "SELECT relpersistence::text FROM pg_class WHERE oid = 'bronze.t_things__last'::regclass"

    /// Three days: what is new, changed, gone, gone by its marker, back again.
    private static func lived(_ attributes: String, _ shortcuts: Shortcuts) async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v text, at timestamptz",
                #"{"delete_marker": {"column": "v", "equals": "gone"}, "max_delete_fraction": 1\#(attributes)}"#))
        warehouse.use(shortcuts)
        func row(_ id: Int, _ v: String, _ day: Int) -> String {
            #"{"id":\#(id),"v":"\#(v)","at":"2026-01-0\#(day)T00:00:00Z"}"#
        }
        try await warehouse.load([1, 2, 3, 4, 5].map { row($0, "a", 1) })
        try await warehouse.load([row(1, "a", 1), row(2, "b", 2), row(3, "gone", 2), row(6, "a", 2)])
        try await warehouse.load([row(1, "c", 3), row(2, "b", 2), row(3, "gone", 2), row(4, "d", 3)])
        return warehouse
    }

    @Test(
        "are made again from the log as they were",
        arguments: ["", #", "effective_time_column": "at""#], [Shortcuts.always, .never])
    func madeAgain(attributes: String, shortcuts: Shortcuts) async throws {
        let warehouse = try await Self.lived(attributes, shortcuts)
        let before = try await Self.lived(attributes, .never).rows(Self.kept)
        #expect(before.count == 6)
        try await warehouse.loseUnlogged()
        #expect(try await warehouse.rows(Self.kept) == [])
        expect(try await Self.keep(warehouse), equals: .inLog)
        #expect(try await warehouse.rows(Self.kept) == before)
        expect(try await Self.keep(warehouse), equals: .kept)
    }

    /// Brings them into their table.
    /// - Returns: Where they were.
    @discardableResult
    private static func keep(_ warehouse: TestWarehouse) async throws -> LastChanges.State {
        try await LastChanges(table: BronzeTable(warehouse.entity(), schema: "bronze")).keep(on: warehouse.connection)
    }

    private static let kept: SQLText = "SELECT t::text FROM bronze.t_things__last t ORDER BY 1"

    @Test("stay in a short log, and are kept once reading it as a whole costs more")
    func kept() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text", #"{"delta": {"mode": "all"}}"#))
        warehouse.use(.always)
        func rows(_ length: Int, _ letter: Character, _ ids: ClosedRange<Int> = 1...1000) -> [String] {
            ids.map { #"{"id":\#($0),"v":"\#(String(repeating: letter, count: length))"}"# }
        }
        func load(_ records: [String], _ type: LoadType) async throws -> Int {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(records)
            let report = try await warehouse.run { $0.loadType = type }
            expect(report.status, equals: .succeeded)
            expect(try await warehouse.brokenPromises(), equals: [])
            return try await warehouse.rows(Self.kept).count
        }
        expect(try await load(rows(600, "a"), .full), equals: 0)
        expect(try await load(rows(600, "b", 1...500) + rows(600, "c", 1001...1001), .delta), equals: 0)
        // The log of 1,001 keys has 1.5 MB then; the next day makes it 2.3.
        expect(try await load(rows(600, "b", 1...500) + rows(600, "d", 501...1001), .full), equals: 0)
        expect(try await load(rows(600, "e", 2...1001), .full), equals: 0)
        expect(try await load(rows(600, "f", 1...2), .delta), equals: 1001)
        expect(try await load(rows(600, "g", 1...1001), .full), equals: 1001)
        expect(
            try await warehouse.rows(
                """
                SELECT left(v, 1) AS v, extract(day FROM _valid_from), extract(day FROM _valid_to), _is_deleted, count(*)
                FROM silver.t_things GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 1
                """),
            equals: [
                "a | 1 | 2 | false | 500", "a | 1 | 3 | false | 500", "c | 2 | 3 | false | 1", "b | 2 | 4 | true | 1",
                "b | 2 | 4 | false | 499", "d | 3 | 4 | false | 501", "e | 4 | 5 | false | 1",
                "e | 4 | 6 | false | 999", "f | 5 | 6 | false | 2", "g | 6 | NULL | false | 1001",
            ])
        let long = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        long.use(.always)
        for (letter, kept) in [("a", 0), ("b", 1000)] as [(Character, Int)] {
            try await long.load(rows(1700, letter))
            expect(try await long.rows(Self.kept).count, equals: kept)
        }
        expect(try await long.brokenPromises(), equals: [])
    }

    @Test(
        "lost, change nothing that the next batch does", arguments: ["", #", "effective_time_column": "at""#],
        [Shortcuts.always, .never])
    func nextBatch(attributes: String, shortcuts: Shortcuts) async throws {
        let spared = try await Self.lived(attributes, shortcuts)
        let struck = try await Self.lived(attributes, shortcuts)
        for warehouse in [spared, struck] { try await Self.keep(warehouse) }
        try await struck.loseUnlogged()
        let next = [#"{"id":1,"v":"c","at":"2026-01-03T00:00:00Z"}"#, #"{"id":3,"v":"e","at":"2026-01-04T00:00:00Z"}"#]
        try await spared.load(next)
        struck.clock.advance(seconds: 86_400)
        try struck.put(next)
        var workspace = struck.workspace
        let listener = Notices()
        workspace.observer = listener
        _ = try await Invocation(workspace: workspace, request: RunRequest()).run()
        expect(try await struck.table(), equals: try await spared.table())
        expect(try await struck.audit(), equals: try await spared.audit())
        expect(
            listener.lines,
            // Without a time of their own, changes are told by the log itself.
            equals: attributes.isEmpty
                ? []
                : [
                    "bronze t.things: the last changes were not in their table, as after a crash; they were made again "
                        + "from the log"
                ])
    }

    @Test("of many keys in a delta are brought into their table", .timeLimit(.minutes(2)))
    func largeDelta() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v int", #"{"delta": {"mode": "all"}}"#))
        warehouse.use(.always)
        func load(_ ids: ClosedRange<Int>, _ v: Int, _ type: LoadType) async throws {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(ids.map { #"{"id":\#($0),"v":\#(v)}"# })
            expect(try await warehouse.run { $0.loadType = type }.status, equals: .succeeded)
        }
        try await load(1...200, 1, .full)
        try await load(101...100_101, 2, .delta)
        expect(try await warehouse.rows("SELECT count(*) FROM bronze.t_things__last"), equals: ["100101"])
        expect(
            try await warehouse.rows("SELECT v, count(*) FROM silver.t_things WHERE _is_current GROUP BY 1 ORDER BY 1"),
            equals: ["1 | 100", "2 | 100001"])
        expect(try await warehouse.brokenPromises(), equals: [])
    }

    @Test("of a time with effective times, lost, are read as they were kept", arguments: [Shortcuts.always, .never])
    func formerTimes(shortcuts: Shortcuts) async throws {
        func lived() async throws -> TestWarehouse {
            let warehouse = try await Self.lived(#", "effective_time_column": "at""#, shortcuts)
            try await warehouse.load([
                #"{"id":1,"v":"y","at":"2026-01-03T08:00:00Z"}"#, #"{"id":1,"v":"z","at":"2026-01-03T09:00:00Z"}"#,
                #"{"id":4,"v":"d","at":"2026-01-03T00:00:00Z"}"#,
            ])
            try warehouse.change(
                TestEntity(
                    columns: "id int key, v text, at timestamptz",
                    #"{"max_delete_fraction": 1, "delta": {"mode": "all"}}"#))
            // Refused today; who did it before that was noted has such a log.
            try await warehouse.connection.execute("UPDATE metadata.entity_shape SET times_by = NULL")
            return warehouse
        }
        let (spared, struck) = (try await lived(), try await lived())
        try await struck.loseUnlogged()
        for warehouse in [spared, struck] {
            for (type, v) in [(.full, "z"), (.full, "z"), (.full, "y"), (.delta, "z")] as [(LoadType, String)] {
                warehouse.clock.advance(seconds: 86_400)
                let day = warehouse.clock.now().description
                try warehouse.put([
                    #"{"id":1,"v":"\#(v)","at":"2026-01-03T09:00:00Z"}"#, #"{"id":9,"v":"\#(day)","at":null}"#,
                ])
                var request = RunRequest()
                request.loadType = type
                // Rows of the other time begin elsewhere than at their batch's instant, which the tests' own runs complain of.
                let report = try await Invocation(workspace: warehouse.workspace, request: request).run()
                expect(report.flatMap(\.steps).compactMap(\.error), equals: [])
                if warehouse === struck { try await warehouse.loseUnlogged() }
            }
        }
        expect(try await struck.table(), equals: try await spared.table())
        let log: SQLText = "SELECT _run_timestamp, _key_hash, _change, _doc_hash FROM bronze.t_things ORDER BY 1, 2, 4"
        expect(try await struck.rows(log), equals: try await spared.rows(log))
    }

    @Test("are compared with silver by the doctor wherever they are")
    func doctor() async throws {
        let warehouse = try await Self.lived("", .never)
        for isLost in [false, true] {
            if isLost { try await warehouse.loseUnlogged() }
            let findings = try await HistoryChecks(workspace: warehouse.workspace).findings()
            expect(findings.map(\.detail), equals: ["3 open of 9 rows"])
        }
        try await warehouse.connection.execute("DELETE FROM silver.t_things WHERE id = 1 AND _valid_to IS NULL")
        let findings = try await HistoryChecks(workspace: warehouse.workspace).findings()
        expect(
            findings.map { $0.detail.prefix { $0 != "," } },
            equals: ["1 keys that are live in bronze without an open row (\"silver\".\"t_things\")"])
    }

    @Test("are logged where the log does not tell their scopes, from the day that an entity gets one")
    func scopes() async throws {
        let columns = "id int key, v text, region text"
        let warehouse = try await TestWarehouse(TestEntity(columns: columns))
        try await warehouse.load([#"{"id":1,"v":"a","region":"n"}"#])
        expect(try await warehouse.rows(Self.persistence), equals: ["u"])
        try warehouse.change(TestEntity(columns: columns, #"{"full_scope": "region"}"#))
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
        try await warehouse.load([#"{"id":1,"v":"b","region":"n"}"#, #"{"id":2,"v":"a","region":"s"}"#])
        expect(try await warehouse.rows(Self.persistence), equals: ["p"])
        try await warehouse.loseUnlogged()
        try await warehouse.load([#"{"id":3,"v":"a","region":"n"}"#])
        expect(
            try await warehouse.table(),
            equals: "1 | a | n | d1..d2\n1 | b | n | d2..d3 deleted\n2 | a | s | d2..\n3 | a | n | d3..")
        // What no crash takes, somebody may.
        try await warehouse.connection.execute("TRUNCATE bronze.t_things__last")
        let refused = try await warehouse.load([#"{"id":4,"v":"a","region":"n"}"#])
        expect(
            refused.steps.compactMap(\.error),
            equals: [
                "the last changes of t.things are not in their table, and its log does not tell their scopes; make them "
                    + "again with 'medallion rebuild t.things --from raw'"
            ])
        expect(try await warehouse.rebuild(from: .raw).run.status, equals: .succeeded)
        try await warehouse.load([#"{"id":4,"v":"b","region":"n"}"#])
        expect(try await warehouse.rows("SELECT id FROM silver.t_things_current ORDER BY 1"), equals: ["2", "4"])
    }
}
