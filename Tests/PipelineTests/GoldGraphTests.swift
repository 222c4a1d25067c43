import Foundation
import JSON
import Metadata
import Testing

@testable import Pipeline

@Suite("The gold graph")
struct GoldGraphTests {
    /// other ← a, b ← c; lone reads nothing of gold.
    private func diamond() throws -> GoldGraph {
        try GoldProject([
            "c": "SELECT * FROM gold.a, gold.b", "b": "TABLE gold.other", "a": "TABLE gold.other",
            "lone": "TABLE silver.iso_subdivisions", "other": "TABLE silver.iso_countries_current",
        ]).load()
    }

    @Test("comes in waves that can be built in parallel")
    func waves() throws {
        let graph = try diamond()
        #expect(graph.waves.map { $0.map(\.name) } == [["lone", "other"], ["a", "b"], ["c"]])
        #expect(graph["b"]?.inputs == [.gold("other")])
        #expect(graph["missing"] == nil)
    }

    @Test("names what a change reaches, in order")
    func affected() throws {
        let graph = try diamond()
        #expect(graph.affected(by: ["iso_countries"]).map(\.name) == ["other", "a", "b", "c"])
        #expect(graph.affected(by: ["iso_subdivisions"], failed: ["b"]).map(\.name) == ["lone", "b", "c"])
        #expect(graph.affected(by: []).isEmpty)
        #expect(graph.affected(by: ["nothing"], failed: ["gone"]).isEmpty)
    }

    @Test("names what a failure holds back")
    func downstream() throws {
        let graph = try diamond()
        #expect(graph.downstream(of: [.gold("a")]).map(\.name) == ["c"])
        #expect(graph.downstream(of: [.silver("iso_countries"), .gold("c")]).map(\.name) == ["other", "a", "b", "c"])
    }

    @Test("has a hash that follows every script's content, but neither prose nor order")
    func hash() throws {
        let first = try GoldProject(["a": "-- key: x\nSELECT 1 AS x", "b": "TABLE gold.a"]).load()
        let prose = try GoldProject(["b": "-- Prose.\nTABLE gold.a", "a": "-- Words.\n-- key: x\nSELECT 1 AS x"]).load()
        #expect(first.hash == prose.hash)
        for other in ["SELECT 1 AS x", "-- key: x\nSELECT 2 AS x", "-- key: x\n-- materialize: table\nSELECT 1 AS x"] {
            #expect(try GoldProject(["a": other, "b": "TABLE gold.a"]).load().hash != first.hash)
        }
    }

    @Test("links the checked-in scripts to the checked-in metadata")
    func checkedIn() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path()
        let file = try JSONReader.parse(String(contentsOfFile: "\(root)/metadata/entities.json", encoding: .utf8))
        let entities = try #require(file.arrayValue ?? file["entities"]?.arrayValue)
        let ids = try entities.map { entity in
            let system = SystemID(rawValue: try #require(entity["system_id"]?.stringValue))
            return EntityID(system: system, name: try #require(entity["name"]?.stringValue))
        }
        let catalog = Catalog(
            systems: Set(ids.map(\.system)).sorted().map { id in
                SourceSystem(id: id, name: "", description: "", type: "file", connection: .object([]))
            },
            entities: ids.map { Entity(id: $0, columns: []) }, hash: GoldProject.catalog.hash)
        let graph = try GoldGraph.load(project: root, catalog: catalog)
        #expect(graph["country_overview"]?.inputs.contains(.gold("subdivisions_per_country")) == true)
        #expect(graph.affected(by: ["iso_languages"]).map(\.name) == ["languages_by_scope_and_type"])
        #expect(graph.order.allSatisfy { !$0.description.isEmpty && !$0.key.isEmpty })
    }

    @Test("is empty without a folder, and passes over other files")
    func otherFiles() throws {
        #expect(try GoldGraph.load(project: "/nonexistent", catalog: GoldProject.catalog).order.isEmpty)
        #expect(try GoldProject(["README.md": "# gold", ".hidden.sql": "DROP"]).load().order.isEmpty)
    }

    @Test("prints each cycle once, from its first name, without the scripts that only read from it")
    func cycles() throws {
        let project = try GoldProject([
            "a": "TABLE gold.b", "b": "TABLE gold.c", "c": "SELECT * FROM gold.b, silver.iso_countries",
            "d": "SELECT * FROM gold.d", "e": "TABLE gold.d",
        ])
        let error = #expect(throws: MetadataError.self) { try project.load() }
        #expect(error?.problems.map(\.file) == ["sql/gold/b.sql", "sql/gold/d.sql"])
        #expect(error?.problems.map(\.what) == ["a cycle: b → c → b", "a cycle: d → d"])
    }

    @Test("collects the problems of all files, one line each")
    func problems() throws {
        let project = try GoldProject([
            "good": "TABLE silver.iso_countries", "bad": "TABLE gold.god", "Worse": "SELECT 1; SELECT 2",
            "odd.SQL": "SELECT 1",
        ])
        let error = #expect(throws: MetadataError.self) { try project.load() }
        #expect(
            error?.problems.map(\.description) == [
                "sql/gold/Worse.sql: the name 'Worse', expected lower-case letters, digits and _, a letter first",
                "sql/gold/Worse.sql: line 1: 2 statements, expected one SELECT; put the others into files of their own",
                "sql/gold/bad.sql: line 1: unknown gold script 'gold.god', expected the name of a file in sql/gold; "
                    + "did you mean 'gold.good'?",
                "sql/gold/odd.SQL: the ending '.SQL', expected '.sql'",
            ])
    }
}
