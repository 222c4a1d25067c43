import Foundation
import LoopbackHTTP
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("Batches, full and delta", .fewAtOnce)
struct BatchStoriesTests {
    @Test("the same batch again is not stored, not parsed and changes nothing")
    func same() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        let records = [#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#]
        try await warehouse.load(records)
        try await warehouse.load(records)
        try await warehouse.load(records)
        expect(try await warehouse.table(), equals: "1 | a | d1..\n2 | b | d1..")
        expect(
            try await warehouse.audit(),
            equals: """
                raw 2: inserted 2
                bronze 2: unchanged 2
                silver 0: nothing
                """)
        let batches = try await warehouse.rows(
            """
            SELECT state, nr_records, same_as = (SELECT run_id FROM audit.raw_batch ORDER BY landed_at LIMIT 1) AS same
            FROM audit.raw_batch ORDER BY landed_at
            """)
        #expect(batches == ["merged | 2 | NULL", "merged | 2 | true", "merged | 2 | true"])
        let runs = try await warehouse.rows("SELECT run_id FROM audit.raw_batch ORDER BY landed_at")
        let files = try runs.map { try warehouse.folder.names(in: "raw/t/things/\($0)") }
        #expect(files == [["00001.jsonl", "_manifest.json"], ["_manifest.json"], ["_manifest.json"]])
        try await warehouse.load(records.reversed())
        expect(try await warehouse.table(), equals: "1 | a | d1..\n2 | b | d1..")
        expect(
            try await warehouse.audit(),
            equals: """
                raw 2: inserted 2
                bronze 2: unchanged 2
                silver 0: nothing
                """)
        expect(try await warehouse.rows("SELECT count(*) FROM bronze.t_things"), equals: ["2"])
    }

