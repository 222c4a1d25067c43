import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Runs that go on where another one failed", .fewAtOnce)
struct ResumeStoriesTests {
    private let delta = #"{"load_type": "delta", "delta": {"cursor_column": "n"}}"#

    private func warehouse() async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, n int", delta), TestEntity("others", columns: "id int key, n int", delta))
        try warehouse.put([#"{"id":1,"n":1}"#], for: "others")
        try await warehouse.load(#"{"id":1,"n":1}"#, type: nil)
        return warehouse
    }

    /// A run that fails: things' source is no JSON.
    private func fail(
        _ warehouse: TestWarehouse, _ change: (inout RunRequest) -> Void = { _ in }
    ) async throws -> UUIDValue {
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(texts: ["x"], ending: "txt")
        let report = try await warehouse.run(change)
        #expect(report.status == .failed)
        return try #require(report.run).id
    }

    /// What goes on from a run whose id begins so, at the next day.
    @discardableResult
    private func resume(_ run: String, in warehouse: TestWarehouse) async throws -> RunReport {
        warehouse.clock.advance(seconds: 86_400)
        let request = try await RunRequest().resuming(run, in: warehouse.workspace)
        return try await warehouse.run { $0 = request }
    }

    @Test("it does what the failed run was asked for: entities, layers, load type")
    func asked() async throws {
        let warehouse = try await warehouse()
        let failed = try await fail(warehouse) {
            $0.entities = [warehouse.entity().id]
            $0.layers = [.raw, .bronze]
            $0.loadType = .full
        }
        try warehouse.put([#"{"id":2,"n":2}"#])
        let resumed = try await resume(String(failed.description.prefix(30)), in: warehouse)
        #expect(resumed.status == .succeeded && resumed.system == warehouse.entity().id.system)
        expect(
            try await warehouse.rows(
                """
                SELECT trigger_type, retry_of_run_id = \(failed), requested_load_type, requested_layers, requested_entities
                FROM audit.system_run ORDER BY run_timestamp DESC LIMIT 1
                """),
            equals: [#"retry | true | full | ["raw","bronze"] | ["t.things"]"#])
        expect(
            try await warehouse.rows(
                """
                SELECT entity_name, layer, load_type, nr_records_in, nr_records_absent FROM audit.v_run_detail
                WHERE run_id = (SELECT run_id FROM audit.system_run ORDER BY run_timestamp DESC LIMIT 1) ORDER BY 1, 2
                """),
            equals: ["things | bronze | full | 1 | 1", "things | raw | full | 1 | 0"])
    }

    @Test("what a first one has landed a third one does not fetch again; what was given up it does")
    func chained() async throws {
        let warehouse = try await warehouse()
        let others = warehouse.entity("others").id
        try warehouse.put([#"{"id":1,"n":2}"#, #"{"id":2,"n":"x"}"#], for: "others")
        let first = try await fail(warehouse) { $0.layers = [.raw] }
        let second = try #require(try await resume("\(first)", in: warehouse).run).id
        let third = try #require(try await resume("\(second)", in: warehouse).run).id
        expect(try await warehouse.audit("others"), equals: "raw skipped already_succeeded")
        let batches = try await warehouse.rows(
            "SELECT run_id FROM audit.raw_batch WHERE entity_name = 'others' ORDER BY run_timestamp DESC")
        #expect(batches.count == 2)
        let batch = try #require(batches.first.flatMap { UUIDValue("\($0)") })
        try await OperatorLedger(workspace: warehouse.workspace).discard(batch, of: others)
        try await resume("\(third)", in: warehouse)
        expect(try await warehouse.audit("others"), equals: "raw 2: inserted 2")
    }

    @Test("refused: a run that is unknown, done, skipped, of gold or of another system")
    func refused() async throws {
        let warehouse = try await warehouse()
        func refusal(_ run: String, _ request: RunRequest = RunRequest()) async throws -> String {
            let error = await #expect(throws: UsageError.self) {
                try await request.resuming(run, in: warehouse.workspace)
            }
            return error?.description ?? ""
        }
        let done = try #require(try await warehouse.run().run).id
        #expect(try await refusal("ffff") == "no run 'ffff'; see medallion runs list")
        #expect(
            try await refusal("\(done)")
                == "run \(done) succeeded, nothing is left to go on with; 'medallion run --system t' loads again")
        try warehouse.folder.write("SELECT count(*) AS nr FROM silver.t_things", to: "sql/gold/number.sql")
        let workspace = try warehouse.workspace(with: TestEntity(columns: "id int key, n int", delta))
        warehouse.clock.advance(seconds: 86_400)
        let gold = try #require(try await warehouse.run(in: workspace).last?.run).id
        #expect(
            try await refusal("\(gold)")
                == "run \(gold) built gold; 'medallion run --layer gold' builds what failed again")
        let failed = try await fail(warehouse)
        var other = RunRequest()
        other.systems = [SystemID(rawValue: "u")]
        #expect(
            try await refusal("\(failed)", other) == "run \(failed) was one of t; leave out --system to go on with it")
    }
}
