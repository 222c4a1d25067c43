import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

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

    /// A warehouse with one gold script, whose workspace looks ten times a second.
    private func withGold() async throws -> (TestWarehouse, Workspace, Notices) {
        let things = try TestEntity(columns: "id int key, v int")
        let warehouse = try await TestWarehouse(things)
        try warehouse.folder.write(
            "-- materialize: table\nSELECT sum(v) AS v FROM silver.t_things", to: "sql/gold/total.sql")
        var workspace = try warehouse.workspace(with: things)
        try warehouse.put([#"{"id":1,"v":1}"#])
        try await warehouse.run(in: workspace)
        let notices = Notices()
        (workspace.observer, workspace.pulse) = (notices, .milliseconds(100))
        warehouse.clock.advance(seconds: 86_400)
        return (warehouse, workspace, notices)
    }

    @Test(
        "is told of tables that others of us use, too, and of what gold reads",
        arguments: [
            ("audit.system_run", "t"), ("audit.raw_batch", "t"), ("audit.entity_layer_run", "t"),
            ("silver.t_things", "gold"),
        ])
    func tables(table: String, waiter: String) async throws {
        let (warehouse, workspace, notices) = try await withGold()
        let holder = try await workspace.pool.detached(applicationName: "somebody")
        try await holder.begin()
        try await holder.execute("LOCK TABLE \(verbatim: table) IN ACCESS EXCLUSIVE MODE")

        var request = RunRequest()
        if waiter == "gold" { (request.layers, request.force) = ([.gold], true) }
        async let reports = Invocation(workspace: workspace, request: request).run()
        let isTold = try await eventually { notices.lines.contains { $0.contains("to let go of \(table);") } }
        try await holder.commit()
        await holder.close()
        expect(try await reports.map(\.status).filter { $0 != .succeeded }, equals: [])
        #expect(isTold && notices.lines.allSatisfy { $0.hasPrefix("\(waiter): waits for session") }, "\(notices.lines)")
        _ = warehouse
    }

    @Test(
        "is told where it is another build of gold, which is ended once it gives no sign of life",
        arguments: [false, true])
    func otherBuild(hangs: Bool) async throws {
        let (warehouse, workspace, notices) = try await withGold()
        let other = try #require(try await RunLease.take(.gold, in: workspace).lease)
        try await warehouse.connection.execute(
            "UPDATE audit.system_run SET status = 'running', finished_at = NULL WHERE system_id = 'gold'")
        if !hangs { warehouse.clock.advance(seconds: -86_400) }

        var request = RunRequest()
        (request.layers, request.force) = ([.gold], true)
        async let reports = Invocation(workspace: workspace, request: request).run()
        #expect(
            try await eventually { notices.lines.contains { $0.hasPrefix("gold: waits for run ") } }, "\(notices.lines)"
        )
        if !hangs { try await other.releasing {} }
        expect(try await reports.map(\.status), equals: [.succeeded])
        #expect(notices.lines.count { $0.hasPrefix("gold: waits for run ") } == 1, "\(notices.lines)")
        expect(
            try await warehouse.rows(
                "SELECT status FROM audit.system_run WHERE system_id = 'gold' ORDER BY run_timestamp"),
            equals: ["abandoned", "succeeded"])
    }

    @Test(
        "a process that hangs within a transaction loses its sessions to the next run, which keeps its own of the same name"
    )
    func hangs() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        func process() -> Workspace {
            var workspace = warehouse.workspace
            workspace.pool = PostgresPool(
                configuration: workspace.pool.configuration, size: 4,
                applicationName: Workspace.sessionName(workspace.host, workspace.processID))
            return workspace
        }
        let hung = process()
        let lease = try #require(try await RunLease.take(SystemID(rawValue: "t"), in: hung).lease)
        let writer = try await hung.pool.detached(applicationName: hung.pool.applicationName + " companion merge")
        try await writer.begin()
        try await writer.execute("UPDATE silver.t_things SET v = 'never'")
        // Its heart beat last when it opened its sessions; the test does not wait for the minute that a clock may be wrong.
        let since: Instant = try await warehouse.connection.query("SELECT clock_timestamp() - INTERVAL '58 s'")[0].get(
            0)
        try await warehouse.connection.execute(
            "UPDATE audit.system_run SET status = 'running', finished_at = NULL, heartbeat_at = \(since) WHERE system_id = 't'"
        )
        try await Task.sleep(for: .seconds(2.5))
        warehouse.clock.advance(seconds: (since.microseconds - warehouse.clock.now().microseconds) / 1_000_000 + 200)

        let next = process()
        try await next.pool.withConnection { _ = try await $0.query("SELECT 1") }
        try warehouse.put([#"{"id":1,"v":"b"}"#])
        let reports = try await Invocation(workspace: next, request: RunRequest()).run()
        expect(reports.map(\.status), equals: [.succeeded])
        #expect(try await warehouse.rows("SELECT v FROM silver.t_things_current") == ["b"])
        #expect(await !writer.isUsable)
        expect(
            try await warehouse.rows(
                "SELECT status FROM audit.system_run WHERE system_id = 't' ORDER BY run_timestamp"),
            equals: ["abandoned", "succeeded"])
        await writer.close()
        try? await lease.releasing {}
        await hung.pool.close()
        await next.pool.close()
    }
}
