import Foundation
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("A trace of what is not as usual", .fewAtOnce)
struct TraceLossTests {
    @Test("says which change silver refused, and which record a lost or damaged file cannot give any more")
    func refusedAndLost() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, born int scd=fixed, v int"))
        try await warehouse.load(#"{"id":1,"born":1,"v":1}"#)
        try await warehouse.load(#"{"id":1,"born":2,"v":1}"#)
        try await warehouse.load(#"{"id":1,"born":1,"v":2}"#)
        let runs = try await warehouse.rows("SELECT run_id FROM audit.raw_batch ORDER BY run_timestamp")
        let paths = runs.map { "raw/t/things/\($0)/00001.jsonl" }
        try warehouse.folder.write(#"{"id":1,"born":1,"v":7}"# + "\n", to: paths[0])
        let entity = warehouse.entity()
        let system = try #require(warehouse.workspace.catalog.system(entity.id.system))
        func trace() async throws -> Trace {
            try await TraceQuery(
                NamedTable(entity: entity, system: system), store: warehouse.workspace.store,
                pool: warehouse.workspace.pool
            ).trace(["id=1"])
        }
        let damaged = try await trace()
        let changes = damaged.versions.flatMap(\.changes)
        #expect(changes.map(\.effect) == [.opened, .rejected("column born a fixed column changed"), .opened])
        #expect(changes[0].origin.text == nil)
        #expect(changes[0].origin.problem?.contains("is not what was landed") == true)
        #expect(changes[0].origin.path == warehouse.folder.path(of: paths[0]))
        #expect(changes[1].origin.text == #"{"id":1,"born":2,"v":1}"#)
        #expect(damaged.rejects.isEmpty)
        for path in [paths[1], paths[2].replacing("00001.jsonl", with: "_manifest.json")] {
            try FileManager.default.removeItem(atPath: warehouse.folder.path(of: path))
        }
        let lost = try await trace().versions.flatMap(\.changes)
        #expect(lost[1].origin.problem?.contains("is missing; restore it from its backup") == true)
        #expect(lost[2].origin.problem?.contains("has no manifest") == true && lost[2].origin.path == nil)
        #expect(lost.map(\.effect) == changes.map(\.effect))
    }

    @Test("searches the newest files with rejects only, and says how many it left out")
    func manyRejects() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v int"))
        for day in 1...23 {
            try await warehouse.load(#"{"id":1,"v":"x"}"#, #"{"id":2,"v":\#(day)}"#)
        }
        let entity = warehouse.entity()
        let system = try #require(warehouse.workspace.catalog.system(entity.id.system))
        let trace = try await TraceQuery(
            NamedTable(entity: entity, system: system), store: warehouse.workspace.store, pool: warehouse.workspace.pool
        ).trace(["id=1"])
        #expect(trace.rejects.count == 20 && trace.filesNotSearched == 3)
        let days = trace.rejects.map { $0.run.timestamp.microseconds / 86_400_000_000 - 20_453 }
        #expect(days == Array(4...23))
    }

    @Test("takes effective times and what was known when from tables that have them")
    func times() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v int"))
        try await warehouse.load(#"{"id":1,"v":1}"#)
        try await warehouse.load(#"{"id":1,"v":2}"#)
        // As if the second batch had said: this was so since the evening before the first one.
        for sql in [
            """
            UPDATE bronze.t_things SET _effective_at = CASE WHEN doc->>'v' = '1' THEN _run_timestamp
                ELSE '2025-12-31 00:00+00' END
            """,
            "DELETE FROM silver.t_things WHERE v = 1",
            "UPDATE silver.t_things SET _valid_from = '2025-12-31 00:00+00', _valid_to = '2026-01-01 00:00+00'",
            """
            INSERT INTO silver.t_things (id, v, _key_hash, _scd1_hash, _scd2_hash, _valid_from, _is_deleted, _run_id,
                _run_timestamp, _updated_by_run_id, _created_at, _updated_at)
            SELECT s.id, 1, s._key_hash, s._scd1_hash, s._key_hash, s._valid_to, false, b._run_id, b._run_timestamp, b._run_id,
                s._created_at, s._updated_at FROM silver.t_things s
            JOIN bronze.t_things b ON b._key_hash = s._key_hash AND b.doc->>'v' = '1'
            """,
        ] { try await warehouse.connection.execute(SQLText(verbatim: sql)) }
        expect(
            try await warehouse.trace("id=1"),
            equals: """
                1 d0..d1
                  d2 upsert opened as of d0 1/1 {"id":1,"v":2}
                2 d1..
                  v 2 → 1
                  d1 upsert opened as of d1 1/1 {"id":1,"v":1}
                """)
        for sql in [
            "ALTER TABLE silver.t_things DROP CONSTRAINT t_things_pk", "DROP INDEX silver.t_things_open",
            "ALTER TABLE silver.t_things ADD _recorded_at timestamptz, ADD _superseded_at timestamptz",
            "UPDATE silver.t_things SET _recorded_at = _run_timestamp",
            """
            INSERT INTO silver.t_things (id, v, _key_hash, _scd1_hash, _scd2_hash, _valid_from, _is_deleted, _run_id,
                _run_timestamp, _updated_by_run_id, _created_at, _updated_at, _recorded_at, _superseded_at)
            SELECT id, 9, _key_hash, _scd1_hash, _scd2_hash, _valid_from, false, _run_id, _run_timestamp, _updated_by_run_id,
                _created_at, _updated_at, '2026-01-01 06:00+00', '2026-01-01 12:00+00' FROM silver.t_things WHERE v = 1
            """,
        ] { try await warehouse.connection.execute(SQLText(verbatim: sql)) }
        expect(
            try await warehouse.trace("id=1"),
            equals: """
                1 d0..d1
                  d2 upsert opened as of d0 1/1 {"id":1,"v":2}
                2 d1..
                  v 2 → 1
                  d1 upsert opened as of d1 1/1 {"id":1,"v":1}
                3 d1.. superseded
                  d1 upsert opened as of d1 1/1 {"id":1,"v":1}
                """)
        var entity = warehouse.entity()
        entity.history = .bitemporal
        let table = NamedTable(
            entity: entity, system: try #require(warehouse.workspace.catalog.system(entity.id.system)))
        for isOuter in [false, true] {
            let join = try TemporalJoin(table, table, on: ["id=id"], isOuter: isOuter)
            let rows = try await warehouse.rows(
                "SELECT v, other_v FROM (\(verbatim: String(join.text.dropLast(2)))) AS j ORDER BY valid_from")
            #expect(rows == ["2 | 2", "1 | 1"])
        }
    }
}
