import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Rejected records, tried again", .fewAtOnce)
struct QuarantineRetryTests {
    private func strict(_ attributes: String = "{}") throws -> TestEntity {
        try TestEntity(columns: "id int key, v int", attributes)
    }

    /// Mended: 'n/a' means NULL.
    private func mended(_ attributes: String = "{}") throws -> TestEntity {
        try TestEntity(columns: #"id int key, v int null_values=["n/a"]"#, attributes)
    }

    @Test("the items of what is landed again come with it; those of what stays rejected do not")
    func items() async throws {
        func entities(_ total: String) throws -> [TestEntity] {
            [
                try TestEntity("orders", columns: "id int key, total int \(total)", #"{"max_reject_fraction": 1}"#),
                try TestEntity(
                    "lines", columns: "id int key, sku text key",
                    #"{"bronze": {"pattern": "explode", "from": "orders", "path": "/lines", "parent_columns": ["id"]}}"#
                ),
            ]
        }
        let warehouse = try await TestWarehouse(try entities(""))
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(
            [
                #"{"id":1,"total":1,"lines":[{"sku":"a"}]}"#,
                #"{"id":2,"total":"n/a","lines":[{"sku":"b"},{"sku":"c"}]}"#,
                #"{"id":3,"total":"bad","lines":[{"sku":"d"}]}"#,
            ], for: "orders")
        try await warehouse.run()
        expect(try await warehouse.table("lines"), equals: "1 | a | d1..")
        try warehouse.change(entities(#"null_values=["n/a"]"#))
        warehouse.clock.advance(seconds: 86_400)
        let (outcomes, reports) = try await QuarantineRetry(workspace: warehouse.workspace).run()
        expect(outcomes.map(\.accepted), equals: [1])
        expect(reports.map(\.status), equals: [.succeeded])
        try await warehouse.checkPromises()
        expect(
            try await warehouse.table("lines"),
            equals: """
                1 | a | d1..
                2 | b | d2..
                2 | c | d2..
                """)
        expect(
            try await warehouse.audit("lines"),
            equals: """
                raw skipped no_input
                bronze 2: inserted 2
                silver 2: inserted 2
                """)
        // Who retries once more finds nothing, and the next run brings nothing twice.
        warehouse.clock.advance(seconds: 86_400)
        expect(try await QuarantineRetry(workspace: warehouse.workspace).run().outcomes.map(\.accepted), equals: [0])
        try await warehouse.run()
        expect(try await warehouse.rebuildDifferences("lines", from: .bronze), equals: [])
    }

    @Test("more than memory should hold comes with the next retry, but for what belongs together")
    func tooMuch() async throws {
        let text = String(repeating: "x", count: 20_000)
        func records(_ ids: ClosedRange<Int>) -> [String] { ids.map { #"{"id":\#($0),"v":"n/a","text":"\#(text)"}"# } }
        let warehouse = try await TestWarehouse(strict(#"{"max_reject_fraction": 1}"#))
        try await warehouse.load(records(1...1_000) + [#"{"id":1,"v":"n/a","text":"last"}"#])
        var accepted: [Int] = []
        let workspace = try warehouse.workspace(with: mended())
        for isFirst in [true, false] {
            warehouse.clock.advance(seconds: 86_400)
            let outcome = try #require(try await QuarantineRetry(workspace: workspace).run().outcomes.first)
            accepted.append(outcome.accepted)
            #expect(isFirst ? outcome.postponed > 0 : outcome.postponed == 0)
        }
        expect(accepted.reduce(0, +), equals: 1_001)
        expect(
            try await warehouse.rows(
                "SELECT doc ->> 'text' = 'last', count(*) FROM bronze.t_things GROUP BY 1 ORDER BY 2"),
            equals: ["true | 1", "false | 999"])
    }

    private let quarantine: SQLText = """
        SELECT r.record_no, coalesce(r.resolution, 'open') AS resolution,
            r.resolved_by_run_id IS NOT DISTINCT FROM (SELECT run_id FROM audit.v_last_run WHERE system_id = 't') AS by_last
        FROM audit.rejected_record r ORDER BY r.run_timestamp, r.record_no
        """

    @Test(
        "what the mended metadata accepts becomes versions of the retry's run; the rest stays; once more changes nothing"
    )
    func accepted() async throws {
        let warehouse = try await TestWarehouse(strict())
        try await warehouse.load(#"{"id":1,"v":1}"#)
        try await warehouse.load(
            #"{"id":1,"v":"n/a"}"#, #"{"id": 2, "v": "n/a"}"#, #"{"id":3,"v":"bad"}"#, #"{"id":4,"v":4}"#)
        let before = """
            1 | 1 | d1..
            4 | 4 | d2..
            """
        expect(try await warehouse.table(), equals: before)
        // Nothing is mended yet: everything stays.
        warehouse.clock.advance(seconds: 86_400)
        let none = try await QuarantineRetry(workspace: warehouse.workspace).run()
        #expect(none.outcomes.map(\.stillRejected) == [3] && none.outcomes.map(\.accepted) == [0])
        try await warehouse.checkPromises()
        expect(try await warehouse.table(), equals: before)
        expect(
            try await warehouse.audit(),
            equals: """
                raw skipped no_input
                bronze 3: rejected 3
                silver skipped no_input
                """)
        warehouse.clock.advance(seconds: 86_400)
        let workspace = try warehouse.workspace(with: mended())
        let retried = try await QuarantineRetry(workspace: workspace).run()
        try await warehouse.checkPromises()
        #expect(retried.outcomes.map(\.accepted) == [2] && retried.outcomes.map(\.stillRejected) == [1])
        let table = """
            1 | 1 | d1..d4
            1 | NULL | d4..
            2 | NULL | d4..
            4 | 4 | d2..
            """
        expect(try await warehouse.table(), equals: table)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 2: inserted 2
                bronze 3: inserted 1, updated 1, rejected 1
                silver 2: inserted 1, updated 1
                """)
        expect(
            try await warehouse.rows(quarantine),
            equals: ["1 | retried | true", "2 | retried | true", "3 | open | false"])
        expect(
            try await warehouse.rows(
                """
                SELECT trigger_type, status, b.load_type, b.state, b.nr_records FROM audit.system_run
                JOIN audit.raw_batch b USING (run_id) ORDER BY system_run.run_timestamp DESC LIMIT 1
                """), equals: ["retry | succeeded | delta | merged | 2"])
        // Its raw files are a batch like any other: the bytes of the records are those that were received.
        let raw = try await warehouse.rows(
            "SELECT doc_hash FROM (SELECT count(DISTINCT _doc_hash) AS doc_hash FROM bronze.t_things WHERE _key_hash IN (SELECT _key_hash FROM silver.t_things WHERE id = 2)) x"
        )
        #expect(raw == ["1"])
        warehouse.clock.advance(seconds: 86_400)
        let again = try await QuarantineRetry(workspace: workspace).run()
        try await warehouse.checkPromises()
        #expect(again.outcomes.map(\.accepted) == [0] && again.outcomes.map(\.stillRejected) == [1])
        expect(try await warehouse.table(), equals: table)
        // The next full load goes on from there.
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":"n/a"}"#, #"{"id": 2, "v": "n/a"}"#, #"{"id":3,"v":3}"#, #"{"id":4,"v":4}"#])
        try await warehouse.run(in: workspace)
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1 | d1..d4
                1 | NULL | d4..
                2 | NULL | d4..
                3 | 3 | d6..
                4 | 4 | d2..
                """)
    }

    @Test("what is newer of a key wins: a document of a later delta, the last of several rejected ones")
    func newerDocument() async throws {
        let delta = #"{"delta": {"mode": "all"}}"#
        let warehouse = try await TestWarehouse(strict(delta))
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":2}"#, #"{"id":3,"v":3}"#)
        try await warehouse.load(#"{"id":1,"v":"n/a"}"#, #"{"id":2,"v":"n/a","w":"first"}"#, type: .delta)
        try await warehouse.load(#"{"id":1,"v":10}"#, #"{"id":2,"v":"n/a","w":"second"}"#, type: .delta)
        warehouse.clock.advance(seconds: 86_400)
        let retried = try await QuarantineRetry(workspace: try warehouse.workspace(with: mended(delta))).run()
        try await warehouse.checkPromises()
        #expect(retried.outcomes.map(\.accepted) == [1] && retried.outcomes.map(\.superseded) == [2])
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1 | d1..d3
                1 | 10 | d3..
                2 | 2 | d1..d4
                2 | NULL | d4..
                3 | 3 | d1..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 1: inserted 1
                bronze 3: updated 1, duplicate 2
                silver 1: updated 1
                """)
        expect(
            try await warehouse.rows(quarantine),
            equals: ["1 | superseded | true", "2 | superseded | true", "2 | retried | true"])
        expect(
            try await warehouse.rows(
                "SELECT doc ->> 'w' AS w FROM bronze.t_things ORDER BY _run_timestamp DESC LIMIT 1"),
            equals: ["second"])
    }

    @Test("a newer full load says all of every key: a deleted key does not come back")
    func newerFullLoad() async throws {
        let warehouse = try await TestWarehouse(strict())
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":2}"#)
        try await warehouse.load(#"{"id":1,"v":"n/a"}"#, #"{"id":2,"v":2}"#, #"{"id":3,"v":"n/a"}"#)
        try await warehouse.load(#"{"id":2,"v":2}"#)
        let table = """
            1 | 1 | d1..d3 deleted
            2 | 2 | d1..
            """
        expect(try await warehouse.table(), equals: table)
        warehouse.clock.advance(seconds: 86_400)
        let retried = try await QuarantineRetry(workspace: try warehouse.workspace(with: mended())).run()
        try await warehouse.checkPromises()
        #expect(retried.outcomes.map(\.superseded) == [2] && retried.outcomes.map(\.accepted) == [0])
        expect(try await warehouse.table(), equals: table)
        expect(
            try await warehouse.audit(), equals: "raw skipped no_input\nbronze 2: duplicate 2\nsilver skipped no_input")
        #expect(try await AuditQueries(pool: warehouse.workspace.pool).rejects().isEmpty)
    }

    @Test("what is still bad is over, too, once a newer full load tells all, or its batch was given up")
    func over() async throws {
        let warehouse = try await TestWarehouse(strict(#"{"max_reject_fraction": 0.1}"#))
        try await warehouse.load(#"{"id":1,"v":1}"#)
        // Blocked, and superseded by the next one.
        expect(try await warehouse.load((1...10).map { #"{"id":\#($0),"v":"bad"}"# }).status, equals: .failed)
        try await warehouse.load(#"{"id":1,"v":"bad"}"#, #"{"id":2,"v":2}"#)
        try await warehouse.load(#"{"id":1,"v":"worse"}"#, #"{"id":2,"v":2}"#)
        warehouse.clock.advance(seconds: 86_400)
        let retried = try await QuarantineRetry(workspace: warehouse.workspace).run()
        try await warehouse.checkPromises()
        #expect(retried.outcomes.map(\.superseded) == [11] && retried.outcomes.map(\.stillRejected) == [1])
        expect(
            try await warehouse.audit(),
            equals: "raw skipped no_input\nbronze 12: duplicate 11, rejected 1\nsilver skipped no_input")
        let open = try await AuditQueries(pool: warehouse.workspace.pool).quarantine(limit: 20)
        #expect(open.map(\.excerpt) == ["worse"])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..\n2 | 2 | d3..")
    }

    @Test("records that were landed again by a process that died before it could say so are found superseded")
    func adopted() async throws {
        let warehouse = try await TestWarehouse(strict())
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":"n/a"}"#)
        warehouse.clock.advance(seconds: 86_400)
        let workspace = try warehouse.workspace(with: mended())
        #expect(try await QuarantineRetry(workspace: workspace).run().outcomes.map(\.accepted) == [1])
        // As if the batch had been adopted by a later run: it is there, the resolution is not.
        try await warehouse.connection.execute(
            "UPDATE audit.rejected_record SET resolved_at = NULL, resolved_by_run_id = NULL, resolution = NULL")
        let table = "1 | 1 | d1..\n2 | NULL | d2.."
        expect(try await warehouse.table(), equals: table)
        warehouse.clock.advance(seconds: 86_400)
        let again = try await QuarantineRetry(workspace: workspace).run()
        try await warehouse.checkPromises()
        #expect(again.outcomes.map(\.accepted) == [0] && again.outcomes.map(\.superseded) == [1])
        expect(try await warehouse.table(), equals: table)
    }

    @Test("with an effective time, too, a key that was deleted since, or never came, does not come in")
    func effectiveTime() async throws {
        let attributes = #"{"effective_time_column": "at", "max_delete_fraction": 1}"#
        func entity(_ column: String) throws -> TestEntity {
            try TestEntity(columns: "id int key, at timestamptz, v \(column)", attributes)
        }
        func record(_ id: Int, _ day: Int, _ value: String) -> String {
            #"{"id":\#(id),"at":"2026-01-0\#(day)T00:00:00Z","v":\#(value)}"#
        }
        let warehouse = try await TestWarehouse(entity("int"))
        try await warehouse.load(record(1, 1, "1"), record(2, 1, "2"), record(4, 1, "4"))
        try await warehouse.load(record(1, 2, #""n/a""#), record(2, 1, "2"), record(3, 2, #""n/a""#), record(4, 1, "4"))
        try await warehouse.load(record(2, 1, "2"), record(4, 3, #""n/a""#))
        warehouse.clock.advance(seconds: 86_400)
        let workspace = try warehouse.workspace(with: entity(#"int null_values=["n/a"]"#))
        let retried = try await QuarantineRetry(workspace: workspace).run()
        #expect(retried.outcomes.map(\.superseded) == [2] && retried.outcomes.map(\.accepted) == [1])
        expect(
            try await warehouse.rows(
                "SELECT run_timestamp::date - DATE '2025-12-31' AS day, record_no, resolution FROM audit.rejected_record ORDER BY 1, 2"
            ),
            equals: ["2 | 1 | superseded", "2 | 3 | superseded", "3 | 2 | retried"])
    }

    @Test("retried records that break a check wait in bronze like any batch, and go on when the check allows it")
    func checked() async throws {
        let check = #"{"checks": [{"type": "not_null", "column": "v"}]}"#
        let warehouse = try await TestWarehouse(strict(check))
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":"n/a"}"#)
        warehouse.clock.advance(seconds: 86_400)
        let failed = try await QuarantineRetry(workspace: try warehouse.workspace(with: mended(check))).run()
        try await warehouse.checkPromises()
        #expect(failed.outcomes.map(\.accepted) == [1] && failed.reports.first?.status == .failed)
        expect(try await warehouse.table(), equals: "1 | 1 | d1..")
        #expect(try await warehouse.audit().contains("silver failed quality"))
        warehouse.clock.advance(seconds: 86_400)
        let again = try await warehouse.run(in: try warehouse.workspace(with: mended())) { $0.layers = [.silver] }
        expect(again.map(\.status), equals: [.succeeded])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..\n2 | NULL | d2..")
        expect(try await warehouse.rows(quarantine), equals: ["2 | retried | false"])
    }

    @Test("CSV rows keep their notation: quotes, commas, empty cells and loose booleans")
    func csv() async throws {
        func entity(_ type: String) throws -> TestEntity {
            try TestEntity(
                columns: "id int key, v \(type), w text, b boolean", #"{"source": {"path": "things/*.csv"}}"#)
        }
        let warehouse = try await TestWarehouse(entity("int"))
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put(
            texts: ["id,v,w,b\n1,1,a,t\n2,x,\"say \"\"no\"\", now\",t\n3,y,,f\n", "id,b,v,w\n4,1,z,\"\"\n"],
            ending: "csv")
        try await warehouse.run()
        expect(try await warehouse.table(), equals: "1 | 1 | a | true | d1..")
        warehouse.clock.advance(seconds: 86_400)
        // 'x', 'y' and 'z' now mean NULL.
        let workspace = try warehouse.workspace(with: entity(#"int null_values=["x","y","z"]"#))
        let retried = try await QuarantineRetry(workspace: workspace).run()
        try await warehouse.checkPromises()
        #expect(retried.outcomes.map(\.accepted) == [3])
        expect(
            try await warehouse.table(),
            equals: """
                1 | 1 | a | true | d1..
                2 | NULL | say "no", now | true | d2..
                3 | NULL | NULL | false | d2..
                4 | NULL |  | true | d2..
                """)
        expect(try await warehouse.rows("SELECT count(*) FROM audit.raw_file WHERE nr_records > 0"), equals: ["4"])
    }

    @Test("a batch that waits may hold something newer: it is decided first")
    func waiting() async throws {
        let warehouse = try await TestWarehouse(strict())
        try await warehouse.load(#"{"id":1,"v":1}"#, #"{"id":2,"v":"n/a"}"#)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":1,"v":1}"#, #"{"id":2,"v":2}"#])
        try await warehouse.run { $0.layers = [.raw] }
        let workspace = try warehouse.workspace(with: mended())
        let refused = try await QuarantineRetry(workspace: workspace).run()
        #expect(refused.reports.first?.steps.first?.error?.contains("is landed and may hold newer records") == true)
        try await warehouse.checkPromises()
        try await warehouse.run { $0.layers = [.bronze, .silver] }
        let retried = try await QuarantineRetry(workspace: workspace).run()
        #expect(retried.outcomes.map(\.superseded) == [1])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..\n2 | 2 | d2..")
    }

    @Test("personal data is shown in quarantine and by checks only to who asks for it")
    func personal() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v int, mail text path=contact.mail",
                #"{"checks": [{"type": "unique", "column": "mail", "severity": "warn"}]}"#))
        try await warehouse.load(#"{"id": 1, "v": "x", "contact": {"mail": "a@b.example"}}"#, #"{"id":2,"v":"#)
        var entity = warehouse.entity()
        entity.columns[2].pii = .mask
        let records = try await AuditQueries(pool: warehouse.workspace.pool).quarantine(limit: 10)
        let reader = QuarantineReader(workspace: warehouse.workspace)
        #expect(
            try reader.texts(of: records, entity, masks: true).map(\.text)
                == [#"{"id":1,"v":"x","contact":{"mail":"‹personal data›"}}"#, "‹personal data›"])
        #expect(
            try reader.texts(of: records, entity, masks: false).map(\.text)
                == [#"{"id": 1, "v": "x", "contact": {"mail": "a@b.example"}}"#, #"{"id":2,"v":"#])
        var workspace = warehouse.workspace
        workspace.catalog = Catalog(
            systems: workspace.catalog.systems, entities: [entity], hash: workspace.catalog.hash)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([3, 4].map { #"{"id":\#($0),"contact":{"mail":"c@d.example"}}"# })
        let report = try await warehouse.run(in: workspace)
        #expect(
            report.first?.steps.last?.warnings
                == ["check 'unique_mail' warned: 1 violation of unique of mail (‹personal data›)"])
    }
}
