import ConnectorKit
import Foundation
import JSON
import LoopbackHTTP
import Postgres
import Secrets
import Synchronization
import TestKit
import Testing

@Suite("A secret that every source echoes")
struct CanaryTests {
    /// Where the secret comes from.
    enum Origin: String, CaseIterable {
        case environment, files, store, vault, command
    }

    @Test("is shown by nothing that leaves the program, wherever it comes from", arguments: Origin.allCases)
    func echoes(origin: Origin) async throws {
        let scene = try await CanaryScene(origin)
        defer { scene.stop() }
        let runs = [
            try await scene.medallion("run", "--log-level", "trace", status: 1),
            try await scene.medallion("run", "--log-level", "trace", "--log-format", "json", "--json", status: 1),
        ]
        // The test is one: each place where a source echoes was reached, and each echo was seen and replaced.
        let said = runs.map { $0.output + $0.errors }.joined()
        for place in [
            "the source answered 400", "text/html", "program 'bin/echo'", "a program said", "raw zfiles.named",
        ] {
            #expect(said.contains(place), "\(place) is missing in \(said)")
        }
        #expect(said.contains("‹secret›"))
        #expect(scene.wasSent, "the source never got the secret")
        let rejects = try await scene.medallion("quarantine", "list", "--entity", "api.echo")
        #expect(rejects.output.contains("‹secret›"), "\(rejects.output)")
        let run = try #require(
            rejects.output.split(separator: "\n").lazy.flatMap { $0.split(separator: " ") }
                .first { UUID(uuidString: String($0)) != nil })
        let shown = try await scene.medallion("quarantine", "show", String(run), "api.echo")
        #expect(shown.output.contains("\"amount\": \"‹secret›\""), "\(shown.output)")
        _ = try await scene.medallion("quarantine", "retry")
        _ = try await scene.medallion("plan", "--data", "api.echo")
        _ = try await scene.medallion("doctor", status: nil)
        _ = try await scene.medallion("status")
        _ = try await scene.medallion("runs", "list")
        _ = try await scene.medallion("runs", "show", String(run), status: nil)
        _ = try await scene.medallion("batch", "list", "--all", "--json")
        let trace = try await scene.medallion("trace", "api.echo", "--key", "id=1", "--full")
        #expect(trace.output.contains("‹secret›"), "\(trace.output)")
        let list = try await scene.medallion("secrets", "list")
        #expect(list.output.contains("canary") && list.output.contains("api, tool"), "\(list.output)")
        let tested = try await scene.medallion("secrets", "test", "canary")
        #expect(tested.output.hasPrefix("canary: answered by \(origin.rawValue)"), "\(tested.output)")
        try await scene.expectNothingKept()
    }
}

/// A project whose sources say back whatever they are told, and everything that the program said.
private final class CanaryScene: Sendable {
    /// Characters that every spelling writes in its own way.
    static let canary = "cän/ary+\"7f3a 9c51e2?"

    private let folder: TemporaryFolder
    private let database: PostgresConfiguration
    private let source: LoopbackServer
    private let vault: LoopbackServer
    private let environment: [String: String]
    private let said = Mutex("")
    private let sent: Flag

    private final class Flag: Sendable {
        let value = Mutex(false)
    }

