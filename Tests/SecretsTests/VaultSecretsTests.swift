import ConnectorKit
import Foundation
import JSON
import LoopbackHTTP
import Metadata
import Primitives
import Secrets
import Synchronization
import TestKit
import Testing

@Suite("Secrets from Vault")
struct VaultSecretsTests {
    @Test("are read by path and field, each path once")
    func read() async throws {
        let vault = try VaultServer()
        defer { vault.stop() }
        vault.write("medallion/shop", ["token": "canary-shop-token", "number": 42])
        vault.write("medallion/crm", ["value": "canary-crm"])
        let chain = try vault.chain(
            #""path": "medallion/{name}", "names": {"shop_token": {"path": "medallion/shop", "field": "token"}, "#
                + #""shop_number": {"path": "medallion/shop", "field": "number"}}"#)
        try await chain.prepare(["shop_token", "shop_number", "crm", "nobody"])
        #expect(try chain.secret(named: "shop_token").reveal() == "canary-shop-token")
        #expect(try chain.secret(named: "shop_number").reveal() == "42")
        #expect(try chain.secret(named: "crm").reveal() == "canary-crm")
        let missing = try #require(throws: ConnectorError.self) { try chain.secret(named: "nobody") }
        #expect(missing.description.contains("vault kv patch -mount=secret medallion/nobody value=-"), "\(missing)")
        #expect(
            vault.paths.sorted() == [
                "/v1/secret/data/medallion/crm", "/v1/secret/data/medallion/nobody", "/v1/secret/data/medallion/shop",
            ])
        #expect(chain.known.mask("a canary-crm b root-token-1 c") == "a ‹secret› b ‹secret› c")
    }

    @Test(
        "come with a token from a file, a variable or a provider before it", arguments: ["file", "variable", "secret"])
    func tokens(origin: String) async throws {
        let vault = try VaultServer()
        defer { vault.stop() }
        vault.write("a", ["value": "canary-a"])
        let folder = try TemporaryFolder()
        try folder.write("root-token-1\n", to: "token")
        let auth =
            switch origin {
            case "file": #", "auth": {"type": "token", "token_file": "token"}"#
            case "secret": #", "auth": {"type": "token", "token": {"secret": "vault_token"}}"#
            default: ""
            }
        let environment: [String: String] =
            switch origin {
            case "variable": ["VAULT_TOKEN": "root-token-1"]
            case "secret": ["MEDALLION_SECRET_VAULT_TOKEN": "root-token-1"]
            default: [:]
            }
        let chain = try vault.chain(#""path": "{name}""# + auth, environment: environment, folder: folder)
        #expect(try await chain.answer(for: "a").secret.reveal() == "canary-a")
        #expect(try await chain.answer(for: "a").provider == "vault \(vault.url)")
        #expect(vault.requests.allSatisfy { $0.header("X-Vault-Namespace") == nil })
    }

    @Test("come with a role, in a namespace; a token that ran out is replaced once")
    func role() async throws {
        let vault = try VaultServer()
        defer { vault.stop() }
        vault.write("a", ["value": "canary-a"])
        vault.write("b", ["value": "canary-b"])
        let chain = try vault.chain(
            #""path": "{name}", "namespace": "team/data", "auth": {"type": "approle", "role_id": "role-7", "#
                + #""secret_id": {"secret": "vault_secret_id"}}"#,
            environment: ["MEDALLION_SECRET_VAULT_SECRET_ID": "secret-id-7"])
        #expect(try await chain.answer(for: "a").secret.reveal() == "canary-a")
        vault.endTokens()
        #expect(try await chain.answer(for: "b").secret.reveal() == "canary-b")
        #expect(vault.paths.count { $0 == "/v1/auth/approle/login" } == 2)
        #expect(vault.requests.allSatisfy { $0.header("X-Vault-Namespace") == "team/data" })
        // What was exchanged is known to the mask.
        #expect(chain.known.mask("secret-id-7 login-token-1 login-token-2") == "‹secret› ‹secret› ‹secret›")
    }

    @Test("that are refused, deleted, sealed away or elsewhere say where and what to do")
    func failures() async throws {
        let vault = try VaultServer()
        defer { vault.stop() }
        vault.write("deleted", nil)
        vault.write("forbidden", ["value": "x"])
        let chain = try vault.chain(#""path": "{name}""#)
        func said(_ name: String, _ chain: SecretChain) async throws -> String {
            try await chain.prepare([name])
            do {
                return "answer: \(try chain.secret(named: name).reveal())"
            } catch {
                return "\(error)"
            }
        }
        let deleted = try await said("deleted", chain)
        #expect(deleted.contains("the secret 'deleted' is not set"), "\(deleted)")
        #expect(deleted.contains("write the field 'value' of 'deleted'"), "\(deleted)")
        let forbidden = try await said("forbidden", chain)
        #expect(
            forbidden.contains("reading 'secret/forbidden' from Vault") && forbidden.contains("permission denied")
                && forbidden.contains("let its policy read 'secret/data/forbidden'"), "\(forbidden)")
        #expect(!forbidden.contains("root-token-1"))
        let wrongMount = try await said("a", vault.chain(#""path": "{name}", "mount": "kv""#))
        #expect(wrongMount.contains("no handler for route") && wrongMount.contains("\"mount\""), "\(wrongMount)")
        let wrongRole = try await said(
            "a",
            vault.chain(
                #""path": "{name}", "auth": {"type": "approle", "role_id": "r", "secret_id": {"secret": "s"}}"#,
                environment: ["MEDALLION_SECRET_S": "wrong-secret-id"]))
        #expect(
            wrongRole.contains("invalid role or secret ID") && wrongRole.contains("‹secret›")
                && !wrongRole.contains("wrong-secret-id"), "\(wrongRole)")
        vault.seal()
        let sealed = try await said("b", chain)
        #expect(sealed.contains("status 503: Vault is sealed") && sealed.contains("unseal"), "\(sealed)")
        vault.stop()
        let gone = try await said("c", chain)
        #expect(gone.contains("reading 'secret/c' from Vault at \(vault.url)"), "\(gone)")
    }

    @Test("are asked for again after a failure that passed, and never follow a redirect")
    func recovery() async throws {
        let vault = try VaultServer()
        defer { vault.stop() }
        vault.write("a", ["value": "canary-a"])
        let chain = try vault.chain(#""path": "{name}""#)
        vault.seal()
        try await chain.prepare(["a"])
        #expect(throws: ConnectorError.self) { try chain.secret(named: "a") }
        vault.seal(false)
        try await chain.prepare(["a"])
        #expect(try chain.secret(named: "a").reveal() == "canary-a")
        vault.write("moved", ["value": "x"])
        let moved = await #expect(throws: ConnectorError.self) { try await chain.answer(for: "moved") }
        #expect(moved?.description.contains("status 307; it redirects") == true, "\(moved.debugDescription)")
        #expect(!vault.paths.contains("/elsewhere"))
    }

    @Test("are not sent without encryption to another machine")
    func plain() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            #"{"providers": [{"type": "vault", "address": "http://vault.example:8200"}]}"#, to: "metadata/secrets.json")
        let error = #expect(throws: ConnectorError.self) {
            try SecretsConfiguration(projectFolder: folder.path, environment: [:]).chain(
                known: KnownSecrets(), clock: SystemClock())
        }
        #expect(error?.description.contains("http://vault.example:8200 is not encrypted; use https") == true)
    }
}

/// Answers as Vault does: key-value version 2 below `secret`, login by AppRole, policies, seal.
private final class VaultServer: Sendable {
    private struct State {
        var pages: [String: JSONValue?] = [:]
        var requests: [LoopbackRequest] = []
        var tokens: Set<String> = ["root-token-1"]
        var logins = 0
        var isSealed = false
    }

