import Foundation
import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

@Suite("Rebuilding a history", .fewAtOnce)
struct RebuildStoriesTests {
    private func rebuild(
        _ warehouse: TestWarehouse, from source: Rebuild.Source = .bronze, verifies: Bool = false
    ) async throws -> Rebuild.Report {
        try await warehouse.rebuild(from: source, verifies: verifies)
    }

    /// Three days of a table that somebody then spoils by hand.
    private func spoiled() async throws -> (TestWarehouse, table: String) {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, name text, secret text pii=none"))
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#, #"{"id":2,"name":"Bob"}"#, #"{"id":3,"name":"Cleo"}"#)
        try await warehouse.load(#"{"id":1,"name":"Anne"}"#, #"{"id":2,"name":"Bob"}"#, #"{"id":3,"name":"Cleo"}"#)
        try await warehouse.load(#"{"id":1,"name":"Anne"}"#, #"{"id":2,"name":"Bob"}"#)
        let table = try await warehouse.table()
        try await warehouse.connection.execute("UPDATE silver.t_things SET name = 'Eve' WHERE id = 2")
        try await warehouse.connection.execute("DELETE FROM silver.t_things WHERE id = 3")
        try await warehouse.connection.execute(
            "UPDATE silver.t_things SET _valid_from = _valid_from + INTERVAL '1 hour' WHERE id = 1 AND _valid_to IS NULL"
        )
        return (warehouse, table)
    }

    @Test("--verify names every difference and changes nothing")
    func verify() async throws {
        for source in Rebuild.Source.allCases {
            let (warehouse, _) = try await spoiled()
            let before = try await warehouse.table()
            let report = try await rebuild(warehouse, from: source, verifies: true)
            #expect(report.run.status == .succeeded)
            expect([report.same, report.missing, report.changed, report.surplus], equals: [1, 2, 1, 1])
            #expect(report.samples.contains("id=2 from 2026-01-01T00:00:00.000000Z: name is Eve, should be Bob"))
            #expect(report.samples.contains("id=3 from 2026-01-01T00:00:00.000000Z: is missing"))
            expect(try await warehouse.table(), equals: before)
            expect(
                try await warehouse.rows(
                    "SELECT trigger_type, trigger_ref, status FROM audit.system_run ORDER BY run_timestamp DESC LIMIT 1"
                ),
                equals: ["rebuild | verify | succeeded"])
        }
    }

    @Test("a rebuild mends the table, whose grants, views and indexes stay")
    func mend() async throws {
        for source in Rebuild.Source.allCases {
            let (warehouse, table) = try await spoiled()
            try await warehouse.connection.execute("CREATE VIEW public.things AS SELECT * FROM silver.t_things")
            try await warehouse.connection.execute("CREATE INDEX mine ON silver.t_things (name)")
            let oid = try await warehouse.rows("SELECT 'silver.t_things'::regclass::oid")
            _ = try await rebuild(warehouse, from: source)
            expect(try await warehouse.table(), equals: table)
            expect(try await warehouse.rows("SELECT count(*) FROM public.things"), equals: ["4"])
            expect(try await warehouse.rows("SELECT 'silver.t_things'::regclass::oid"), equals: oid)
            let again = try await rebuild(warehouse, from: source)
            #expect(!again.differs && again.same == 4)
        }
    }

    @Test("a rebuild from raw mends bronze as well")
    func bronze() async throws {
        let (warehouse, table) = try await spoiled()
        try await warehouse.connection.execute("DELETE FROM bronze.t_things WHERE _change = 'delete'")
        try await warehouse.connection.execute("UPDATE bronze.t_things SET doc = doc || '{\"name\": \"X\"}'")
        let log: SQLText = "SELECT _change, doc->>'name' FROM bronze.t_things ORDER BY _run_timestamp, _record_no, 2"
        _ = try await rebuild(warehouse, from: .raw)
        expect(try await warehouse.table(), equals: table)
        expect(
            try await warehouse.rows(log),
            equals: ["upsert | Ann", "upsert | Bob", "upsert | Cleo", "upsert | Anne", "delete | NULL"])
    }

    @Test("a batch that is gone from raw is named, and nothing is changed")
    func missing() async throws {
        let (warehouse, _) = try await spoiled()
        let before = try await warehouse.table()
        let run = try await warehouse.rows("SELECT run_id FROM audit.raw_batch ORDER BY run_timestamp LIMIT 1")[0]
        try FileManager.default.removeItem(atPath: warehouse.folder.path(of: "raw/t/things/\(run)"))
        let report = try await rebuild(warehouse, from: .raw)
        #expect(report.run.status == .failed)
        #expect(report.run.steps.contains { $0.error?.contains("the batch of run \(run) has no manifest") == true })
        expect(try await warehouse.table(), equals: before)
    }

    @Test("another key takes a rebuild from raw, and views on the table stay")
    func key() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, region text, n int"))
        try await warehouse.load(#"{"id":1,"region":"a","n":1}"#, #"{"id":2,"region":"a","n":1}"#)
        try await warehouse.load(#"{"id":1,"region":"b","n":2}"#, #"{"id":2,"region":"a","n":1}"#)
        try await warehouse.connection.execute("CREATE VIEW public.things AS SELECT * FROM silver.t_things")
        try warehouse.change(TestEntity(columns: "id int, region text key, n int"), rereads: true)
        warehouse.clock.advance(seconds: 86_400)
        await #expect(throws: StepError.self) { try await rebuild(warehouse, from: .bronze) }
        _ = try await rebuild(warehouse, from: .raw)
        expect(
            try await warehouse.table(),
            equals: """
                2 | a | 1 | d1..
                1 | b | 2 | d2..
                """)
        try await warehouse.load(#"{"id":null,"region":"b","n":2}"#, #"{"id":2,"region":"a","n":1}"#)
        expect(
            try await warehouse.table(),
            equals: """
                2 | a | 1 | d1..
                1 | b | 2 | d2..d4
                NULL | b | 2 | d4..
                """)
        expect(try await warehouse.rows("SELECT count(*) FROM public.things"), equals: ["3"])
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("an allowed mass delete and a quarantined record come out the same again")
    func decisions() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, n int"))
        try await warehouse.load((1...30).map { #"{"id":\#($0),"n":0}"# })
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"n":1}"#, #"{"id":2,"n":"x"}"#])
        try await warehouse.run { $0.allowsDeletes = true }
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things WHERE _is_deleted"), equals: ["28"])
    }
}
