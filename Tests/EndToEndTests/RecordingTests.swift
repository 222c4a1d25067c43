import Foundation
import JSON
import LoopbackHTTP
import Synchronization
import TestKit
import Testing

@Suite("HTTP is recorded once and replayed offline")
struct RecordingTests {
    private static let canary = "canary-0815-recorded"
    private static let entities = """
        [{"name": "orders", "system_id": "src", "description": "Orders", "load_type": "full", "key": ["id"],
          "source": {"path": "/orders", "records_path": "/data",
                     "pagination": {"type": "page", "total_pages_path": "/pages"}},
          "columns": [{"name": "id", "type": "int"}]}]
        """

    /// An API with a login: it gives a token for the password and echoes both.
    private func server(_ asked: @escaping @Sendable (String) -> Void) throws -> LoopbackServer {
        try LoopbackServer { request in
            asked(request.target)
            if request.path == "/token" {
                let body = String(decoding: request.body, as: UTF8.self)
                guard body.contains(Self.canary) else { return .json("{}", status: 401) }
                return .json(
                    "{\"access_token\": \"given-token-12345\", \"token_type\": \"Bearer\", \"expires_in\": 3600}")
            }
            guard request.header("Authorization") == "Bearer given-token-12345" else { return .json("{}", status: 401) }
            let page = Int(request.parameter("page") ?? "1") ?? 1
            return .json(
                "{\"data\": [{\"id\": \(page)1, \"note\": \"\(Self.canary)\"}, {\"id\": \(page)2}], \"pages\": 3}",
                headers: [("Set-Cookie", "sid=session-98765; Path=/")])
        }
    }

    private func project(_ url: String) throws -> AuthorProject {
        let connection = """
            {"base_url": "\(url)", "retry": {"attempts": 1},
             "auth": {"type": "oauth2", "client_auth": "body", "token_url": "\(url)/token", "client_id": "me",
                      "client_secret": {"secret": "shop"}}}
            """
        return try AuthorProject(systems: AuthorProject.system("rest", connection), entities: Self.entities)
    }

    @Test("the same landing runs against the recording, without network and without the secrets")
    func replay() async throws {
        let count = Mutex(0)
        let server = try server { _ in count.withLock { $0 += 1 } }
        let project = try project(server.url)
        let recorded = try await project.medallion(
            "connectors", "record", "src.orders", "--to", "tests/orders.jsonl",
            environment: ["MEDALLION_SECRET_SHOP": Self.canary])
        #expect(recorded.status == 0, "\(recorded)")
        #expect(count.withLock(\.self) == 4, "the source is asked once")
        let text = try project.folder.text(of: "tests/orders.jsonl")
        for secret in [Self.canary, "given-token-12345", "session-98765", Data(Self.canary.utf8).base64EncodedString()]
        {
            #expect(!text.contains(secret), "\(secret) in \(text)")
        }
        #expect(text.contains("/orders?page=2") || text.contains("page=2"), "\(text)")
        server.stop()

        let same = try await project.medallion("connectors", "test", "tests/orders.jsonl")
        #expect(same.status == 0 && same.output.contains("✓ src.orders: 6 records in 3 files, as recorded"), "\(same)")
        try project.expectNothingLeft()
        let again = try await project.medallion("connectors", "record", "src.orders", "--to", "tests/orders.jsonl")
        #expect(again.status == 2 && again.errors.contains("exists"), "\(again)")

        try project.folder.write(text.replacing("\\\"id\\\": 21", with: "\\\"id\\\": 99"), to: "tests/changed.jsonl")
        let changed = try await project.medallion("connectors", "test", "tests/changed.jsonl")
        #expect(changed.status == 1 && changed.output.contains("00002.json: another content"), "\(changed)")

        let other = try project.folder.text(of: "metadata/entities.json")
        try project.folder.write(
            other.replacing(#""path": "/orders""#, with: #""path": "/orders", "params": {"sort": "id"}"#),
            to: "metadata/entities.json")
        let unknown = try await project.medallion("connectors", "test", "tests/orders.jsonl")
        #expect(unknown.status == 1 && unknown.output.contains("not recorded: GET "), "\(unknown)")
        #expect(unknown.output.contains("the nearest that is: GET "), "\(unknown)")
        try project.folder.write(text.split(separator: "\n").dropLast().joined(separator: "\n"), to: "tests/cut.jsonl")
        let cut = try await project.medallion("connectors", "test", "tests/cut.jsonl")
        #expect(cut.status != 0 && cut.errors.contains("the recording was cut"), "\(cut)")
    }

    @Test("files that are downloaded are recorded too, bytes and all")
    func download() async throws {
        let bytes = Array("id,name\n1,caf".utf8) + [0xC3, 0xA9] + Array("\n2,tea\n".utf8)
        let server = try LoopbackServer { request in
            request.path == "/list.csv"
                ? LoopbackResponse(headers: [("Content-Type", "text/csv")], body: bytes) : LoopbackResponse(status: 404)
        }
        let project = try AuthorProject(
            systems: AuthorProject.system("http_files", "{\"base_url\": \"\(server.url)\"}"),
            entities: """
                [{"name": "rows", "system_id": "src", "description": "Rows", "load_type": "full", "key": ["id"],
                  "source": {"path": "list.csv"}, "columns": [{"name": "id", "type": "int"}]}]
                """)
        let recorded = try await project.medallion("connectors", "record", "src.rows", "--to", "rows.jsonl")
        #expect(recorded.status == 0, "\(recorded)")
        server.stop()
        let same = try await project.medallion("connectors", "test", "rows.jsonl")
        #expect(same.status == 0 && same.output.contains("2 records in 1 file, as recorded"), "\(same)")
        try project.expectNothingLeft()
    }

    @Test("what does not speak HTTP is not recorded")
    func nothing() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system("fake", "{}"),
            entities: """
                [{"name": "items", "system_id": "src", "description": "Items", "load_type": "full", "key": ["id"],
                  "source": {"rows": 3}, "columns": [{"name": "id", "type": "bigint"}]}]
                """)
        let recorded = try await project.medallion("connectors", "record", "src.items", "--to", "x.jsonl")
        #expect(recorded.status == 2 && recorded.errors.contains("nothing went over HTTP"), "\(recorded)")
        #expect(try project.folder.names() == ["metadata"])
    }
}