    private let state: Box
    private let server: LoopbackServer

    private final class Box: Sendable {
        let value = Mutex(State())
    }

    init() throws {
        let state = Box()
        self.state = state
        server = try LoopbackServer { request in
            state.value.withLock { state in
                state.requests.append(request)
                return Self.answer(request, &state)
            }
        }
    }

    var url: String { server.url }
    var requests: [LoopbackRequest] { state.value.withLock { $0.requests } }
    var paths: [String] { requests.map(\.path) }

    func write(_ path: String, _ fields: [String: any Sendable]?) {
        let page = fields.map { fields in
            JSONValue.object(
                fields.map { JSONMember($0.key, $0.value is Int ? .number("\($0.value)") : .string("\($0.value)")) })
        }
        state.value.withLock { $0.pages[path] = .some(page) }
    }

    func endTokens() { state.value.withLock { $0.tokens = [] } }
    func seal(_ isSealed: Bool = true) { state.value.withLock { $0.isSealed = isSealed } }
    func stop() { server.stop() }

    /// A chain of the environment and this server.
    func chain(
        _ attributes: String, environment: [String: String] = ["VAULT_TOKEN": "root-token-1"],
        folder: TemporaryFolder? = nil
    ) throws -> SecretChain {
        let project = try folder ?? TemporaryFolder()
        try project.write(
            #"{"providers": [{"type": "environment"}, {"type": "vault", "address": "\#(url)", \#(attributes)}]}"#,
            to: "metadata/secrets.json")
        return try SecretsConfiguration(projectFolder: project.path, environment: environment)
            .chain(known: KnownSecrets(), clock: SystemClock())
    }

    private static func errors(_ status: Int, _ sentences: String...) -> LoopbackResponse {
        .json(JSONValue.object([JSONMember("errors", .array(sentences.map { .string($0) }))]).text(), status: status)
    }

    private static func answer(_ request: LoopbackRequest, _ state: inout State) -> LoopbackResponse {
        guard !state.isSealed else { return errors(503, "Vault is sealed") }
        if request.path == "/v1/auth/approle/login" {
            let body = try? JSONReader.parse(request.body)
            guard request.method == "POST", body?["role_id"]?.stringValue == "role-7",
                body?["secret_id"]?.stringValue == "secret-id-7"
            else { return errors(400, "invalid role or secret ID: \(body?["secret_id"]?.stringValue ?? "")") }
            state.logins += 1
            let token = "login-token-\(state.logins)"
            state.tokens.insert(token)
            return .json(#"{"auth": {"client_token": "\#(token)", "lease_duration": 2764800, "renewable": true}}"#)
        }
        guard state.tokens.contains(request.header("X-Vault-Token") ?? ""), request.header("X-Vault-Request") == "true"
        else { return errors(403, "permission denied") }
        guard request.path.hasPrefix("/v1/secret/data/") else {
            return errors(404, "no handler for route \"\(request.path.dropFirst(4))\". route entry not found.")
        }
        let path = String(request.path.dropFirst("/v1/secret/data/".count))
        if path == "forbidden" { return errors(403, "1 error occurred:\n\t* permission denied\n\n") }
        if path == "moved" { return .redirect(to: "/elsewhere", status: 307) }
        guard let page = state.pages[path] else { return errors(404) }
        guard let page else {
            return .json(
                #"{"data": {"data": null, "metadata": {"deletion_time": "2026-01-01T00:00:00Z", "version": 2}}}"#,
                status: 404)
        }
        return .json(#"{"data": {"data": \#(page.text()), "metadata": {"version": 1, "destroyed": false}}}"#)
    }
}
