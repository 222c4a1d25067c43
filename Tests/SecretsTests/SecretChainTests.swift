import ConnectorKit
import Foundation
import JSON
import Metadata
import Primitives
import Secrets
import TestKit
import Testing

@Suite("A chain of providers")
struct SecretChainTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func chain(
        _ providers: String? = nil, environment: [String: String] = [:], known: KnownSecrets = KnownSecrets()
    ) throws -> SecretChain {
        if let providers { try folder.write(#"{"providers": [\#(providers)]}"#, to: "metadata/secrets.json") }
        return try SecretsConfiguration(projectFolder: folder.path, environment: environment).chain(
            known: known, clock: SystemClock())
    }

    private func problems(_ text: String) throws -> [String] {
        try folder.write(text, to: "metadata/secrets.json")
        do {
            _ = try SecretsConfiguration(projectFolder: folder.path, environment: [:])
            return []
        } catch let error as MetadataError {
            return error.problems.map(\.description)
        }
    }

    @Test("asks the environment, then files, then the encrypted store, when nothing else is said")
    func order() async throws {
        let key = folder.path(of: "k")
        _ = try StoreKey(file: key).make()
        let environment = [StoreKey.fileVariable: key, "MEDALLION_SECRET_A": "from-environment"]
        let store = try SecretsConfiguration(projectFolder: folder.path, environment: environment).store
        for name in ["a", "b", "c"] {
            try store.set(name, to: Secret("from-store-\(name)"), at: Instant(microseconds: 0))
        }
        try folder.write("from-file\n", to: "secrets/a")
        try folder.write("from-file\n", to: "secrets/b")
        let chain = try chain(environment: environment)
        var answers: [String] = []
        for name in ["a", "b", "c"] {
            let answer = try await chain.answer(for: name)
            answers.append("\(answer.provider) \(answer.secret.reveal())")
        }
        #expect(answers == ["environment from-environment", "files from-file", "store from-store-c"])
        let missing = await #expect(throws: ConnectorError.self) { try await chain.answer(for: "d") }
        let said = missing?.description ?? ""
        #expect(said.contains("MEDALLION_SECRET_D") && said.contains("secrets/d") && said.contains("secrets set d"))
        // Local providers need no preparation, and what they hand out is masked from then on.
        let fresh = try self.chain(environment: environment)
        #expect(try fresh.secret(named: "c").reveal() == "from-store-c")
        #expect(fresh.known.mask("x from-store-c y") == "x ‹secret› y")
    }

    @Test("keeps a new value in the encrypted store, and says so where the old one is elsewhere")
    func replacing() async throws {
        let key = folder.path(of: "k")
        _ = try StoreKey(file: key).make()
        let environment = [StoreKey.fileVariable: key, "MEDALLION_SECRET_FIXED": "from-environment"]
        let store = try SecretsConfiguration(projectFolder: folder.path, environment: environment).store
        try store.set("refresh", to: Secret("refresh-token-0"), at: Instant(microseconds: 0))
        let chain = try chain(environment: environment)
        #expect(try await chain.answer(for: "refresh").secret.reveal() == "refresh-token-0")
        #expect(try await chain.replace(Secret("refresh-token-1"), named: "refresh"))
        #expect(try chain.secret(named: "refresh").reveal() == "refresh-token-1")
        #expect(try store.value(of: "refresh")?.reveal() == "refresh-token-1")
        #expect(chain.known.mask("refresh-token-1") == "‹secret›")
        #expect(try await !chain.replace(Secret("x-new-value"), named: "fixed"))
        #expect(try chain.secret(named: "fixed").reveal() == "from-environment")
        await #expect(throws: ConnectorError.self) { try await chain.replace(Secret("x"), named: "nobody") }
    }

    @Test("asks in the order that metadata say")
    func configured() async throws {
        try folder.write("from-file", to: "elsewhere/a")
        let chain = try chain(
            #"{"type": "files", "folders": ["elsewhere"]}, {"type": "environment"}"#,
            environment: ["MEDALLION_SECRET_A": "from-environment"])
        #expect(try await chain.answer(for: "a").secret.reveal() == "from-file")
    }

    @Test("stops at a provider that cannot tell, so that no other one answers by accident")
    func failure() async throws {
        let chain = try chain(
            #"{"type": "command", "command": ["sh", "-c", "exit 3"]}, {"type": "environment"}"#,
            environment: ["MEDALLION_SECRET_A": "from-environment", "PATH": "/usr/bin:/bin"])
        let error = await #expect(throws: ConnectorError.self) { try await chain.answer(for: "a") }
        #expect(error?.description.contains("exit code 3") == true)
    }

    @Test("takes no name that is a path or an option", arguments: ["", "..", "a/b", "-rf", "a b", "a\n", ".x"])
    func names(name: String) async throws {
        let chain = try chain()
        let error = await #expect(throws: ConnectorError.self) { try await chain.answer(for: name) }
        #expect(error?.description.contains("is no name of a secret") == true)
        #expect(throws: ConnectorError.self) { try chain.secret(named: name) }
    }

    @Test("is refused with every problem of its file")
    func configuration() throws {
        #expect(
            try problems(
                #"{"providers": [{"type": "valt"}, {"type": "store", "keyfile": "x"}, {"type": "vault", "address": "a", "#
                    + #""path": "p", "auth": {"type": "token", "token": "literal-token-1"}}, {"type": "command", "command": []}]}"#
            ).map { String($0.prefix(60)) }.count == 5)
        let all = try problems(#"{"providers": [{"type": "vault", "address": "a", "auth": {"type": "approle"}}]}"#)
        #expect(all.contains { $0.contains("providers[0].auth.role_id: missing") }, "\(all)")
        let literal = try problems(
            #"{"providers": [{"type": "vault", "address": "a", "auth": {"type": "token", "token": "literal-token-1"}}]}"#
        )
        #expect(literal.count == 1 && !literal[0].contains("literal-token-1"), "\(literal)")
        #expect(try problems(#"{"providers": []}"#).first?.contains("no providers") == true)
        #expect(try problems("{").first?.contains("metadata/secrets.json: line 1") == true)
        #expect(try problems(#"{"$schema": "x", "providers": [{"type": "environment"}]}"#) == [])
    }

    // MARK: Commands

    private func command(
        _ script: String, more: String = "", known: KnownSecrets = KnownSecrets()
    ) async throws -> (value: String?, said: String) {
        try folder.write("#!/bin/sh\n\(script)\n", to: "bin/give")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path(of: "bin/give"))
        let chain = try chain(
            #"{"type": "command", "command": ["bin/give", "--", "{name}; echo no shell"]\#(more)}"#,
            environment: ["PATH": "/usr/bin:/bin", "MEDALLION_SECRETS_KEY": "canary-key", "OTHER": "kept"], known: known
        )
        do {
            return (try await chain.answer(for: "token").secret.reveal(), "")
        } catch {
            return (nil, "\(error)")
        }
    }

    @Test("gets what a program prints: by argv, without our variables, one line end cut")
    func program() async throws {
        #expect(
            try await command(#"printf '%s|%s|%s|%s\n\n' "$#" "$2" "$MEDALLION_SECRETS_KEY" "$OTHER""#).value
                == "2|token; echo no shell||kept\n")
        #expect(try await command(#"cat; printf 'from stdin: nothing'"#).value == "from stdin: nothing")
    }

    @Test("says why a program failed by its last line, and hides what it printed")
    func complaints() async throws {
        let known = KnownSecrets()
        let failed = try await command(
            "echo canary-printed; echo first >&2; echo 'cannot unlock canary-printed' >&2; exit 2", known: known)
        #expect(failed.said.contains("exit code 2: cannot unlock ‹secret›"), "\(failed.said)")
        #expect(!failed.said.contains("canary") && !failed.said.contains("first"))
        #expect(try await command("true").said.contains("it wrote nothing"))
        #expect(try await command("printf '\\377\\376'").said.contains("not UTF-8"))
        #expect(try await command("head -c 100000 /dev/zero").said.contains("more than 64 kB"))
        #expect(try await command("kill -9 $$").said.contains("signal 9"))
        let missing = try await command("exit 1", more: #", "missing_codes": [1]"#)
        #expect(missing.said.contains("the secret 'token' is not set"), "\(missing.said)")
        let none = try chain(#"{"type": "command", "command": ["no-such-program-x"]}"#)
        let error = await #expect(throws: ConnectorError.self) { try await none.answer(for: "a") }
        #expect(error?.description.contains("no such program in PATH") == true)
    }

    @Test("ends a program that hangs, with its children")
    func timeout() async throws {
        let start = ContinuousClock.now
        let late = try await command(
            "sleep 300 & echo $! > \(folder.path(of: "child")); echo 'waiting for a PIN' >&2; wait",
            more: #", "timeout_s": 1"#)
        #expect(late.said.contains("it took longer than 1 s: waiting for a PIN; unlock it"), "\(late.said)")
        #expect(ContinuousClock.now - start < .seconds(20))
        let child = try #require(Int32(folder.text(of: "child").trimmingCharacters(in: .whitespacesAndNewlines)))
        // Ended, or a zombie whose new parent has not looked yet.
        let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ") X"
        #expect(state.contains(") X") || state.contains(") Z"), "\(state)")
    }
}
