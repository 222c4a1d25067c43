import Foundation
import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("Delta loads of files", .fewAtOnce)
struct DeltaStoriesTests {
    private func warehouse(_ delta: String) async throws -> TestWarehouse {
        try await TestWarehouse(
            TestEntity(columns: "id int key, name text, no bigint", #"{"load_type": "delta", "delta": \#(delta)}"#))
    }

    @Test("records older than the cursor are left out; those without one are kept, and nobody is deleted")
    func filtered() async throws {
        let warehouse = try await warehouse(#"{"cursor_column": "no"}"#)
        try await warehouse.load(#"{"id":1,"name":"Ann","no":9}"#, #"{"id":2,"name":"Bob","no":10}"#)
        try await warehouse.load(
            #"{"id":1,"name":"old","no":9}"#, #"{"id":2,"name":"Bo","no":10}"#, #"{"id":3,"name":"Cleo","no":100}"#,
            #"{"id":4,"name":"Dan","no":null}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | 9 | d1..
                2 | Bob | 10 | d1..d2
                2 | Bo | 10 | d2..
                3 | Cleo | 100 | d2..
                4 | Dan | NULL | d2..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 4: inserted 4
                bronze 4: inserted 2, updated 1, unchanged 1
                silver 3: inserted 2, updated 1
                """)
        try await warehouse.load(#"{"id":3,"name":"Cleo","no":99}"#)
        expect(
            try await warehouse.rows("SELECT cursor_value FROM audit.v_current_cursor"), equals: ["100"])
    }

    @Test("what deletes and what does not fit is left out by its cursor, too, and moves it")
    func filteredDeletesAndRejects() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, n int, no bigint, gone boolean stored=false",
                """
                {"load_type": "delta", "delta": {"cursor_column": "no"}, "max_reject_fraction": 1,
                 "delete_marker": {"column": "gone", "equals": true}}
                """))
        let first = [
            #"{"id":1,"n":1,"no":1}"#, #"{"id":1,"gone":true,"no":2}"#, #"{"id":1,"n":3,"no":3}"#,
            #"{"id":2,"n":"x","no":4}"#,
            #"{"id":3,"n":"x","no":"y"}"#,
        ]
        try await warehouse.load(first + [#"{"id":4,"n":4,"no":5}"#])
        try await warehouse.load(first + [#"{"id":5,"n":5,"no":6}"#, #"{"id":4,"gone":true,"no":8}"#])
        expect(
            try await warehouse.table(),
            equals: """
                1 | 3 | 3 | d1..
                4 | 4 | 5 | d1..d2 deleted
                5 | 5 | 6 | d2..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 7: inserted 7
                bronze 7: inserted 1, deleted 1, unchanged 4, rejected 1
                silver 2: inserted 1, deleted 1
                """)
        expect(try await warehouse.rows("SELECT cursor_value FROM audit.v_current_cursor"), equals: ["8"])
    }

    @Test("a cursor never moves behind the run, however many digits the year has")
    func bound() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, at timestamptz", #"{"load_type": "delta", "delta": {"cursor_column": "at"}}"#))
        try await warehouse.load(
            #"{"id":1,"at":"9999-12-31T23:59:59-05:00"}"#, #"{"id":2,"at":"2025-01-01T00:00:00Z"}"#,
            #"{"id":3,"at":"2099-01-01T00:00:00Z"}"#)
        expect(
            try await warehouse.rows("SELECT cursor_value FROM audit.v_current_cursor"),
            equals: ["2025-01-01T00:00:00.000000Z"])
    }

    @Test("a look-back reaches behind the cursor")
    func lookback() async throws {
        let warehouse = try await warehouse(#"{"cursor_column": "no", "lookback_s": 2}"#)
        try await warehouse.load(#"{"id":1,"name":"Ann","no":10}"#)
        try await warehouse.load(#"{"id":1,"name":"late","no":8}"#, #"{"id":2,"name":"too late","no":7}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | 10 | d1..d2
                1 | late | 8 | d2..
                """)
    }

    @Test("after a reset the next load brings everything once, whatever the initial cursor says")
    func reset() async throws {
        for delta in [#"{"cursor_column": "no", "initial": 5}"#, #"{"mode": "all"}"#] {
            let warehouse = try await warehouse(delta)
            try await warehouse.load(#"{"id":1,"name":"Ann","no":6}"#)
            let operators = OperatorLedger(workspace: warehouse.workspace)
            try await operators.reset(warehouse.entity().id)
            try await warehouse.load(#"{"id":2,"name":"Bob","no":1}"#)
            expect(
                try await warehouse.table(),
                equals: """
                    1 | Ann | 6 | d1..d2 deleted
                    2 | Bob | 1 | d2..
                    """)
            try await warehouse.load(#"{"id":3,"name":"Cleo","no":7}"#)
            expect(
                try await warehouse.rows("SELECT load_type FROM audit.raw_batch ORDER BY run_timestamp"),
                equals: ["delta", "full", "delta"])
        }
    }

    @Test("a damaged manifest stops its own entity only")
    func damagedManifest() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity("good", columns: "id int key"), TestEntity("bad", columns: "id int key"))
        try warehouse.put([#"{"id":1}"#], for: "good")
        try warehouse.put([#"{"id":1}"#], for: "bad")
        warehouse.clock.advance(seconds: 86_400)
        var generator = SystemRandomNumberGenerator()
        let run = UUIDValue.version7(at: warehouse.clock.now(), using: &generator)
        try warehouse.folder.write("{", to: "raw/t/bad/\(run)/_manifest.json")
        let report = try await warehouse.run()
        #expect(report.status == .failed)
        expect(try await warehouse.table("good"), equals: "1 | d1..")
        expect(
            try await warehouse.audit("bad"),
            equals: """
                raw failed parse
                bronze skipped upstream_failed
                silver skipped upstream_failed
                """)
        #expect(report.steps.contains { $0.error?.contains("\(run)/_manifest.json is damaged") == true })
    }
}