    init(_ origin: CanaryTests.Origin) async throws {
        folder = try TemporaryFolder()
        database = try await TestCluster.shared.database()
        let sent = Flag()
        self.sent = sent
        source = try LoopbackServer { request in
            if request.parameter("key") == Self.canary { sent.value.withLock { $0 = true } }
            return Self.echo(request)
        }
        vault = try LoopbackServer { request in
            guard request.header("X-Vault-Token") == "vault-token-1", request.path == "/v1/secret/data/canary" else {
                return .json(#"{"errors": []}"#, status: 404)
            }
            return .json(#"{"data": {"data": {"value": \#(Self.quoted)}}}"#)
        }
        var environment = ["MEDALLION_DATABASE_URL": database.url]
        var providers: String?
        switch origin {
        case .environment: environment["MEDALLION_SECRET_CANARY"] = Self.canary
        case .files: try folder.write(Self.canary + "\n", to: "secrets/canary")
        case .store:
            environment[StoreKey.fileVariable] = folder.path(of: "keys/store.key")
        case .vault:
            environment["VAULT_TOKEN"] = "vault-token-1"
            providers = #"{"type": "vault", "address": "\#(vault.url)"}"#
        case .command:
            try folder.write(Self.canary, to: "safe/canary")
            providers = #"{"type": "command", "command": ["cat", "safe/{name}"]}"#
        }
        self.environment = environment
        if let providers { try folder.write(#"{"providers": [\#(providers)]}"#, to: "metadata/secrets.json") }
        try write()
        if origin == .store {
            try folder.write(Self.canary + "\n", to: "value")
            _ = try await medallion("secrets", "key")
            _ = try await medallion("secrets", "set", "canary", input: "value")
            try FileManager.default.removeItem(atPath: folder.path(of: "value"))
            let again = try await medallion("secrets", "rotate")
            #expect(again.output.contains("encrypted anew: 1 secrets"), "\(again)")
        }
    }

    func stop() {
        source.stop()
        vault.stop()
    }

    var wasSent: Bool { sent.value.withLock(\.self) }

    private static var quoted: String { JSONValue.string(canary).text() }

    /// What the source says: the secret in a value, a name, a header, a link, and in each kind of refusal.
    private static func echo(_ request: LoopbackRequest) -> LoopbackResponse {
        let basic = Data("me:\(canary)".utf8).base64EncodedString()
        switch request.path {
        case "/echo":
            return .json(
                #"[{"id": 1, "note": \#(quoted), "amount": 1}, {"id": 2, "amount": \#(quoted)}, "#
                    + #"{"id": 3, \#(quoted): 1, "amount": 2}, {"id": \#(quoted)}]"#,
                headers: [("X-Echo", percent(canary))])
        case "/broken":
            return .json(
                #"{"error": \#(quoted), "url": "\#(request.target)", "auth": "Basic \#(basic)"}"#, status: 400,
                headers: [("WWW-Authenticate", "Bearer error=\(percent(canary))")])
        case "/page":
            return LoopbackResponse(
                headers: [("Content-Type", "text/html")], body: Array("<title>\(canary)</title>".utf8))
        case "/moved": return .redirect(to: "/\(percent(canary))?key=\(percent(canary))")
        case "/linked":
            return .json(
                #"{"items": [{"id": 1}], "next": "http://127.0.0.1:1/\#(percent(canary))?key=\#(percent(canary))"}"#)
        case "/cut": return .cut("[{\"id\": \(quoted)", announced: 500)
        default: return .json("{\"path\": \"\(request.target)\"}", status: 404)
        }
    }

    private static func percent(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    private func write() throws {
        try folder.write(
            """
            [{"id": "api", "name": "API", "description": "An API that echoes", "type": "rest",
              "connection": {"base_url": "\(source.url)", "headers": {"X-Extra": {"secret": "canary"}},
                "auth": {"type": "api_key", "name": "key", "in": "query", "key": {"secret": "canary"}},
                "retry": {"attempts": 2, "base_delay_s": 0.01, "max_delay_s": 0.02, "deadline_s": 5}}},
             {"id": "tool", "name": "Tool", "description": "A program that echoes", "type": "process",
              "connection": {"protocol": "jsonl", "command": ["bin/echo"], "config": {"key": {"secret": "canary"}}}},
             {"id": "zfiles", "name": "Files", "description": "A file named after the secret", "type": "file",
              "connection": {"root": "data"}}]
            """, to: "metadata/systems.json")
        let columns = """
            "columns": [{"name": "id", "type": "int", "key": true}, {"name": "amount", "type": "int"},
                {"name": "note", "type": "text"}]
            """
        let paths = ["echo", "broken", "page", "moved", "cut"].map { (name: $0, system: "api", more: "") }
        let linked = (
            name: "linked", system: "api",
            more: #", "records_path": "/items", "pagination": {"type": "next_url", "next_url_path": "/next"}"#
        )
        let entities = (paths + [linked]).map { entity in
            """
            {"name": "\(entity.name)", "description": "Echo", "system_id": "api", "load_type": "full",
             "source": {"path": "/\(entity.name)"\(entity.more)}, \(columns)}
            """
        }
        let tool = """
            {"name": "talk", "description": "Echo", "system_id": "tool", "load_type": "full",
             "source": {"stream": "talk"}, \(columns)}
            """
        // No connector knows this secret: only what masks every text does.
        try folder.write("{\"id\": ", to: "data/\(Self.percent(Self.canary)).json")
        let named = """
            {"name": "named", "description": "Echo", "system_id": "zfiles", "load_type": "full",
             "source": {"path": "*.json"}, \(columns)}
            """
        try folder.write("[\((entities + [tool, named]).joined(separator: ",\n"))]", to: "metadata/entities.json")
        // It logs and complains with its whole configuration, as it is and in base64.
        try folder.write(
            #"""
            #!/bin/sh
            config=$(cat config.json)
            echo "{\"type\": \"log\", \"level\": \"info\", \"message\": \"config $(base64 -w0 config.json)\"}"
            echo "my configuration is $config" >&2
            exit 1
            """#, to: "bin/echo")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path(of: "bin/echo"))
    }

    /// Runs the program; nil takes any exit code.
    func medallion(_ arguments: String..., input: String? = nil, status: Int32? = 0) async throws -> ProgramRun {
        let run = try await Binary.run(
            arguments, in: folder.path, environment: environment, input: input.map { folder.path(of: $0) })
        said.withLock { $0 += "\n$ medallion \(arguments.joined(separator: " "))\n\(run.output)\(run.errors)" }
        if let status { #expect(run.status == status, "\(arguments): \(run.output)\(run.errors)") }
        return run
    }

    /// Greps what was said, the manifests, and a dump of audit and metadata, for every spelling.
    func expectNothingKept() async throws {
        var places = [("the output", said.withLock(\.self))]
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path(of: "raw"))
        let manifests = files.filter { $0.hasSuffix("_manifest.json") }
        #expect(!manifests.isEmpty)
        for name in manifests { places.append((name, try folder.text(of: "raw/\(name)"))) }
        let dump = try await Self.dump(database)
        #expect(dump.contains("COPY audit.rejected_record") && dump.contains("‹secret›"))
        places.append(("the database", dump))
        let basic = Data("me:\(Self.canary)".utf8).base64EncodedString()
        let spellings = [
            Self.canary, String(Self.quoted.dropFirst().dropLast()), Self.percent(Self.canary), "7f3a 9c51e2",
            "7f3a%209c51e2", "7f3a+9c51e2", Data(Self.canary.utf8).base64EncodedString().prefix(20).description,
            String(basic.dropFirst(6).prefix(16)), "vault-token-1",
        ]
        for (place, text) in places {
            for spelling in spellings {
                guard let range = text.range(of: spelling, options: .caseInsensitive) else { continue }
                Issue.record("\(place) shows '\(spelling)': \(text[..<range.upperBound].suffix(200))")
            }
        }
    }

    private static func dump(_ database: PostgresConfiguration) async throws -> String {
        let packaged = "/usr/lib/postgresql"
        // Where PostgreSQL is not packaged that way, its programs are in the other folders.
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: packaged)) ?? []
        let folders = ["/usr/bin", "/usr/local/bin"] + versions.map { "\(packaged)/\($0)/bin" }
        let program = try #require(
            folders.map { "\($0)/pg_dump" }.first { FileManager.default.isExecutableFile(atPath: $0) })
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-n", "audit", "-n", "metadata", "-d", database.url]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }
}
