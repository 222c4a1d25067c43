import Metadata
import Pipeline
import Postgres
import TestKit
import Testing

@Suite("What the doctor sees in histories", .fewAtOnce)
struct DoctorHistoryTests {
    private static let copied = "id, name, _key_hash, _scd1_hash, _scd2_hash"
    private static let origin = "_run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at"

    /// A history mode, what somebody did by hand, and what the doctor says of it.
    static let damages: [(history: String, damage: [String], complaint: String)] = [
        (
            "scd2",
            [
                "ALTER TABLE silver.t_things DROP CONSTRAINT t_things_ended",
                "UPDATE silver.t_things SET _is_deleted = true WHERE _valid_to IS NULL",
            ], "1 rows that are marked deleted and do not end"
        ),
        (
            "scd2",
            [
                "ALTER TABLE silver.t_things DROP CONSTRAINT t_things_period",
                "UPDATE silver.t_things SET _valid_to = _valid_from WHERE _valid_to IS NOT NULL",
            ], "1 rows that end before they begin"
        ),
        (
            "scd2",
            [
                "DROP INDEX silver.t_things_open",
                "UPDATE silver.t_things SET _valid_to = NULL",
            ], "1 keys with more than one open row"
        ),
        (
            "scd2", ["UPDATE silver.t_things SET _valid_to = _valid_to + INTERVAL '1 day' WHERE _valid_to IS NOT NULL"],
            "1 rows that overlap the next one of their key"
        ),
        (
            "bitemporal",
            ["UPDATE silver.t_things SET _superseded_at = _superseded_at + INTERVAL '1 hour'"],
            "2 pairs of rows of a key that overlap and were known at the same time"
        ),
        (
            "bitemporal",
            [
                """
                INSERT INTO silver.t_things (\(copied), _valid_from, _valid_to, _is_deleted, \(origin), _recorded_at,
                    _superseded_at)
                SELECT \(copied), _valid_from + INTERVAL '1 hour', _valid_to, _is_deleted, \(origin), _recorded_at,
                    _superseded_at FROM silver.t_things WHERE _superseded_at IS NOT NULL
                """
            ], "1 pairs of rows of a key that overlap and were known at the same time"
        ),
        (
            "bitemporal",
            [
                "ALTER TABLE silver.t_things DROP CONSTRAINT t_things_known",
                "UPDATE silver.t_things SET _superseded_at = _recorded_at WHERE _superseded_at IS NOT NULL",
            ], "1 rows that were superseded before they were recorded"
        ),
        (
            "bitemporal",
            [
                "ALTER TABLE silver.t_things DROP CONSTRAINT t_things_ended",
                "UPDATE silver.t_things SET _is_deleted = true WHERE _superseded_at IS NOT NULL",
            ], "1 rows that are marked deleted and do not end"
        ),
        (
            "scd2",
            [
                "ALTER TABLE audit.entity_layer_run DROP CONSTRAINT entity_layer_run_adds_up",
                "UPDATE audit.entity_layer_run SET nr_records_inserted = 7 WHERE layer = 'silver'",
            ], "not so: counters of succeeded steps add up (2)"
        ),
    ]

    @Test("names what breaks a promise, and nothing before", arguments: damages)
    func damaged(history: String, damage: [String], complaint: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, name text", #"{"history": "\#(history)"}"#))
        try await warehouse.load(#"{"id":1,"name":"A"}"#)
        try await warehouse.load(#"{"id":1,"name":"B"}"#)
        expect(try await failures(warehouse), equals: [])
        for statement in damage { try await warehouse.connection.execute(SQLText(verbatim: statement)) }
        let found = try await failures(warehouse)
        #expect(found.contains { $0.contains(complaint) }, "\(found)")
        guard !complaint.hasPrefix("not so") else { return }
        // The line names a key, and what it says to do helps.
        let key = try await warehouse.connection.query("SELECT DISTINCT _key_hash::text FROM silver.t_things")
        let hash: String = try key[0].get(0)
        #expect(
            found.allSatisfy { $0.contains("at _key_hash=\(hash); 'medallion rebuild t.things --verify' tells") },
            "\(found)")
        // A table that lacks its index is refused until somebody has made it again.
        guard !damage[0].hasPrefix("DROP INDEX") else { return }
        expect(try await warehouse.rebuild(from: .bronze).run.status, equals: .succeeded)
        expect(try await failures(warehouse), equals: [])
    }

    @Test("tells of batches that no run takes up, because their entity is not active")
    func leftBatches() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try warehouse.put([#"{"id":1}"#])
        try await warehouse.run { $0.layers = [.raw] }
        func pending(_ workspace: Workspace) async throws -> [String] {
            try await Doctor(workspace: workspace, isDeep: false).examine()
                .filter { $0.what == "pending batches" }.map(\.detail)
        }
        expect(try await pending(warehouse.workspace), equals: ["1 on their way to silver; a run takes them up"])
        let left = try warehouse.workspace(with: TestEntity(columns: "id int key", #"{"active": false}"#))
        let found = try await pending(left)
        #expect(found.count == 1 && found[0].hasPrefix("no run takes up those of t.things, "), "\(found)")
    }

    private func failures(_ warehouse: TestWarehouse) async throws -> [String] {
        try await Doctor(workspace: warehouse.workspace, isDeep: false).examine()
            .filter { $0.level == .fail && ($0.what.hasPrefix("history") || $0.what == "audit") }.map(\.detail)
    }
}
