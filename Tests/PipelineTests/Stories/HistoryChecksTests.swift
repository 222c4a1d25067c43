import Postgres
import TestKit
import Testing

@testable import Pipeline

@Suite("The check of histories", .fewAtOnce)
struct HistoryChecksTests {
    @Test("beside a run finds nothing in batches that come between bronze and silver meanwhile")
    func besideRun() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        try await warehouse.load(#"{"id":1}"#)
        let findings = try await warehouse.connection.transaction {
            // As bronze leaves it, held back until the check has begun to compare.
            try await warehouse.connection.execute("LOCK TABLE silver.t_things IN ACCESS EXCLUSIVE MODE")
            try await warehouse.connection.execute("DELETE FROM silver.t_things")
            try await warehouse.connection.execute("UPDATE audit.raw_batch SET state = 'normalized'")
            let check = Task { try await HistoryChecks(workspace: warehouse.workspace).findings() }
            let waiting: SQLText = """
                SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'silver.t_things'::regclass
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            while try await warehouse.rows(waiting).isEmpty {}
            return check
        }.value
        #expect(findings.map(\.level) == [.ok])
        #expect(findings.first?.detail.hasSuffix("bronze, which is ahead until its batches are merged") == true)
    }
}
