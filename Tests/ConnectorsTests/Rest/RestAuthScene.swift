import ConnectorKit
import Foundation
import JSON
import LoopbackHTTP
import Metadata
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Connectors

/// An API and a server that proves identities, both on loopback, and one rest system between them.
///
/// Every secret and every token holds the word `canary`; `quiet` looks for it where texts leave.
final class AuthScene: Sendable {
    /// Answers one request; the number counts the requests of that server from 1 on.
    typealias Answer = @Sendable (LoopbackRequest, Int) -> LoopbackResponse

    /// Requests that a server has seen.
    final class Seen: Sendable {
        private let log = Mutex<[LoopbackRequest]>([])
        var all: [LoopbackRequest] { log.withLock(\.self) }
        func add(_ request: LoopbackRequest) -> Int {
            log.withLock { log in
                log.append(request)
                return log.count
            }
        }
    }

    let log = LogRecord()
    let asked = Seen()
    let proved = Seen()
    private let api: LoopbackServer
    private let issuer: LoopbackServer
    private let secrets: any SecretStore

    static let secret = "canary-secret-8f/+ü"

    /// - Parameters:
    ///   - answer: The API.
    ///   - prove: The token endpoint or the login.
    init(secrets: (any SecretStore)? = nil, api answer: @escaping Answer, issuer prove: @escaping Answer) throws {
        let (asked, proved) = (asked, proved)
        api = try LoopbackServer { answer($0, asked.add($0)) }
        issuer = try LoopbackServer { prove($0, proved.add($0)) }
        self.secrets = secrets ?? FixedSecretStore(["s": Self.secret, "t": "canary-second-secret"])
    }

    deinit {
        api.stop()
        issuer.stop()
    }

    var apiURL: String { api.url }
    var issuerURL: String { issuer.url }

    /// A connector whose `auth` has these members; ISSUER stands for the address of the issuer.
    func connector(_ auth: String, more: String = "") throws -> AnyConnector {
        let auth = auth.replacing("ISSUER", with: issuer.url)
        let text = """
            {"base_url": "\(api.url)/v1", "retry": {"base_delay_s": 0.01, "deadline_s": 5}, "auth": \(auth)\(more)}
            """
        var check = FieldCheck(file: "test.json")
        let connection = check.check(try JSONReader.parse(text), against: RestConnector.Configuration.fields)
        try #require(check.problems.isEmpty, "\(check.problems)")
        let system = SourceSystem(
            id: SystemID(rawValue: "api"), name: "API", description: "Scripted", type: "rest", connection: connection)
        var context = ConnectorContext.test(system: "api", log: log)
        context.secrets = secrets
        return try BuiltInConnectors.registry.make(for: system, context: context)
    }

    /// Lands one entity; a page names the next.
    func land(_ connector: AnyConnector, path: String = "/items") async throws -> Landed {
        let folder = try TemporaryFolder()
        var check = FieldCheck(file: "test.json")
        let source = check.check(
            try JSONReader.parse(
                """
                {"path": "\(path)", "records_path": "/data",
                 "pagination": {"type": "next_url", "next_url_path": "/next"}}
                """), against: RestConnector.Source.fields)
        let entity = Entity(
            id: EntityID(system: SystemID(rawValue: "api"), name: "items"),
            columns: [Column(name: "id", type: .int, isKey: true)], source: source)
        var writer = RawWriter(folder: folder.path, shape: try connector.shape(of: entity))
        let window = LoadWindow(loadType: .full, until: Instant(microseconds: 0))
        try await connector.land(entity, window: window, into: &writer)
        return Landed(
            payloads: try writer.files.map { try folder.text(of: $0.name) },
            records: writer.files.reduce(0) { $0 + $1.records }, request: writer.request)
    }

    /// The error that a landing ends with.
    func refusal(_ connector: AnyConnector, path: String = "/items") async throws -> ConnectorError {
        let error = try await #require(throws: ConnectorError.self) { try await self.land(connector, path: path) }
        #expect(!error.description.contains("\n"))
        quiet(error.description)
        return error
    }

    /// No secret stands in these texts, nor in what was logged.
    func quiet(_ texts: String..., at place: SourceLocation = #_sourceLocation) {
        for text in texts + [log.text] {
            #expect(!text.contains("canary"), "a secret is shown", sourceLocation: place)
        }
    }
}

/// Pages 1 to `count`, each naming the next, for requests that carry what is right; 401 for others.
func pages(
    _ count: Int, status: Int = 401, where isRight: @escaping @Sendable (LoopbackRequest) -> Bool
) -> AuthScene.Answer {
    { request, _ in
        guard isRight(request) else {
            let header = [(name: "WWW-Authenticate", value: "Bearer error=\"invalid_token\"")]
            return .json("{\"sent\": \"\(request.header("Authorization") ?? "")\"}", status: status, headers: header)
        }
        let number = request.parameter("page").flatMap { Int($0) } ?? 1
        return .json(page([number], number < count ? "\"next\": \"?page=\(number + 1)\"" : ""))
    }
}

/// A token endpoint: `access-canary-1`, `access-canary-2` …, each for so many seconds, the last number for all others.
func tokens(expiresIn seconds: Int...) -> AuthScene.Answer {
    { _, number in
        let lifetime = seconds.isEmpty ? "" : ", \"expires_in\": \(seconds[min(number, seconds.count) - 1])"
        return .json("{\"access_token\": \"access-canary-\(number)\", \"token_type\": \"bearer\"\(lifetime)}")
    }
}

/// The name and value of each member of a form.
func formMembers(_ request: LoopbackRequest?) -> [String: String] {
    let pairs = String(decoding: request?.body ?? [], as: UTF8.self).split(separator: "&").map { pair in
        pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
            String($0).removingPercentEncoding ?? "?"
        }
    }
    return Dictionary(pairs.map { ($0[0], $0[1]) }) { first, _ in first + " twice" }
}
