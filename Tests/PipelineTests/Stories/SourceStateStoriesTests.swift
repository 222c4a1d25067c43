import Foundation
import Metadata
import Pipeline
import Postgres
import Primitives
import TestKit
import Testing

@Suite("The state that a program leaves behind", .fewAtOnce)
struct SourceStateStoriesTests {
    /// A program that brings what the source folder holds, counts its calls in its state, and notes the state that it got.
    private func warehouse() async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text",
                #"{"load_type": "delta", "delta": {"mode": "all"}, "source": {}}"#),
            system: #"""
                {"type": "process",
                 "connection": {"protocol": "jsonl", "command": ["sh", "project/program"]}}
                """#)
        try warehouse.folder.write(
            #"""
            if [ "$1" = describe ]; then
                echo '{"type":"describe","protocol":1,"commands":["read"]}'
            else
                touch state.json
                echo "$(sed 's/.*"load_type":"\([a-z]*\)".*/\1/' request.json) $(cat state.json)" >> project/seen
                sed 's/.*/{"type":"record","stream":"things","record":&}/' project/source/things/*.jsonl
                number=$(sed 's/[^0-9]//g' state.json)
                [ -f project/silent ] || echo "{\"type\":\"state\",\"value\":{\"calls\": $((number + 1))}}"
                [ -f project/broken ] && exit 1
            fi
            echo '{"type":"done"}'
            """#, to: "program")
        return warehouse
    }

    private func seen(_ warehouse: TestWarehouse) throws -> [String] {
        try warehouse.folder.text(of: "seen").split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test("each delta load gets the state of the last registered batch, and only that")
    func resumes() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        try await warehouse.load(#"{"id":2,"name":"Bob"}"#)
        try warehouse.folder.write("", to: "broken")
        let report = try await warehouse.load(#"{"id":3,"name":"lost"}"#)
        #expect(report.status == .failed)
        try FileManager.default.removeItem(atPath: warehouse.folder.path(of: "broken"))
        try await warehouse.load(#"{"id":3,"name":"Cleo"}"#)
        #expect(
            try seen(warehouse) == ["delta", #"delta {"calls": 1}"#, #"delta {"calls": 2}"#, #"delta {"calls": 2}"#])
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | d1..
                2 | Bob | d2..
                3 | Cleo | d4..
                """)
    }

    @Test("a program that tells no state leaves the old one in force; a full load begins anew")
    func kept() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        try warehouse.folder.write("", to: "silent")
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        try FileManager.default.removeItem(atPath: warehouse.folder.path(of: "silent"))
        try await warehouse.load([#"{"id":1,"name":"Ann"}"#], type: .full)
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        try await OperatorLedger(workspace: warehouse.workspace).reset(warehouse.entity().id)
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        #expect(
            try seen(warehouse) == [
                "delta", #"delta {"calls": 1}"#, #"delta {"calls": 1}"#, "full", #"delta {"calls": 1}"#, "full",
            ])
        expect(try await warehouse.table(), equals: "1 | Ann | d1..")
    }

    @Test("the state of a batch that was given up is not gone on from")
    func discarded() async throws {
        let warehouse = try await warehouse()
        try await warehouse.load(#"{"id":1,"name":"Ann"}"#)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":2,"name":"Bob"}"#])
        try await warehouse.run { $0.layers = [.raw] }
        let batches = try await warehouse.rows("SELECT run_id FROM audit.raw_batch ORDER BY run_timestamp")
        let run = try #require(UUIDValue(batches[1]))
        try await OperatorLedger(workspace: warehouse.workspace).discard(run, of: warehouse.entity().id)
        try await warehouse.load(#"{"id":2,"name":"Bo"}"#)
        #expect(try seen(warehouse) == ["delta", #"delta {"calls": 1}"#, #"delta {"calls": 1}"#])
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann | d1..
                2 | Bo | d3..
                """)
    }
}
