import Pipeline
import Postgres
import TestKit
import Testing

@Suite("Who keeps a run waiting", .timeLimit(.minutes(1)))
struct LockWatchTests {
    @Test("is told once, with the table and a way out; the run goes on when it may")
    func told() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        try warehouse.put([#"{"id":1,"v":"b"}"#])
        let notices = Notices()
        var workspace = warehouse.workspace
        (workspace.observer, workspace.pulse) = (notices, .milliseconds(100))
        let indexer = try await workspace.pool.detached(applicationName: "indexer")
        let session: Int32 = try await indexer.query("SELECT pg_catalog.pg_backend_pid()")[0].get(0)
        let role: String = try await indexer.query("SELECT current_user::text")[0].get(0)
        try await indexer.begin()
        try await indexer.execute("LOCK TABLE silver.t_things IN SHARE MODE")

        async let reports = Invocation(workspace: workspace, request: RunRequest()).run()
        #expect(try await eventually { !notices.lines.isEmpty })
        // It looks again and again, and lives meanwhile.
        let since = try await warehouse.rows("SELECT max(heartbeat_at) FROM audit.system_run")
        warehouse.clock.advance(seconds: 60)
        #expect(
            try await eventually {
                let alive = try await warehouse.rows("SELECT max(heartbeat_at) FROM audit.system_run")
                return alive != since
            })
        try await indexer.commit()
        await indexer.close()

        expect(try await reports.map(\.status), equals: [.succeeded])
        expect(
            notices.lines,
            equals: [
                "t: waits for session \(session) (indexer of \(role), idle in transaction) to let go of silver.t_things; goes on "
                    + "when that one ends its transaction, or is ended: SELECT pg_terminate_backend(\(session))"
            ])
        #expect(try await warehouse.rows("SELECT v FROM silver.t_things_current") == ["b"])
    }
}
