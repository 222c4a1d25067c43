import Foundation
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Runs that are interrupted, repeated or damaged", .fewAtOnce)
struct RunFaultStoriesTests {
    private func things() async throws -> TestWarehouse {
        try await TestWarehouse(
            TestEntity(columns: "id int key, v text, n int", #"{"delta": {"cursor_column": "n"}}"#),
            TestEntity("others", columns: "id int key"))
    }

    private func land(_ record: String, in warehouse: TestWarehouse) async throws {
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([record])
        try warehouse.put([#"{"id":1}"#], for: "others")
        try await warehouse.run { $0.layers = [.raw] }
    }

    /// The folder of a run's batch of `things`, below the project's folder.
    private func batch(_ number: Int, of warehouse: TestWarehouse) async throws -> String {
        let runs = try await warehouse.rows(
            "SELECT run_id FROM audit.system_run WHERE status <> 'skipped' ORDER BY run_timestamp")
        return "raw/t/things/\(runs[number])"
    }

    @Test("a kill between raw and bronze: the next run takes up what was landed, under its own instant")
    func killedAfterRaw() async throws {
        let warehouse = try await things()
        try await land(#"{"id":1,"v":"a","n":1}"#, in: warehouse)
        try await warehouse.load(#"{"id":1,"v":"b","n":2}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 1 | d1..d2
                1 | b | 2 | d2..
                """)
        #expect(
            try await warehouse.audit().hasSuffix("bronze 2: inserted 1, updated 1\nsilver 2: inserted 1, updated 1"))
    }

    @Test("a kill between the manifest and the database: the batch is adopted, cursor included")
    func adopted() async throws {
        let warehouse = try await things()
        try await land(#"{"id":1,"v":"a","n":5}"#, in: warehouse)
        for table in ["raw_file", "raw_batch", "load_cursor"] {
            try await warehouse.connection.execute("DELETE FROM \(table: "audit", table)")
        }
        try warehouse.put([#"{"id":1}"#], for: "others")
        try await warehouse.load(#"{"id":2,"v":"b","n":6}"#, type: nil)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 5 | d1..d2 deleted
                2 | b | 6 | d2..
                """)
        expect(
            try await warehouse.rows("SELECT cursor_value FROM audit.load_cursor ORDER BY run_timestamp"),
            equals: ["5", "6"])
        expect(
            try await warehouse.rows("SELECT DISTINCT state FROM audit.raw_batch WHERE entity_name = 'things'"),
            equals: [
                "merged"
            ])
    }

    @Test(
        "what an operator says of the next load is not undone by a batch that a killed run landed",
        arguments: ["3", nil])
    func adoptedBefore(cursor: String?) async throws {
        let entity = EntityID(system: SystemID(rawValue: "t"), name: "things")
        let warehouse = try await things()
        try await land(#"{"id":1,"v":"a","n":5}"#, in: warehouse)
        for table in ["raw_file", "raw_batch", "load_cursor"] {
            try await warehouse.connection.execute("DELETE FROM \(table: "audit", table)")
        }
        let ledger = OperatorLedger(workspace: warehouse.workspace)
        if let cursor {
            try await ledger.setCursor(of: warehouse.entity("things"), to: cursor)
        } else {
            try await ledger.reset(entity)
        }
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"mended","n":4}"#])
        try await warehouse.run { ($0.entities, $0.loadType) = ([entity], .delta) }
        expect(try await warehouse.rows("SELECT v FROM silver.t_things_current"), equals: ["mended"])
        expect(
            try await warehouse.rows(
                "SELECT load_type FROM audit.raw_batch WHERE entity_name = 'things' ORDER BY run_timestamp"),
            equals: ["full", cursor == nil ? "full" : "delta"])
    }

    @Test("a cursor is set to what its column can hold only")
    func cursorOfType() async throws {
        let warehouse = try await things()
        let ledger = OperatorLedger(workspace: warehouse.workspace)
        let said = await #expect(throws: UsageError.self) {
            try await ledger.setCursor(of: warehouse.entity("things"), to: "soon")
        }
        #expect(
            said?.description.hasPrefix("'soon' is no int, which the cursor column 'n' of t.things is") == true,
            "\(said as Any)")
        await #expect(throws: UsageError.self) { try await ledger.setCursor(of: warehouse.entity("others"), to: "1") }
        expect(try await warehouse.rows("SELECT count(*) FROM audit.load_cursor"), equals: ["0"])
    }

    @Test("files without a manifest are no batch")
    func withoutManifest() async throws {
        let warehouse = try await things()
        try warehouse.folder.write(#"{"id":9}"#, to: "raw/t/things/00000000-0000-7000-8000-000000000001/00001.jsonl")
        try warehouse.put([], for: "others")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
    }

    @Test("a system is run once at a time: the second is skipped and says who runs")
    func twoAtOnce() async throws {
        let warehouse = try await things()
        let lease = try #require(try await RunLease.take(SystemID(rawValue: "t"), in: warehouse.workspace).lease)
        try await lease.releasing {
            try warehouse.put([], for: "others")
            let report = try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
            #expect(report.status == .skipped)
            #expect(report.skipReason == .alreadyRunning)
            #expect(report.error == "system 't' is being run by another process")
            expect(
                try await warehouse.rows("SELECT status, error_message FROM audit.system_run"),
                equals: ["skipped | system 't' is being run by another process"])
            expect(try await warehouse.rows("SELECT count(*) FROM audit.raw_batch"), equals: ["0"])
        }
        expect(try await warehouse.run().status, equals: .succeeded)
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
    }

    @Test("a run that follows at once finds the system free")
    func oneAfterTheOther() async throws {
        let warehouse = try await things()
        for _ in 0..<50 {
            let lease = try await RunLease.take(SystemID(rawValue: "t"), in: warehouse.workspace).lease
            try await (try #require(lease)).releasing {}
            let held = try await warehouse.rows(
                """
                SELECT pid FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """)
            try #require(held == [])
        }
    }

    @Test("of several runs that start at once each is skipped or succeeds, and the table is that of one")
    func manyAtOnce() async throws {
        let warehouse = try await things()
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"a","n":1}"#])
        try warehouse.put([], for: "others")
        let workspace = warehouse.workspace
        let statuses = try await withThrowingTaskGroup(of: [RunStatus].self) { group in
            for _ in 0..<4 {
                group.addTask { try await Invocation(workspace: workspace, request: RunRequest()).run().map(\.status) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses.count == 4)
        #expect(statuses.allSatisfy { $0 == .succeeded || $0 == .skipped })
        #expect(statuses.contains(.succeeded))
        expect(try await warehouse.brokenPromises(), equals: [])
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
    }

    @Test("a run whose process vanished is closed by the next one")
    func abandoned() async throws {
        let warehouse = try await things()
        let start = RunStart(workspace: warehouse.workspace, system: SystemID(rawValue: "t"))
        let lost = RunIdentity(id: UUIDValue(high: 1, low: 1), timestamp: warehouse.clock.now())
        let ledger = try await start.open(lost, RunRequest(), trigger: .manual)
        try await ledger.skip(.raw, warehouse.entity("others").id, .noInput)
        try warehouse.put([], for: "others")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        expect(
            try await warehouse.rows(
                "SELECT status, finished_at IS NOT NULL, error_message LIKE '%vanished%' FROM audit.system_run ORDER BY run_timestamp"
            ), equals: ["abandoned | true | true", "succeeded | true | NULL"])
        expect(
            try await warehouse.rows("SELECT status FROM audit.system_layer_run ORDER BY run_timestamp, layer LIMIT 1"),
            equals: ["abandoned"])
    }

    @Test("a run that was taken over cannot commit any more")
    func fenced() async throws {
        let warehouse = try await things()
        let start = RunStart(workspace: warehouse.workspace, system: SystemID(rawValue: "t"))
        let old = RunIdentity(id: UUIDValue(high: 1, low: 1), timestamp: warehouse.clock.now())
        let ledger = try await start.open(old, RunRequest(), trigger: .manual)
        try await warehouse.connection.execute("CREATE TABLE public.written (x int)")
        try warehouse.put([], for: "others")
        let failure = await #expect(throws: LayerFailure.self) {
            try await ledger.record(.bronze, warehouse.entity().id) { step in
                try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
                try await warehouse.workspace.pool.withConnection { connection in
                    try await connection.transaction {
                        try await connection.execute("INSERT INTO public.written VALUES (1)")
                        try await step.commit(RowCounts(), closes: true, on: connection)
                    }
                }
            }
        }
        #expect(failure?.message.contains("was taken over by another run") == true)
        expect(try await warehouse.rows("SELECT x FROM public.written"), equals: [])
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
        expect(try await warehouse.brokenPromises(), equals: [])
    }

    @Test("a raw file of which one byte changed is named, and silver stays as it is; the sibling is applied")
    func torn() async throws {
        let warehouse = try await things()
        try warehouse.put([], for: "others")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        try await land(#"{"id":1,"v":"b","n":2}"#, in: warehouse)
        let file = try await batch(1, of: warehouse) + "/00001.jsonl"
        let intact = try warehouse.folder.text(of: file)
        try FileManager.default.removeItem(atPath: warehouse.folder.path(of: file))
        try warehouse.folder.write(intact.replacingOccurrences(of: "\"b\"", with: "\"c\""), to: file)
        var report = try await warehouse.run { $0.layers = [.bronze, .silver] }
        #expect(report.status == .failed)
        let error = report.steps.compactMap(\.error).first ?? ""
        #expect(error.contains(file) && error.contains("is not what was landed"), "\(error)")
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
        expect(try await warehouse.table("others"), equals: "1 | d2..")
        try FileManager.default.removeItem(atPath: warehouse.folder.path(of: file))
        report = try await warehouse.run { $0.layers = [.bronze, .silver] }
        #expect(report.steps.compactMap(\.error).first?.contains("is missing") == true)
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..")
        try warehouse.folder.write(intact, to: file)
        expect(try await warehouse.run { $0.layers = [.bronze, .silver] }.status, equals: .succeeded)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 1 | d1..d2
                1 | b | 2 | d2..
                """)
    }

    @Test("a failed entity leaves its siblings applied, and a resumed run does only what is left")
    func siblings() async throws {
        let warehouse = try await things()
        try warehouse.put(texts: ["{\"id\":1}\n"], for: "others", ending: "jsonl")
        try warehouse.put(texts: ["x"], ending: "txt")
        warehouse.clock.advance(seconds: 86_400)
        let report = try await warehouse.run()
        #expect(report.status == .failed)
        expect(try await warehouse.table("others"), equals: "1 | d1..")
        expect(
            try await warehouse.audit(),
            equals: """
                raw failed connector
                bronze skipped upstream_failed
                silver skipped upstream_failed
                """)
        expect(
            try await warehouse.rows(
                "SELECT status, nr_entities_succeeded, nr_entities_failed, nr_entities_skipped FROM audit.system_run"),
            equals: ["failed | 1 | 1 | 0"])
        try warehouse.put([#"{"id":1,"v":"a","n":1}"#])
        let failed = try #require(report.run)
        expect(try await warehouse.run { $0.resume = failed.id }.status, equals: .succeeded)
        expect(
            try await warehouse.audit("others"),
            equals: """
                raw skipped already_succeeded
                bronze skipped already_succeeded
                silver skipped already_succeeded
                """)
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1+1us..")
        expect(
            try await warehouse.rows(
                "SELECT trigger_type, retry_of_run_id FROM audit.system_run ORDER BY run_timestamp DESC LIMIT 1"),
            equals: ["retry | \(failed.id)"])
    }

    @Test("a run's instant is later than every earlier one, and not far ahead of now")
    func instants() async throws {
        let warehouse = try await things()
        try warehouse.put([], for: "others")
        let first = try #require(try await warehouse.load(#"{"id":1,"v":"a","n":1}"#).run?.timestamp)
        await #expect(throws: UsageError.self) {
            try await warehouse.run { $0.runTimestamp = first.advanced(byMicroseconds: -1) }
        }
        await #expect(throws: UsageError.self) {
            try await warehouse.run { $0.runTimestamp = first.advanced(byMicroseconds: 600_000_001) }
        }
        let same = try await warehouse.run { $0.runTimestamp = first }
        #expect(same.status == .skipped && same.skipReason == .alreadySucceeded)
        // The clock goes back: time does not.
        warehouse.clock.advance(seconds: -3600)
        try warehouse.put([#"{"id":1,"v":"b","n":1}"#])
        try await warehouse.run()
        try warehouse.put([#"{"id":1,"v":"c","n":1}"#])
        try await warehouse.run {
            $0.runTimestamp = first; $0.force = true
        }
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 1 | d1..d1+1us
                1 | b | 1 | d1+1us..d1+2us
                1 | c | 1 | d1+2us..
                """)
    }

    @Test("a batch older than what is applied is refused as out of order, before anything is written")
    func outOfOrder() async throws {
        let warehouse = try await things()
        try warehouse.put([], for: "others")
        try await warehouse.load(#"{"id":1,"v":"a","n":1}"#)
        try await land(#"{"id":1,"v":"b","n":2}"#, in: warehouse)
        let folder = try await batch(1, of: warehouse)
        try FileManager.default.moveItem(
            atPath: warehouse.folder.path(of: folder), toPath: warehouse.folder.path(of: "elsewhere"))
        for table in ["raw_file", "raw_batch", "load_cursor"] {
            try await warehouse.connection.execute(
                "DELETE FROM \(table: "audit", table) WHERE run_id = \(literal: String(folder.suffix(36)))")
        }
        try await warehouse.load(#"{"id":1,"v":"c","n":3}"#)
        let table = "1 | a | 1 | d1..d3\n1 | c | 3 | d3.."
        expect(try await warehouse.table(), equals: table)
        try FileManager.default.moveItem(
            atPath: warehouse.folder.path(of: "elsewhere"), toPath: warehouse.folder.path(of: folder))
        let report = try await warehouse.load(#"{"id":1,"v":"d","n":4}"#)
        #expect(report.status == .failed)
        #expect(report.steps.compactMap(\.error).first?.contains("out_of_order") == true)
        expect(try await warehouse.table(), equals: table)
        try await warehouse.connection.execute(
            "UPDATE audit.raw_batch SET state = 'discarded' WHERE run_id = \(literal: String(folder.suffix(36)))")
        try await warehouse.run { $0.layers = [.bronze, .silver] }
        expect(try await warehouse.table(), equals: "1 | a | 1 | d1..d3\n1 | c | 3 | d3..d4\n1 | d | 4 | d4..")
    }

    @Test("more entities at once than the pool has connections do not wait for each other for ever")
    func manyEntities() async throws {
        let names = (1...12).map { "e\($0)" }
        let warehouse = try await TestWarehouse(
            try names.map { try TestEntity($0, columns: "id int key") },
            system: #"{"concurrency": 12, "timeout_s": 20}"#,
            poolSize: 4)
        warehouse.clock.advance(seconds: 86_400)
        for name in names { try warehouse.put([#"{"id":1}"#], for: name) }
        expect(try await warehouse.run().status, equals: .succeeded)
        for name in names { expect(try await warehouse.table(name), equals: "1 | d1..") }
    }
}
