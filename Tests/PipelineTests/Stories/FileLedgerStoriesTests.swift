import Foundation
import Pipeline
import Postgres
import TestKit
import Testing

@Suite("Files that come one by one", .fewAtOnce)
struct FileLedgerStoriesTests {
    private func put(_ warehouse: TestWarehouse, _ name: String, _ text: String?) throws {
        if let text {
            try warehouse.folder.write(text, to: "source/things/\(name)")
        } else {
            try FileManager.default.removeItem(atPath: warehouse.folder.path(of: "source/things/\(name)"))
        }
    }

    @Test("three loads: a new file, a changed one, and one that is gone; only the new and the changed are landed")
    func ledger() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, name text",
                #"""
                {"load_type": "delta", "delta": {"mode": "all"},
                 "source": {"path": "things/*.csv", "csv": {"delimiter": ";", "encoding": "latin1", "null_texts": ["-"]}}}
                """#))
        func run() async throws {
            warehouse.clock.advance(seconds: 86_400)
            #expect(try await warehouse.run().status == .succeeded)
        }
        try put(warehouse, "1.csv", "id;name\n1;Ann\n2;-\n")
        try put(warehouse, "2.csv", "id;name\n3;Cleo\n")
        try await run()
        try put(warehouse, "2.csv", "id;name\n3;Clio\n")
        try put(warehouse, "3.csv", "id;name\n1;Anna\n4;Dan\n")
        try await run()
        try put(warehouse, "1.csv", nil)
        try await run()
        let landed = try await warehouse.rows(
            "SELECT nr_files::text || ' ' || nr_records FROM audit.raw_batch ORDER BY run_timestamp")
        #expect(landed == ["2 3", "2 3", "0 0"])
        let history = """
            1 | Ann | d1..d2
            1 | Anna | d2..
            2 | NULL | d1..
            3 | Cleo | d1..d2
            3 | Clio | d2..
            4 | Dan | d2..
            """
        expect(try await warehouse.table(), equals: history)
        #expect(try await warehouse.rebuildDifferences(from: .raw) == [])
    }

    @Test("XML becomes documents: attributes, lists, booleans as texts; what was rejected is retried")
    func xml() async throws {
        let source = #"{"source": {"path": "things/*.xml", "records_path": "/shop/item", "lists": ["tag"]}}"#
        func entity(_ rank: String) throws -> TestEntity {
            try TestEntity(
                columns: "id int key path=/@id, name text, open boolean, tags json path=/tags/tag, rank \(rank)", source
            )
        }
        let warehouse = try await TestWarehouse(entity("int"))
        try put(
            warehouse, "1.xml",
            """
            <?xml version="1.0" encoding="ISO-8859-1"?>
            <shop><item id="1"><name>Ann &amp; Bob</name><open>1</open><tags><tag>x</tag></tags><rank/></item>
            <item id="2"><name/><open>false</open><tags><tag>x</tag><tag l="e">y</tag></tags><rank>7</rank></item></shop>
            """)
        warehouse.clock.advance(seconds: 86_400)
        #expect(try await warehouse.run().status == .succeeded)
        expect(
            try await warehouse.table(),
            equals: """
                1 | Ann & Bob | true | ["x"] | NULL | d1..
                2 | NULL | false | ["x", {"@l": "e", "#text": "y"}] | 7 | d1..
                """)
        #expect(try await warehouse.rebuildDifferences(from: .raw) == [])

        try put(warehouse, "2.xml", "<shop><item id=\"3\"><open>1</open><rank>none</rank></item></shop>")
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run()
        #expect(try await warehouse.rows("SELECT count(*)::text FROM silver.t_things WHERE id = 3") == ["0"])
        try warehouse.change(entity(#"int null_values=["none"]"#))
        warehouse.clock.advance(seconds: 86_400)
        #expect(try await QuarantineRetry(workspace: warehouse.workspace).run().outcomes.map(\.accepted) == [1])
        #expect(
            try await warehouse.rows("SELECT open::text || coalesce(rank, 0) FROM silver.t_things WHERE id = 3")
                == ["true0"])
    }
}
