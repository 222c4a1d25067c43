import Foundation
import JSON
import LoopbackHTTP
import Postgres
import Synchronization
import TestKit
import Testing

@Suite("Runs of systems that ask who we are")
struct RestAuthRunTests {
    /// Six entities of three systems: `shop` by OAuth 2, `desk` by a session, `wall` by one that is always refused.
    private static let systems = """
        [
          {"id": "shop", "name": "Shop", "description": "OAuth 2", "type": "rest",
           "connection": {"base_url": "URL/shop", "auth": {"type": "oauth2", "token_url": "URL/token", "client_id": "me",
             "client_secret": {"secret": "shop_client"}}}},
          {"id": "desk", "name": "Desk", "description": "Session", "type": "rest",
           "connection": {"base_url": "URL/desk", "auth": {"type": "session",
             "login": {"path": "/login", "json": {"user": "me", "password": {"secret": "desk_password"}}},
             "token": {"from": "body", "path": "/sid"}, "send": {"in": "query", "name": "sid"},
             "logout": {"path": "/logout"}}}},
          {"id": "wall", "name": "Wall", "description": "Refused", "type": "rest",
           "connection": {"base_url": "URL/wall", "auth": {"type": "session",
             "login": {"path": "/login", "form": {"password": {"secret": "desk_password"}}},
             "token": {"from": "cookie", "name": "sid"}, "logout": {"path": "/logout"}}}}
        ]
        """

    private func entity(_ system: String, _ name: String) -> String {
        """
        {"name": "\(name)", "system_id": "\(system)", "description": "Things", "load_type": "full",
         "source": {"path": "/\(name)", "records_path": "/data",
                    "pagination": {"type": "page", "total_pages_path": "/pages"}},
         "columns": [{"name": "id", "type": "int", "key": true}]}
        """
    }

    private func answer(_ request: LoopbackRequest) -> LoopbackResponse {
        let paged = #"{"data": [{"id": \#(request.parameter("page") ?? "1")}], "pages": 2}"#
        switch request.path {
        case "/token":
            return .json(#"{"access_token": "canary-access", "expires_in": 3600}"#).delayed(milliseconds: 200)
        case "/desk/login": return .json(#"{"sid": "canary-sid"}"#)
        case "/wall/login": return .json("{}", headers: [("Set-Cookie", "sid=canary-sid")])
        case "/desk/logout", "/wall/logout": return .json("{}")
        case let path where path.hasPrefix("/shop/"):
            return request.header("Authorization") == "Bearer canary-access" ? .json(paged) : .json("{}", status: 401)
        case let path where path.hasPrefix("/desk/"):
            return request.parameter("sid") == "canary-sid" ? .json(paged) : .json("{}", status: 401)
        default:
            return .json("{}", status: 401, headers: [("WWW-Authenticate", request.header("Cookie") ?? "nothing")])
        }
    }

    @Test("one token or session serves all entities, sessions are closed, and no secret is written anywhere")
    func runs() async throws {
        let targets = Mutex<[String]>([])
        let server = try LoopbackServer { request in
            targets.withLock { $0.append(request.path) }
            return answer(request)
        }
        defer { server.stop() }
        let folder = try TemporaryFolder()
        let database = try await TestCluster.shared.database()
        try folder.write(Self.systems.replacing("URL", with: server.url), to: "metadata/systems.json")
        let entities = ["a", "b", "c", "d"].map { entity("shop", $0) } + [entity("desk", "a"), entity("wall", "a")]
        try folder.write("[\(entities.joined(separator: ","))]", to: "metadata/entities.json")
        let run = try await Binary.run(
            ["run", "--log-level", "trace"], in: folder.path,
            environment: [
                "MEDALLION_DATABASE_URL": database.url, "MEDALLION_SECRET_SHOP_CLIENT": "canary-client",
                "MEDALLION_SECRET_DESK_PASSWORD": "canary-password",
            ])
        #expect(run.status == 1, "\(run)")
        let seen = targets.withLock(\.self)
        let counts = Dictionary(grouping: seen) { $0 }.mapValues(\.count)
        #expect(counts["/token"] == 1)
        #expect(counts["/desk/login"] == 1 && counts["/desk/logout"] == 1, "\(counts)")
        #expect(counts["/wall/login"] == 2 && counts["/wall/a"] == 2 && counts["/wall/logout"] == 1, "\(counts)")
        let connection = try await PostgresConnection.connect(database, applicationName: "test")
        let landed = try await connection.query(
            "SELECT (SELECT count(*) FROM silver.shop_a) + (SELECT count(*) FROM silver.shop_d)"
                + " + (SELECT count(*) FROM silver.desk_a) AS n")
        #expect(try landed.map { try $0.get("n", as: Int.self) } == [6])
        let failed = try await connection.query(
            "SELECT error_kind, error_message FROM audit.entity_layer_run WHERE status = 'failed'")
        #expect(try failed.map { try $0.get("error_kind", as: String.self) } == ["auth"])
        let message = try failed.map { try $0.get("error_message", as: String.self) }.joined()
        #expect(
            message.contains("the source refused the session with 401, a new one as well: sid=‹secret›"), "\(message)")
        await connection.close()
        var texts = [run.output, run.errors, message]
        let manifests = try FileManager.default.subpathsOfDirectory(atPath: folder.path(of: "raw"))
            .filter { $0.hasSuffix("_manifest.json") }
        #expect(manifests.count == 5)
        for name in manifests { texts.append(try folder.text(of: "raw/\(name)")) }
        for text in texts { #expect(!text.contains("canary"), "\(text)") }
    }
}
