import Postgres
import TestKit
import Testing

@testable import Pipeline

/// Bronze and silver write in two transactions, of which one waits for the other without the server knowing: whoever else comes
/// between them must not keep both waiting.
@Suite("Tables are locked before", .timeLimit(.minutes(1)))
struct TableLockTests {
    @Test("silver begins: those that bronze changes of a first batch", arguments: [Shortcuts.always, .whereWorth])
    func firstBatch(_ shortcuts: Shortcuts) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text, at timestamptz stored=false", #"{"effective_time_column": "at"}"#))
        warehouse.use(shortcuts)
        let records = (1...6_000).map { #"{"id":\#($0),"v":"a","at":"2025-01-01T00:00:00Z"}"# }
        let reader = try await warehouse.workspace.pool.detached(applicationName: "reader")
        _ = try await Deployment(workspace: warehouse.workspace).deploy()
        try await reader.begin()
        _ = try await reader.query("SELECT FROM bronze.t_things__last")
        async let loaded = warehouse.load(records)
        #expect(
            try await eventually {
                try await warehouse.rows(
                    "SELECT DISTINCT mode FROM pg_locks WHERE NOT granted AND relation = 'bronze.t_things__last'::regclass"
                ) == ["AccessExclusiveLock"]
            })
        // The reader gets both.
        #expect(try await reader.query("SELECT FROM silver.t_things").isEmpty)
        try await reader.commit()
        expect(try await loaded.status, equals: .succeeded)
        await reader.close()
        #expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things") == ["6000"])
    }

    @Test("they are written: work tables, from when they are emptied", arguments: [0, 3, 60_000])
    func workTable(rows: Int) async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        let connection = warehouse.connection
        try await connection.execute("CREATE TABLE public.work AS SELECT generate_series(1, \(rows)) AS n")
        try await connection.transaction {
            try await EmptyTable.make("public.work", on: connection)
            let isHeld = try await warehouse.rows(
                """
                SELECT bool_or(mode IN ('RowExclusiveLock', 'AccessExclusiveLock')) FROM pg_locks
                WHERE granted AND relation = 'public.work'::regclass
                """)
            #expect(isHeld == ["true"])
        }
        #expect(try await warehouse.rows("SELECT count(*) FROM public.work") == ["0"])
    }
}
