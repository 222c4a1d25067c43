import JSON
import Postgres
import TestKit
import Testing

@Suite("The operator's commands")
struct OperatorTests {
    @Test("init, run, status: a new project runs at once and ends with a gold view")
    func newProject() async throws {
        let project = try await OperatorProject()
        let before = try await project.medallion("status")
        #expect(before.status == 0 && before.output.contains("never ran"), "\(before)")
        let run = try await project.medallion("run")
        #expect(run.status == 0, "\(run)")
        let cities = try await project.sql("SELECT city, nr_people, nr_with_email FROM gold.people_by_city ORDER BY 1")
        #expect(try cities.map { try $0.get(0, as: String.self) } == ["Göttingen", "London", "Stockholm"])
        #expect(try cities.map { try $0.get(1, as: Int.self) } == [2, 2, 1])
        #expect(try cities.map { try $0.get(2, as: Int.self) } == [2, 1, 0])
        let status = try await project.json("status").arrayValue ?? []
        #expect(status.map { $0["entity"]?.stringValue } == ["contacts", "people", "people_by_city"])
        #expect(status.allSatisfy { ($0["silver"] ?? $0["gold"])?["status"]?.stringValue == "succeeded" })
        #expect(status[1]["silver"]?["nr_records_inserted"]?.intValue == 5)
    }

    @Test("init refuses a folder that is not empty")
    func notEmpty() async throws {
        let folder = try TemporaryFolder()
        try folder.write("mine", to: "notes.txt")
        let made = try await Binary.run(["init", folder.path], in: folder.path)
        #expect(made.status == 2 && made.errors.contains("not empty (it has notes.txt)"), "\(made)")
        #expect(try folder.names() == ["notes.txt"])
    }

