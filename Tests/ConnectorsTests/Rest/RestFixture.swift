import ConnectorKit
import JSON
import Logging
import LoopbackHTTP
import Metadata
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Connectors

/// What a landing left behind.
struct Landed {
    /// The payloads as received, in order.
    var payloads: [String]
    /// Records of all files.
    var records: Int
    /// The request as noted.
    var request: String?
    /// The rows of `for_each`, by file.
    var parents: [String?] = []
    var state: String?
    var isUnfiltered = false
    var isUnchanged = false
}

/// A scripted API on loopback and a rest system that reads it; keeps the requests that it saw.
final class RestFixture: Sendable {
    private let server: LoopbackServer
    private let seen: Log

    /// Requests in the order of their arrival.
    final class Log: Sendable {
        let requests = Mutex<[LoopbackRequest]>([])
    }

    /// The value of every secret.
    static let canary = "canary-5f3e/+ü value"

    init(_ handler: @escaping LoopbackServer.Handler) throws {
        let log = Log()
        seen = log
        server = try LoopbackServer { request in
            log.requests.withLock { $0.append(request) }
            return handler(request)
        }
    }

    deinit { server.stop() }

    var url: String { server.url }

    /// Paths with their queries, in order.
    var targets: [String] { seen.requests.withLock { $0.map(\.target) } }

    /// The requests, in order.
    var requests: [LoopbackRequest] { seen.requests.withLock(\.self) }

    /// Lands one batch. `source` and `connection` are JSON members beside `path` and `base_url`.
    func land(
        _ source: String = "", connection: String = "", retry: String = #""base_delay_s": 0.01, "deadline_s": 5"#,
        base: String? = nil, path: String = "/items", delta: DeltaLoad? = nil,
        window: LoadWindow = LoadWindow(loadType: .full, until: Instant(microseconds: 0)), columns: [String] = []
    ) async throws -> Landed {
        let system = SourceSystem(
            id: SystemID(rawValue: "api"), name: "API", description: "Scripted", type: "rest",
            connection: try checked(
                #"{"base_url": "\#(base ?? url)/v1", "retry": {\#(retry)}\#(more(connection))}"#,
                RestConnector.Configuration.fields))
        let entity = Entity(
            id: EntityID(system: system.id, name: "items"),
            columns: [Column(name: "id", type: .int, isKey: true)] + columns.map { Column(name: $0, type: .text) },
            source: try checked(#"{"path": "\#(path)"\#(more(source))}"#, RestConnector.Source.fields), delta: delta)
        return try await land(entity, of: system, window)
    }

    private func land(_ entity: Entity, of system: SourceSystem, _ window: LoadWindow) async throws -> Landed {
        let folder = try TemporaryFolder()
        var registry = ConnectorRegistry()
        registry.register(RestConnector.self)
        let context = ConnectorContext(
            system: system.id, projectFolder: folder.path, environment: [:], secrets: OneSecret(),
            logger: Logger(label: "test") { _ in
                SwiftLogNoOpLogHandler()
            })
        let connector = try registry.make(for: system, context: context)
        var writer = RawWriter(folder: folder.path, shape: try connector.shape(of: entity))
        try await connector.land(entity, window: window, into: &writer)
        let payloads = try writer.files.map { try folder.text(of: $0.name) }
        return Landed(
            payloads: payloads, records: writer.files.reduce(0) { $0 + $1.records }, request: writer.request,
            parents: writer.files.map(\.parent), state: writer.state, isUnfiltered: writer.isUnfiltered,
            isUnchanged: writer.isUnchanged)
    }

    private func checked(_ text: String, _ fields: [Field]) throws -> JSONValue {
        var check = FieldCheck(file: "test.json")
        let value = check.check(try JSONReader.parse(text), against: fields)
        try #require(check.problems.isEmpty, "\(check.problems)")
        return value
    }

    private func more(_ members: String) -> String { members.isEmpty ? "" : ", \(members)" }
}

/// Knows one value for every name but `missing`.
struct OneSecret: SecretStore {
    func secret(named name: String) throws -> Secret {
        guard name != "missing" else {
            throw ConnectorError("the secret 'missing' is not set", kind: .auth, hint: "set it")
        }
        return Secret(RestFixture.canary)
    }
}

/// The `ConnectorError` that a landing ends with; it never shows the canary, nor the half of it.
func refusal(_ landing: () async throws -> Landed) async throws -> ConnectorError {
    let error = try await #require(throws: ConnectorError.self) { try await landing() }
    #expect(!error.description.contains("canary"))
    #expect(!error.description.contains("\n"))
    return error
}

/// `{"data": [{"id": n}…]}` with more members behind it.
func page(_ ids: some Sequence<Int>, _ more: String = "") -> String {
    let records = ids.map { "{\"id\":\($0)}" }.joined(separator: ",")
    return "{\"data\":[\(records)]\(more.isEmpty ? "" : ",\(more)")}"
}
