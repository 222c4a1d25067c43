import Metadata
import Postgres
import Synchronization
import TestKit
import Testing

@testable import Pipeline

/// The last changes, which the server keeps no record of where the log tells them all.
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
        let rows: SQLText = "SELECT t::text FROM bronze.t_things__last t ORDER BY 1"
        let before = try await warehouse.rows(rows)
        #expect(before.count == 6)
        try await warehouse.loseUnlogged()
        #expect(try await warehouse.rows(rows) == [])
        let table = BronzeTable(warehouse.entity(), schema: "bronze")
        expect(try await LastChanges(table: table).restore(on: warehouse.connection), equals: .lost)
        #expect(try await warehouse.rows(rows) == before)
        expect(try await LastChanges(table: table).restore(on: warehouse.connection), equals: .known)
    }

    @Test("lost, change nothing that the next batch does, and are told", arguments: [Shortcuts.always, .never])
    func nextBatch(shortcuts: Shortcuts) async throws {
        let (spared, struck) = (try await Self.lived("", shortcuts), try await Self.lived("", shortcuts))
        try await struck.loseUnlogged()
        let next = [#"{"id":1,"v":"c","at":"2026-01-03T00:00:00Z"}"#, #"{"id":3,"v":"e","at":"2026-01-04T00:00:00Z"}"#]
        try await spared.load(next)
        struck.clock.advance(seconds: 86_400)
        try struck.put(next)
        var workspace = struck.workspace
        let listener = Listener()
        workspace.observer = listener
        _ = try await Invocation(workspace: workspace, request: RunRequest()).run()
        expect(try await struck.table(), equals: try await spared.table())
        expect(try await struck.audit(), equals: try await spared.audit())
        expect(
            listener.heard.withLock { $0 },
            equals: [
                "bronze t.things: the server lost the last changes in a crash; they were made again from its log"
            ])
    }

    @Test("lost, are no finding of the doctor")
    func doctor() async throws {
        let warehouse = try await Self.lived("", .always)
        try await warehouse.loseUnlogged()
        let findings = try await HistoryChecks(workspace: warehouse.workspace).findings()
        expect(
            findings.map(\.detail),
            equals: [
                "3 open of 9 rows; not compared with bronze, whose last changes the next batch makes again after a crash"
            ])
    }

    @Test("are logged where the log does not tell their scopes, from the day that an entity gets one")
    func scopes() async throws {
        let columns = "id int key, v text, region text"
        let warehouse = try await TestWarehouse(TestEntity(columns: columns))
        try await warehouse.load([#"{"id":1,"v":"a","region":"n"}"#])
        expect(try await warehouse.rows(Self.persistence), equals: ["u"])
        try warehouse.change(TestEntity(columns: columns, #"{"full_scope": "region"}"#))
        let first = Rebuild(workspace: warehouse.workspace, entity: warehouse.entity(), from: .raw, verifies: false)
        expect(try await first.run().run.status, equals: .succeeded)
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
                "the last changes of t.things are gone, and its log does not tell their scopes; make them again with "
                    + "'medallion rebuild t.things --from raw'"
            ])
        let rebuild = Rebuild(workspace: warehouse.workspace, entity: warehouse.entity(), from: .raw, verifies: false)
        expect(try await rebuild.run().run.status, equals: .succeeded)
        try await warehouse.load([#"{"id":4,"v":"b","region":"n"}"#])
        expect(try await warehouse.rows("SELECT id FROM silver.t_things_current ORDER BY 1"), equals: ["2", "4"])
    }
}

/// Keeps what a run gives notice of.
private final class Listener: RunObserver {
    let heard = Mutex<[String]>([])

    func observe(_ event: RunEvent) {
        if case .notice(let text) = event { heard.withLock { $0.append(text) } }
    }
}
