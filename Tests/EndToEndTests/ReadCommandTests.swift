import Foundation
import JSON
import LoopbackHTTP
import Synchronization
import TestKit
import Testing

@Suite("medallion read shows records straight from a source")
struct ReadCommandTests {
    private static let fake = """
        [{"name": "items", "system_id": "src", "description": "Items", "load_type": "delta", "key": ["id"],
          "delta": {"cursor_column": "updated_at"},
          "source": {"rows": 100000, "page_size": 100, "delay_ms": 20, "malformed_every": 4},
          "columns": [{"name": "id", "type": "bigint"}, {"name": "quantity", "type": "int"},
                      {"name": "city", "type": "text", "path": "/address/city"},
                      {"name": "updated_at", "type": "timestamptz"}]},
         {"name": "tags", "system_id": "src", "description": "Tags", "load_type": "delta",
          "bronze": {"pattern": "explode", "from": "items", "path": "/tags", "parent_columns": ["id"]},
          "key": ["item", "tag"],
          "columns": [{"name": "item", "type": "bigint", "path": "/_parent/id"},
                      {"name": "tag", "type": "text", "path": "/value"}]}]
        """

    @Test("a landing ends as soon as enough records came, and nothing stays")
    func limit() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("fake", "{}"), entities: Self.fake)
        let read = try await project.medallion("read", "src.items", "--limit", "3")
        #expect(read.status == 0, "\(read)")
        #expect(try AuthorProject.lines(read.output).map { $0["id"]?.intValue } == [1, 2, 3])
        #expect(read.errors.contains("3 records from fake seed 1 day 1, 1000 pages in") && read.errors.contains("more"))
        try project.expectNothingLeft()
        #expect(try project.folder.names() == ["metadata"])
    }

    @Test("each column says what it reads, or why it would be rejected")
    func columns() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("fake", "{}"), entities: Self.fake)
        let read = try await project.medallion("read", "src.items", "--limit", "12", "--columns")
        #expect(read.status == 0, "\(read)")
        #expect(read.output.contains("✗ is not a whole number"))
        #expect(read.output.contains("✗ would not be kept: the record cannot be read: a string contains half"))
        let lines = read.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.contains { $0 == ["id", "bigint", "8"] } == false, "a record that cannot be read has no columns")
        #expect(lines.contains { $0 == ["id", "bigint", "11"] })
        let plain = try await project.medallion("read", "src.items", "--limit", "4")
        #expect(plain.errors.contains("record 4 would not be kept: updated_at: "), "\(plain)")
    }

    @Test("an exploded entity is read from its parent's records")
    func exploded() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("fake", "{}"), entities: Self.fake)
        let read = try await project.medallion("read", "src.tags", "--limit", "3")
        #expect(read.status == 0, "\(read)")
        let parents = try AuthorProject.lines(read.output).map { $0["_parent"]?["id"]?.intValue }
        #expect(parents == [1, 1, 2], "\(read)")
    }

    @Test("a delta load begins where it is told to")
    func delta() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("fake", "{\"day\": 3}"), entities: Self.fake)
        let none = try await project.medallion("read", "src.items", "--load", "delta")
        #expect(none.status == 2 && none.errors.contains("--from VALUE"), "\(none)")
        let read = try await project.medallion(
            "read", "src.items", "--load", "delta", "--from", "2026-01-03T00:00:00Z", "--limit", "2")
        #expect(read.status == 0, "\(read)")
        let instants = try AuthorProject.lines(read.output).compactMap { $0["updated_at"]?.stringValue }
        #expect(instants.count == 2 && instants.allSatisfy { $0 >= "2026-01-03" }, "\(read)")
    }

    @Test("files are read in part; --raw gives the bytes")
    func files() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system("file", "{\"root\": \"data\"}"),
            entities: """
                [{"name": "rows", "system_id": "src", "description": "Rows", "load_type": "full", "key": ["id"],
                  "source": {"path": "rows.csv"},
                  "columns": [{"name": "id", "type": "int"}, {"name": "at", "type": "date"}]}]
                """)
        try project.folder.write("id,at\n1,2026-01-01\n2,\n3,bad", to: "data/rows.csv")
        let all = try await project.medallion("read", "src.rows", "--columns")
        #expect(
            try AuthorProject.lines(
                all.output.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(separator: "\n")
            ).count == 3)
        #expect(
            all.output.contains("NULL") && all.output.contains("at: ") && all.errors.contains("which is all"), "\(all)")
        let raw = try await project.medallion("read", "src.rows", "--raw")
        #expect(raw.output == "id,at\n1,2026-01-01\n2,\n3,bad")
    }

    @Test("for_each takes its row from the command line")
    func parent() async throws {
        let asked = Mutex<[String]>([])
        let server = try LoopbackServer { request in
            asked.withLock { $0.append(request.path) }
            return .json(#"[{"line": 1}, {"line": 2}]"#)
        }
        defer { server.stop() }
        let project = try AuthorProject(
            systems: AuthorProject.system("rest", "{\"base_url\": \"\(server.url)\"}"),
            entities: """
                [{"name": "orders", "system_id": "src", "description": "Orders", "load_type": "full", "key": ["id"],
                  "source": {"path": "/orders"}, "columns": [{"name": "id", "type": "int"}]},
                 {"name": "lines", "system_id": "src", "description": "Lines", "load_type": "full",
                  "key": ["order_id", "line"], "for_each": {"entity": "orders", "columns": ["id"]},
                  "source": {"path": "/orders/{{ parent.id }}/lines"},
                  "columns": [{"name": "order_id", "type": "int", "path": "/_parent/id"},
                              {"name": "line", "type": "int"}]}]
                """)
        let none = try await project.medallion("read", "src.lines")
        #expect(none.status == 2 && none.errors.contains(#"--parent '{"id": …}'"#), "\(none)")
        let read = try await project.medallion("read", "src.lines", "--parent", #"{"id": 17}"#, "--limit", "1")
        #expect(read.status == 0, "\(read)")
        #expect(read.output == "{\"_parent\":{\"id\":17},\"line\": 1}\n")
        #expect(asked.withLock(\.self) == ["/orders/17/lines"])
        let wrong = try await project.medallion("read", "src.lines", "--parent", "17")
        #expect(wrong.status == 2 && wrong.errors.contains("--parent is no JSON object"), "\(wrong)")
    }

    @Test("a program is ended with its children once enough came, and its folder is gone")
    func program() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system(
                "process", #"{"protocol": "plain", "command": ["sh", "project/endless"]}"#
            ).replacing("project/endless", with: "endless"),
            entities: """
                [{"name": "ticks", "system_id": "src", "description": "Ticks", "load_type": "full", "key": ["n"],
                  "source": {"format": "jsonl", "args": []}, "columns": [{"name": "n", "type": "int"}]}]
                """)
        try project.folder.write(
            "n=0; echo $$ > project/pid; while :; do n=$((n + 1)); echo \"{\\\"n\\\": $n}\"; sleep 0.01; done",
            to: "endless")
        let systems = try project.folder.text(of: "metadata/systems.json")
        try project.folder.write(
            systems.replacing("\"endless\"", with: "\"\(project.folder.path)/endless\""), to: "metadata/systems.json")
        let read = try await project.medallion("read", "src.ticks", "--limit", "4")
        #expect(read.status == 0, "\(read)")
        #expect(try AuthorProject.lines(read.output).map { $0["n"]?.intValue } == [1, 2, 3, 4])
        try project.expectNothingLeft()
        let id = try #require(Int32(try project.folder.text(of: "pid").split(separator: "\n")[0]))
        #expect(kill(id, 0) != 0 && errno == ESRCH)
    }

    @Test("what is wrong with the metadata, or the name, is said")
    func faults() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("fake", "{}"), entities: Self.fake)
        let typo = try await project.medallion("read", "src.itms")
        #expect(typo.status == 2 && typo.errors.contains("did you mean 'src.items'?"), "\(typo)")
        let system = try await project.medallion("read", "srk.items")
        #expect(system.status == 2 && system.errors.contains("did you mean 'src'?"), "\(system)")
    }
}
