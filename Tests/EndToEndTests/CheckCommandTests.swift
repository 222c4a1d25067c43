import Foundation
import JSON
import LoopbackHTTP
import TestKit
import Testing

@Suite("medallion check tries a system before its first run")
struct CheckCommandTests {
    private static let entities = """
        [{"name": "orders", "system_id": "src", "description": "Orders", "load_type": "full", "key": ["id"],
          "source": {"path": "/orders"}, "columns": [{"name": "id", "type": "int"}]},
         {"name": "lines", "system_id": "src", "description": "Lines", "load_type": "full", "key": ["id"],
          "for_each": {"entity": "orders", "columns": ["id"]}, "source": {"path": "/orders/{{ parent.id }}"},
          "columns": [{"name": "id", "type": "int"}]}]
        """

    private func project(_ url: String) throws -> AuthorProject {
        let connection = """
            {"base_url": "\(url)", "retry": {"attempts": 1},
             "auth": {"type": "bearer", "token": {"secret": "shop_token"}}}
            """
        return try AuthorProject(systems: AuthorProject.system("rest", connection), entities: Self.entities)
    }

    @Test("one line for each thing tried; the secret's provider, never its value; exit code 1 where something failed")
    func lines() async throws {
        let server = try LoopbackServer { request in
            guard let given = request.header("Authorization"), given == "Bearer canary-0815-value" else {
                return .json("{\"refused\": \"\(request.header("Authorization") ?? "")\"}", status: 401)
            }
            return .json(#"[{"id": 7}]"#)
        }
        defer { server.stop() }
        let project = try project(server.url)
        let secret = "MEDALLION_SECRET_SHOP_TOKEN"
        let good = try await project.medallion("check", "src", environment: [secret: "canary-0815-value"])
        #expect(good.status == 0, "\(good)")
        #expect(good.output.contains("✓ metadata: valid; 2 entities of src, type rest"))
        #expect(good.output.contains("✓ secret shop_token: from environment\n"), "\(good)")
        #expect(good.output.contains("✓ src.orders: answers with records"))
        #expect(good.output.contains("– src.lines: not tried") && good.output.contains(#"--parent '{"id": …}'"#))
        #expect(!good.output.contains("canary"))

        let other = try LoopbackServer { _ in .json(#"[{"id": "x"}]"#) }
        defer { other.stop() }
        let unfit = try await self.project(other.url)
            .medallion("check", "src", environment: [secret: "canary-0815-value"])
        #expect(unfit.status == 1 && unfit.output.contains("✗ src.orders: it answers, but its first record would not"))

        let refused = try await project.medallion("check", "src", environment: [secret: "canary-4711-value"])
        #expect(refused.status == 1 && refused.output.contains("✗ src.orders: ") && refused.output.contains("→ "))
        #expect(!"\(refused)".contains("canary-4711"), "\(refused)")

        let missing = try await project.medallion("check", "src", "--json")
        #expect(missing.status == 1, "\(missing)")
        let values = try AuthorProject.lines(missing.output)
        #expect(values.map { $0["status"]?.stringValue } == ["ok", "failed"])
        #expect(values.last?["remedy"]?.stringValue?.contains(secret) == true)
        try project.expectNothingLeft()
    }

    @Test("a row of for_each is tried when it is given; metadata problems are lines of their own")
    func parents() async throws {
        let server = try LoopbackServer { .json(#"[{"id": \#($0.path.count)}]"#) }
        defer { server.stop() }
        let project = try project(server.url)
        let environment = ["MEDALLION_SECRET_SHOP_TOKEN": "canary-0815-value"]
        let lines = try await project.medallion(
            "check", "src", "--entity", "lines", "--parent", #"{"id": 3}"#, environment: environment)
        #expect(lines.status == 0 && lines.output.contains("✓ src.lines: answers with records"), "\(lines)")
        #expect(!lines.output.contains("src.orders:"))
        try project.folder.write(
            Self.entities.replacing(#""load_type": "full", "key": ["id"],"#, with: #""load_type": "full","#),
            to: "metadata/entities.json")
        let faulty = try await project.medallion("check", "src", environment: environment)
        #expect(faulty.status == 1 && faulty.output.contains("✗ metadata: metadata/entities.json: "), "\(faulty)")
    }

    @Test("a first record that deletes its key is kept as a delete, and no fault")
    func deletes() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system("file", #"{"root": "data"}"#),
            entities: """
                [{"name": "e", "system_id": "src", "description": "E", "load_type": "delta", "delta": {"mode": "all"},
                  "delete_marker": {"column": "gone", "equals": true}, "source": {"path": "e.jsonl"}, "key": ["id"],
                  "columns": [{"name": "id", "type": "int"}, {"name": "gone", "type": "boolean", "stored": false}]}]
                """)
        try project.folder.write("{\"id\":1,\"gone\":true}\n", to: "data/e.jsonl")
        let check = try await project.medallion("check", "src")
        #expect(check.status == 0 && check.output.contains("✓ src.e: answers with records"), "\(check)")
        let read = try await project.medallion("read", "src.e")
        #expect(read.errors.contains("record 1 deletes its key"), "\(read)")
    }
}