    @Test(
        "the same batch again is landed where the files that it repeats are gone or damaged",
        arguments: ["gone", "folder", "other", "compressed"])
    func sameAsDamaged(damage: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, n int",
                #"{"delta": {"cursor_column": "n"}, "raw": {"compress": "\#(damage == "compressed" ? "zstd" : "none")"}}"#
            ))
        let records = [#"{"id":1,"n":1}"#, #"{"id":2,"n":2}"#]
        try await warehouse.load(records)
        let run = try await warehouse.rows("SELECT run_id FROM audit.raw_batch")[0]
        let name = "raw/t/things/\(run)/00001.jsonl\(damage == "compressed" ? ".zst" : "")"
        if damage == "gone" || damage == "folder" {
            let lost = damage == "gone" ? name : "raw/t/things/\(run)"
            try FileManager.default.removeItem(atPath: warehouse.folder.path(of: lost))
        } else {
            try warehouse.folder.write(Array(records.joined(separator: "\n").replacing("1", with: "3").utf8), to: name)
        }
        for _ in 1...2 {
            let report = try await warehouse.load(records)
            expect(report.steps.compactMap(\.error), equals: [])
        }
        // The second file holds good, and the third batch repeats it.
        expect(
            try await warehouse.rows(
                """
                SELECT cursor_value, same_as = (SELECT run_id FROM audit.raw_batch ORDER BY landed_at OFFSET 1 LIMIT 1) AS same
                FROM audit.raw_batch JOIN audit.load_cursor USING (run_id) ORDER BY landed_at
                """), equals: ["2 | NULL", "2 | NULL", "2 | true"])
        expect(try await warehouse.table(), equals: "1 | 1 | d1..\n2 | 2 | d1..")
    }

    @Test(
        "a source is not asked whether it changed where the files that it would repeat are gone",
        arguments: ["gone", "shorter"])
    func revalidatedDamaged(damage: String) async throws {
        let server = try LoopbackServer { request in
            guard request.header("If-None-Match") == nil else { return LoopbackResponse(status: 304) }
            return LoopbackResponse(
                headers: [("Content-Type", "application/json"), ("ETag", "\"1\"")], body: Array(#"[{"id":1}]"#.utf8))
        }
        defer { server.stop() }
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key", #"{"source": {"path": "/things"}}"#),
            system: #"{"type": "rest", "connection": {"base_url": "\#(server.url)"}}"#)
        func load() async throws {
            warehouse.clock.advance(seconds: 86_400)
            try await warehouse.run()
        }
        for _ in 1...2 { try await load() }
        let run = try await warehouse.rows("SELECT run_id FROM audit.raw_batch ORDER BY landed_at")[0]
        let path = warehouse.folder.path(of: "raw/t/things/\(run)/00001.json")
        try FileManager.default.removeItem(atPath: path)
        if damage == "shorter" { try warehouse.folder.write(Array("[".utf8), to: "raw/t/things/\(run)/00001.json") }
        for _ in 1...2 { try await load() }
        // The third batch has files of its own, which the fourth repeats.
        expect(
            try await warehouse.rows(
                "SELECT nr_files, dense_rank() OVER (ORDER BY coalesce(same_as, run_id)) FROM audit.raw_batch ORDER BY landed_at"
            ),
            equals: ["1 | 1", "1 | 1", "1 | 2", "1 | 2"])
        expect(try await warehouse.table(), equals: "1 | d1..")
    }

    @Test("the log's index of runs leaves out the first batch, which is all there was, and finds each later one")
    func indexOfRuns() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load((1...3).map { #"{"id":\#($0),"v":"a"}"# })
        try await warehouse.load((1...3).map { #"{"id":\#($0),"v":"b"}"# })
        let instants = try await warehouse.rows("SELECT run_timestamp FROM audit.raw_batch ORDER BY 1")
        try await warehouse.connection.execute("SET enable_seqscan = off")
        var plans: [String] = []
        for instant in instants {
            let plan = try await warehouse.connection.query(
                "EXPLAIN SELECT FROM bronze.t_things WHERE _run_timestamp = \(literal: instant)::timestamptz")
            plans.append(try plan.map { try $0.get(0, as: String.self) }.joined())
        }
        #expect(plans.map { $0.contains("t_things_run") } == [false, true])
    }

    @Test("another batch in between makes the same bytes count again")
    func sameAgain() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        try await warehouse.load(#"{"id":1,"v":"b"}"#)
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d2
                1 | b | d2..d3
                1 | a | d3..
                """)
    }

    @Test("a delta brings changes only; its cursor is the greatest value landed, not above the run's instant")
    func delta() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v text, at timestamptz",
                #"{"load_type": "delta", "delta": {"cursor_column": "at", "lookback_s": 3600}}"#))
        let cursors: @Sendable () async throws -> [String] = {
            try await warehouse.rows(
                """
                SELECT load_type, cursor_from, cursor_to FROM audit.entity_layer_run
                WHERE layer = 'raw' ORDER BY started_at
                """)
        }
        try await warehouse.load(
            #"{"id":1,"v":"a","at":"2025-12-01T00:00:00Z"}"#, #"{"id":2,"v":"b","at":"2025-12-02T01:00:00+01:00"}"#,
            #"{"id":3,"v":"c","at":"2030-01-01T00:00:00Z"}"#, #"{"id":4,"v":"d","at":null}"#)
        try await warehouse.load(#"{"id":2,"v":"B","at":"2026-01-01T12:00:00Z"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 2025-12-01 00:00:00+00 | d1..
                2 | b | 2025-12-02 00:00:00+00 | d1..d2
                2 | B | 2026-01-01 12:00:00+00 | d2..
                3 | c | 2030-01-01 00:00:00+00 | d1..
                4 | d | NULL | d1..
                """)
        try await warehouse.load()
        try await warehouse.load(#"{"id":1,"v":"a","at":"2026-01-02T00:00:00Z"}"#)
        expect(
            try await cursors(),
            equals: [
                "full | NULL | 2025-12-02T00:00:00.000000Z",
                "delta | 2025-12-01T23:00:00.000000Z | 2026-01-01T12:00:00.000000Z",
                "delta | 2026-01-01T11:00:00.000000Z | NULL",
                "delta | 2026-01-01T11:00:00.000000Z | 2026-01-02T00:00:00.000000Z",
            ])
        // Only the cursor moved: it is overwritten in place.
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 2026-01-02 00:00:00+00 | d1..
                2 | b | 2025-12-02 00:00:00+00 | d1..d2
                2 | B | 2026-01-01 12:00:00+00 | d2..
                3 | c | 2030-01-01 00:00:00+00 | d1..
                4 | d | NULL | d1..
                """)
        try await warehouse.load(
            #"{"id":1,"v":"a","at":"2026-01-02T00:00:00Z"}"#, #"{"id":2,"v":"B","at":"2026-01-04T00:00:00Z"}"#,
            type: .full)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | 2026-01-02 00:00:00+00 | d1..
                2 | b | 2025-12-02 00:00:00+00 | d1..d2
                2 | B | 2026-01-04 00:00:00+00 | d2..
                3 | c | 2030-01-01 00:00:00+00 | d1..d5 deleted
                4 | d | NULL | d1..d5 deleted
                """)
        expect(try await cursors().last, equals: "full | NULL | 2026-01-04T00:00:00.000000Z")
    }

    @Test(
        "a cursor may be a number, a date or a text, and begins at initial",
        arguments: [
            ("bigint", "5", "7", #", "lookback_s": 2"#, "3"), ("numeric", "5.5", "7", #", "lookback_s": 2"#, "3.5"),
            ("date", #""2025-01-05""#, #""2025-01-07""#, #", "lookback_s": 172800"#, "2025-01-03"),
            ("text", #""b""#, #""c""#, "", "b"),
            (
                "timestamp", #""2025-01-01T00:00:00""#, #""2025-01-02T00:00:00""#,
                #", "lookback_s": 1"#, "2024-12-31T23:59:59.000000"
            ),
        ])
    func cursorTypes(type: String, initial: String, value: String, lookback: String, from: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, n \(type)",
                #"{"load_type": "delta", "delta": {"cursor_column": "n", "initial": \#(initial)\#(lookback)}}"#))
        try await warehouse.load(#"{"id":1,"n":\#(value)}"#, #"{"id":2,"n":null}"#)
        let rows = try await warehouse.rows(
            "SELECT load_type, cursor_from, cursor_to IS NOT NULL FROM audit.entity_layer_run WHERE layer = 'raw'")
        #expect(rows == ["delta | \(from) | true"])
        try await warehouse.load(#"{"id":2,"n":\#(value)}"#)
        expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things WHERE _is_current"), equals: ["2"])
    }

    @Test("with mode all the source itself delivers only changes")
    func modeAll() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, v text", #"{"load_type": "delta", "delta": {"mode": "all"}}"#))
        try await warehouse.load(#"{"id":1,"v":"a"}"#, #"{"id":2,"v":"b"}"#)
        try await warehouse.load(#"{"id":2,"v":"c"}"#)
        // The same record in another file: one of the same bytes would not be landed at all.
        try await warehouse.load(#"{"id":2,"v":"c"}"#, "")
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..
                2 | b | d1..d2
                2 | c | d2..
                """)
        #expect(try await warehouse.audit().contains("bronze 1: unchanged 1"))
        try await warehouse.load(#"{"id":2,"v":"c"}"#, type: .full)
        try await warehouse.load(#"{"id":1,"v":"a"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d4 deleted
                1 | a | d5..
                2 | b | d1..d2
                2 | c | d2..
                """)
        expect(
            try await warehouse.rows("SELECT _change FROM bronze.t_things ORDER BY _run_timestamp DESC LIMIT 1"),
            equals: ["restore"])
    }

    @Test("a delta load of an entity with neither cursor nor mode all is a usage error, and leaves no trace")
    func impossibleDelta() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        await #expect(throws: UsageError.self) { try await warehouse.load(#"{"id":1}"#, type: .delta) }
        expect(try await warehouse.rows("SELECT count(*) FROM audit.system_run"), equals: ["0"])
    }

    @Test("batches that wait are merged oldest first, each with its own instant")
    func waiting() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, v text"))
        for (value, layers) in [("a", [Layer.raw]), ("b", [.raw, .bronze]), ("c", [.raw])] {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put([#"{"id":1,"v":"\#(value)"}"#])
            try await warehouse.run { $0.layers = Set(layers) }
        }
        try await warehouse.load(#"{"id":1,"v":"d"}"#)
        expect(
            try await warehouse.table(),
            equals: """
                1 | a | d1..d2
                1 | b | d2..d3
                1 | c | d3..d4
                1 | d | d4..
                """)
        expect(
            try await warehouse.audit(),
            equals: """
                raw 1: inserted 1
                bronze 2: updated 2
                silver 4: inserted 1, updated 3
                """)
        expect(
            try await warehouse.rows(
                """
                SELECT count(DISTINCT t._run_id) AS runs, count(*) FILTER (WHERE b.state = 'merged') AS merged
                FROM silver.t_things t JOIN audit.raw_batch b ON b.run_id = t._run_id
                """), equals: ["4 | 4"])
    }
}
