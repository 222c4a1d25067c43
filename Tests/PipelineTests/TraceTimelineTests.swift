import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("A trace of what the data date themselves", .fewAtOnce)
struct TraceTimelineTests {
    @Test("gives late, corrected, repeated, deleted and returning changes to the versions that they made")
    func effective() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v text, gone boolean stored=false, at timestamptz",
                #"""
                {"load_type": "delta", "delta": {"mode": "all"}, "effective_time_column": "at",
                 "delete_marker": {"column": "gone", "equals": true}}
                """#))
        func record(_ value: String, _ day: Int, gone: Bool = false) -> String {
            #"{"id":1,"v":"\#(value)","gone":\#(gone),"at":"2026-01-0\#(day)T00:00:00Z"}"#
        }
        try await warehouse.load(record("a", 1), record("c", 5))
        try await warehouse.load(record("b", 3))
        try await warehouse.load(record("B", 3), record("B", 4))
        try await warehouse.load(record("x", 6, gone: true))
        try await warehouse.load(record("d", 8))
        expect(
            try await warehouse.trace("id=1"),
            equals: """
                1 d1..d3
                  d1 upsert opened as of d1 1/1 {"id":1,"v":"a","gone":false,"at":"2026-01-01T00:00:00Z"}
                2 d3..d5
                  v a → B
                  at 2026-01-01 00:00:00+00 → 2026-01-04 00:00:00+00
                  d2 upsert replaced as of d3 1/1 {"id":1,"v":"b","gone":false,"at":"2026-01-03T00:00:00Z"}
                  d3 upsert opened as of d3 1/1 {"id":1,"v":"B","gone":false,"at":"2026-01-03T00:00:00Z"}
                  d3 upsert overwrote as of d4 1/2 {"id":1,"v":"B","gone":false,"at":"2026-01-04T00:00:00Z"}
                    at 2026-01-03 00:00:00+00 → 2026-01-04 00:00:00+00
                3 d5..d6 deleted
                  v B → c
                  at 2026-01-04 00:00:00+00 → 2026-01-05 00:00:00+00
                  d1 upsert opened as of d5 1/2 {"id":1,"v":"c","gone":false,"at":"2026-01-05T00:00:00Z"}
                  d4 delete closed as of d6 1/1 {"id":1,"v":"x","gone":true,"at":"2026-01-06T00:00:00Z"}
                4 d8..
                  v c → d
                  at 2026-01-05 00:00:00+00 → 2026-01-08 00:00:00+00
                  d5 upsert opened as of d8 1/1 {"id":1,"v":"d","gone":false,"at":"2026-01-08T00:00:00Z"}
                """)
    }

    @Test("shows what was held to be true before it was known better")
    func bitemporal() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v text, at timestamptz",
                #"""
                {"load_type": "delta", "delta": {"mode": "all"}, "effective_time_column": "at", "history": "bitemporal"}
                """#))
        func record(_ value: String, _ day: Int) -> String {
            #"{"id":1,"v":"\#(value)","at":"2026-01-0\#(day)T00:00:00Z"}"#
        }
        try await warehouse.load(record("a", 1))
        try await warehouse.load(record("c", 5))
        try await warehouse.load(record("b", 3))
        try await warehouse.load(record("d", 7))
        expect(
            try await warehouse.trace("id=1"),
            equals: """
                1 d1.. superseded
                  d1 upsert opened as of d1 1/1 {"id":1,"v":"a","at":"2026-01-01T00:00:00Z"}
                2 d1..d5 superseded
                  d1 upsert opened as of d1 1/1 {"id":1,"v":"a","at":"2026-01-01T00:00:00Z"}
                3 d1..d3
                  d1 upsert opened as of d1 1/1 {"id":1,"v":"a","at":"2026-01-01T00:00:00Z"}
                4 d3..d5
                  v a → b
                  at 2026-01-01 00:00:00+00 → 2026-01-03 00:00:00+00
                  d3 upsert opened as of d3 1/1 {"id":1,"v":"b","at":"2026-01-03T00:00:00Z"}
                5 d5.. superseded
                  v a → c
                  at 2026-01-01 00:00:00+00 → 2026-01-05 00:00:00+00
                  d2 upsert opened as of d5 1/1 {"id":1,"v":"c","at":"2026-01-05T00:00:00Z"}
                6 d5..d7
                  v b → c
                  at 2026-01-03 00:00:00+00 → 2026-01-05 00:00:00+00
                  d2 upsert opened as of d5 1/1 {"id":1,"v":"c","at":"2026-01-05T00:00:00Z"}
                7 d7..
                  v c → d
                  at 2026-01-05 00:00:00+00 → 2026-01-07 00:00:00+00
                  d4 upsert opened as of d7 1/1 {"id":1,"v":"d","at":"2026-01-07T00:00:00Z"}
                """)
    }

    @Test("tells what came late and was left out", arguments: ["ignore", "reject"])
    func late(mode: String) async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, v text, n int scd=1, at timestamptz",
                #"""
                {"load_type": "delta", "delta": {"mode": "all"}, "effective_time_column": "at",
                 "late_arrivals": "\#(mode)"}
                """#))
        func record(_ value: String, _ number: Int, _ day: Int) -> String {
            #"{"id":1,"v":"\#(value)","n":\#(number),"at":"2026-01-0\#(day)T00:00:00Z"}"#
        }
        try await warehouse.load(record("a", 1, 1))
        try await warehouse.load(record("c", 1, 5))
        try await warehouse.load(record("a", 2, 3))
        try await warehouse.load(record("c", 1, 6))
        let late = mode == "ignore" ? "late" : #"rejected("it came late: something newer was known of its key")"#
        expect(
            try await warehouse.trace("id=1"),
            equals: """
                1 d1..d5
                  d1 upsert opened as of d1 1/1 \(record("a", 1, 1))
                  d3 upsert \(late) as of d3 1/1 \(record("a", 2, 3))
                2 d5..
                  v a → c
                  at 2026-01-01 00:00:00+00 → 2026-01-06 00:00:00+00
                  d2 upsert opened as of d5 1/1 \(record("c", 1, 5))
                  d4 upsert overwrote as of d6 1/1 \(record("c", 1, 6))
                    at 2026-01-05 00:00:00+00 → 2026-01-06 00:00:00+00
                """)
    }
}