    @Test("runs list and show tell counts and rejects, by id and by its beginning")
    func runs() async throws {
        let project = try await OperatorProject()
        try project.folder.write(
            "{\"id\": 1, \"name\": \"A\"}\n{\"id\": \"x\", \"name\": \"B\"}\n", to: "data/people.jsonl")
        #expect(try await project.medallion("run").status == 0)
        let id = try await project.lastRun()
        let shown = try await project.medallion("runs", "show", String(id.dropLast(2)))
        #expect(shown.status == 0 && shown.output.contains("rejected records"), "\(shown)")
        #expect(shown.output.contains("bronze example.people, column id: 1 ×"), "\(shown.output)")
        let json = try await project.json("runs", "show", id)
        #expect(json["steps"]?.arrayValue?.count == 6)
        for step in json["steps"]?.arrayValue ?? [] where step["layer"]?.stringValue == "raw" {
            #expect((step["peak_memory_bytes"]?.intValue ?? 0) > 1_000_000 && step["cpu_ms"]?.intValue != nil)
            for rate in ["records_per_second", "bytes_per_second"] {
                #expect(step[rate].map { $0 != .null } == true, "\(step)")
            }
        }
        let header = try #require(shown.output.split(separator: "\n").first { $0.hasPrefix("entity") })
        #expect(
            header.split(separator: " ") == [
                "entity", "layer", "try", "status", "load", "in", "inserted", "rejected", "records/s", "MB/s",
                "peak", "memory", "cpu", "time",
            ])
        #expect(json["rejects"]?.arrayValue?.first?["nr_records"]?.intValue == 1)
        let none = try await project.medallion("runs", "show", "ffffffff")
        #expect(none.status == 2 && none.errors.contains("no run 'ffffffff'"), "\(none)")
        let many = try await project.medallion("runs", "show", "0")
        #expect(many.status == 2 && many.errors.contains("beginning of several runs"), "\(many)")
        let over = try await project.medallion("runs", "cancel", id)
        #expect(over.status == 2 && over.errors.contains("is not running: it succeeded already"), "\(over)")
    }

    @Test("a blocked batch is listed with its reason and can be discarded; a merged one cannot")
    func discard() async throws {
        let project = try await OperatorProject()
        try project.writePeople(1...40)
        #expect(try await project.medallion("run").status == 0)
        let merged = try await project.peopleBatch()
        try project.writePeople(1...2)
        #expect(try await project.medallion("run").status == 1)
        let blocked = try await project.peopleBatch()
        #expect(blocked.state == "blocked")
        let listed = try await project.medallion("batch", "list")
        #expect(listed.output.contains(blocked.run) && !listed.output.contains(merged.run), "\(listed)")
        #expect(try await project.medallion("doctor").status == 1)

        let typo = try await project.medallion("batch", "discard", blocked.run, "example.poeple")
        #expect(typo.status == 2 && typo.errors.contains("did you mean 'example.people'?"), "\(typo)")
        let refused = try await project.medallion("batch", "discard", merged.run, "example.people")
        #expect(refused.status == 2 && refused.errors.contains("the batch is merged"), "\(refused)")
        let discarded = try await project.medallion("batch", "discard", blocked.run, "example.people")
        #expect(discarded.status == 0, "\(discarded)")
        #expect(try await project.peopleBatch().state == "discarded")
        let again = try await project.medallion("batch", "discard", blocked.run, "example.people")
        #expect(again.status == 2 && again.errors.contains("discarded already"), "\(again)")
        #expect(try await project.medallion("batch", "list").output.contains("no batch is waiting"))
        #expect(try await project.medallion("doctor").status == 0)
    }

    @Test("a normalized batch cannot be discarded: bronze has its changes already")
    func normalized() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run", "--layer", "raw", "--layer", "bronze").status == 0)
        let batch = try await project.peopleBatch()
        #expect(batch.state == "normalized")
        let refused = try await project.medallion("batch", "discard", batch.run, "example.people")
        #expect(refused.status == 2 && refused.errors.contains("--layer silver"), "\(refused)")
        #expect(try await project.medallion("run", "--layer", "silver").status == 0)
        #expect(try await project.peopleBatch().state == "merged")
    }

    @Test("a cursor is set and forgotten by hand, append-only, and only where there is one")
    func cursor() async throws {
        let project = try await OperatorProject()
        let entities = try project.folder.text(of: "metadata/entities.json")
        let delta =
            #""load_type": "delta", "delta": {"mode": "cursor", "cursor_column": "born"}, "source": {"path": "people.jsonl"}"#
        let changed = entities.replacing(
            #""load_type": "full",\#n      "source": {"path": "people.jsonl"}"#, with: delta)
        try #require(changed != entities)
        try project.folder.write(changed, to: "metadata/entities.json")
        #expect(try await project.medallion("run").status == 0)
        func cursors() async throws -> [JSONValue] { try await project.json("cursor", "show").arrayValue ?? [] }
        #expect(try await cursors().map { $0["cursor_value"]?.stringValue } == ["1882-03-23"])
        let set = try await project.medallion("cursor", "set", "example.people", "1800-01-01")
        #expect(set.status == 0 && set.output.contains("begins at 1800-01-01"), "\(set)")
        #expect(try await cursors().first?["set_by"]?.stringValue == "operator")
        let reset = try await project.medallion("reset", "example.people")
        #expect(reset.status == 0 && reset.output.contains("is a full one"), "\(reset)")
        #expect(try await cursors().first?["reset"]?.boolValue == true)
        #expect(try await project.sql("SELECT count(*) FROM audit.load_cursor")[0].get(0, as: Int.self) == 3)
        #expect(try await project.medallion("run", "--entity", "example.people").status == 0)
        let loads = try await project.json("runs", "show", try await project.lastRun())
        #expect(loads["steps"]?.arrayValue?.first?["load_type"]?.stringValue == "full")

        let typo = try await project.medallion("cursor", "reset", "example.pepole")
        #expect(typo.status == 2 && typo.errors.contains("did you mean 'example.people'?"), "\(typo)")
        let without = try await project.medallion("cursor", "set", "example.contacts", "1")
        #expect(without.status == 2 && without.errors.contains("has no cursor"), "\(without)")
    }

    @Test("what a connector and the metadata take is told without a project")
    func descriptions() async throws {
        let folder = try TemporaryFolder()
        let list = try await Binary.run(["connectors", "list"], in: folder.path)
        #expect(list.status == 0 && list.output.contains("file") && list.output.contains("rest"), "\(list)")
        let described = try await Binary.run(["connectors", "describe", "file"], in: folder.path)
        #expect(described.status == 0 && described.output.contains("records_path"), "\(described)")
        let typo = try await Binary.run(["connectors", "describe", "fiel"], in: folder.path)
        #expect(typo.status == 2 && typo.errors.contains("did you mean 'file'?"), "\(typo)")
        for file in ["systems", "entities"] {
            let schema = try await Binary.run(["metadata", "schema", file], in: folder.path)
            #expect(try JSONReader.parse(Array(schema.output.utf8))["$defs"] != nil)
        }
        let completion = try await Binary.run(["--generate-completion-script", "bash"], in: folder.path)
        #expect(completion.status == 0 && completion.output.contains("doctor"), "\(completion.errors)")
    }
}
