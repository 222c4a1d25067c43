import ConnectorKit
import Foundation
import LoopbackHTTP
import Synchronization
import TestKit
import Testing

@testable import Connectors

private let client =
    #""type": "oauth2", "token_url": "ISSUER/token", "client_id": "shop", "client_secret": {"secret": "s"}"#

/// Takes the token of that number only.
private func bearer(_ number: Int) -> @Sendable (LoopbackRequest) -> Bool {
    { $0.header("Authorization") == "Bearer access-canary-\(number)" }
}

@Suite("An OAuth 2 client of a rest system")
struct RestOAuth2AuthTests {
    @Test("asks for one token and lands every page with it", arguments: ["basic", "body"])
    func clientCredentials(place: String) async throws {
        let scene = try AuthScene(api: pages(2, where: bearer(1)), issuer: tokens(expiresIn: 3600))
        let connector = try scene.connector(
            """
            {\(client), "client_auth": "\(place)", "scope": "read write", "audience": "shop-api",
             "params": {"resource": "a&b", "pin": {"secret": "t"}}}
            """, more: #", "headers": {"X-Tenant": "north", "X-Token": {"secret": "t"}}"#)
        let landed = try await scene.land(connector)
        #expect(landed.records == 2)
        #expect(landed.request == "GET \(scene.apiURL)/v1/items")
        let sent = try #require(scene.proved.all.first)
        #expect(scene.proved.all.count == 1)
        #expect((sent.method, sent.path) == ("POST", "/token"))
        #expect(sent.header("Content-Type") == "application/x-www-form-urlencoded")
        // What belongs to the API stays with it, and the other way round.
        #expect(sent.header("X-Tenant") == nil && sent.header("X-Token") == nil)
        #expect(scene.asked.all.allSatisfy { $0.header("X-Token") == "canary-second-secret" })
        var form = [
            "grant_type": "client_credentials", "scope": "read write", "audience": "shop-api", "resource": "a&b",
            "pin": "canary-second-secret",
        ]
        if place == "body" {
            form["client_id"] = "shop"
            form["client_secret"] = AuthScene.secret
        }
        #expect(formMembers(sent) == form)
        let pair = Data("shop:canary-secret-8f%2F%2B%C3%BC".utf8).base64EncodedString()
        #expect(sent.header("Authorization") == (place == "basic" ? "Basic \(pair)" : nil))
        var shown = ""
        dump(connector, to: &shown)
        scene.quiet(shown, landed.request ?? "")
    }

    @Test("gets a new token when the old one expires in the middle")
    func expiry() async throws {
        let latest = Mutex(0)
        let scene = try AuthScene(
            api: pages(3) { request in latest.withLock { bearer($0)(request) } },
            issuer: { request, number in
                latest.withLock { $0 = number }
                return tokens(expiresIn: 0, 3600)(request, number)
            })
        #expect(try await scene.land(scene.connector("{\(client)}")).records == 3)
        #expect(scene.proved.all.count == 2)
        #expect(scene.asked.all.count == 3)
    }

    @Test("gets a new token where the old one is refused, and repeats that request once")
    func refusedOnce() async throws {
        let scene = try AuthScene(
            api: pages(3) { bearer($0.parameter("page") == nil ? 1 : 2)($0) }, issuer: tokens())
        #expect(try await scene.land(scene.connector("{\(client)}")).records == 3)
        #expect(scene.proved.all.count == 2)
        #expect(scene.asked.all.map { $0.parameter("page") ?? "1" } == ["1", "2", "2", "3"])
    }

    @Test("gets a new token where a rule of the metadata says that it ended, though the status is 200")
    func refusedByRule() async throws {
        let rule = #", "errors": [{"body_path": "/fault", "body_equals": "expired", "action": "refresh_token"}]"#
        let scene = try AuthScene(
            api: { request, number in
                bearer(2)(request) ? pages(2) { _ in true }(request, number) : .json(#"{"fault": "expired"}"#)
            }, issuer: tokens())
        #expect(try await scene.land(scene.connector("{\(client)}", more: rule)).records == 2)
        #expect(scene.proved.all.count == 2)
        let key = try scene.connector(#"{"type": "bearer", "token": {"secret": "s"}}"#, more: rule)
        let error = try await scene.refusal(key)
        #expect(error.kind == .auth)
        #expect(error.message.hasSuffix("the source refused the credentials with 200 (secret 's')"))
    }

    @Test("gives up after one new token, for all entities, and says why")
    func refusedForever() async throws {
        let scene = try AuthScene(api: pages(1) { _ in false }, issuer: tokens())
        let connector = try scene.connector("{\(client)}")
        let error = try await scene.refusal(connector)
        #expect(
            error.description
                == "GET \(scene.apiURL)/v1/items: the source refused the access token with 401, a new one "
                + "as well: Bearer error=\"invalid_token\" (secret 's'); check what it allows this client or user: scope, "
                + "audience, rights")
        #expect(error.kind == .auth)
        #expect(!error.isTransient)
        #expect((scene.asked.all.count, scene.proved.all.count) == (2, 2))
        _ = try await scene.refusal(connector, path: "/others")
        #expect((scene.asked.all.count, scene.proved.all.count) == (3, 2))
    }

    @Test("asks once for ten entities at once, and renews once when all are refused")
    func concurrency() async throws {
        let scene = try AuthScene(
            api: { request, number in
                let answer = pages(2) { bearer(2)($0) || $0.parameter("page") == nil && bearer(1)($0) }
                // All ten are on their way before the first is refused.
                return answer(request, number).delayed(milliseconds: 100)
            },
            issuer: { tokens()($0, $1).delayed(milliseconds: 200) })
        let connector = try scene.connector("{\(client)}")
        let records = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<10 { group.addTask { try await scene.land(connector).records } }
            return try await group.reduce(0, +)
        }
        #expect(records == 20)
        #expect(scene.proved.all.count == 2)
    }

    @Test("is refused once, with the server's words, the secret's name and the remedy")
    func refusedClient() async throws {
        let scene = try AuthScene(
            api: pages(1) { _ in true },
            issuer: { request, _ in
                let sent = formMembers(request)["client_secret"] ?? ""
                let text = "no client\n'\(sent)' \(String(repeating: "x", count: 300))"
                let body = JSONEncodedPair(error: "invalid_client", error_description: text)
                return .json(body.text, status: 401)
            })
        let connector = try scene.connector(#"{\#(client), "client_auth": "body"}"#)
        let error = try await scene.refusal(connector)
        #expect(
            error.message.hasPrefix(
                "the token request POST \(scene.issuerURL)/token was refused with 401 invalid_client: 'no client '‹secret›' x"
            ))
        #expect(error.message.hasSuffix("x…' (secret 's')"))
        #expect(error.hint.contains("client_id") && error.hint.contains("client_auth"))
        #expect(error.kind == .auth)
        // Another entity of the same run does not knock again: accounts are locked that way.
        #expect(try await scene.refusal(connector, path: "/others").message == error.message)
        #expect(scene.proved.all.count == 1)
        #expect(scene.asked.all.isEmpty)
    }

    @Test(
        "takes no answer for a token that is none",
        arguments: [
            (#"{"error": "bad_verification_code"}"#, 200, "was refused with 200 bad_verification_code"),
            ("<html>eyJ-unknown-token</html>", 200, "was answered, but has no access_token"),
            (#"{"data": {"access_token": "eyJ-unknown-token"}}"#, 200, "was answered, but has no access_token"),
            (#"{"access_token": ""}"#, 200, "was answered, but has no access_token"),
            ("", 204, "was answered, but has no access_token"),
            (#"{"error": {"message": "no"}}"#, 400, "was refused with 400: 'no'"),
        ])
    func noToken(body: String, status: Int, expected: String) async throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: { _, _ in .json(body, status: status) })
        let message = try await scene.refusal(scene.connector("{\(client)}")).message
        #expect(message.contains(expected) && !message.contains("unknown-token"), "\(message)")
        #expect(scene.asked.all.isEmpty)
    }

    @Test("repeats a token request that may pass, and only that")
    func repeats() async throws {
        let answers: [LoopbackResponse] = [
            .json("{}", status: 503), .cut("{\"access_token\": \"access-canary-", announced: 90),
            .json(#"{"access_token": "access-canary-3"}"#),
        ]
        let scene = try AuthScene(api: pages(1, where: bearer(3)), issuer: { _, number in answers[min(number, 3) - 1] })
        #expect(try await scene.land(scene.connector("{\(client)}")).records == 1)
        #expect(scene.proved.all.count == 3)
        let ill = try AuthScene(api: pages(1) { _ in true }, issuer: { _, _ in .json("{}", status: 500) })
        let error = try await ill.refusal(ill.connector("{\(client)}"))
        #expect(error.isTransient)
        #expect(error.kind == .connector)
        #expect(ill.proved.all.count == 4)
    }

    @Test("never takes its secrets along a redirect of the token endpoint", arguments: [301, 302, 303, 307, 308])
    func redirectedTokenRequest(status: Int) async throws {
        let thief = try AuthScene(api: pages(1) { _ in true }, issuer: tokens())
        let place = thief.issuerURL + "/token"
        let scene = try AuthScene(
            api: pages(1) { _ in true }, issuer: { _, _ in .redirect(to: place, status: status) })
        let error = try await scene.refusal(scene.connector("{\(client)}"))
        #expect(error.message.contains("was redirected with \(status)"))
        #expect(thief.proved.all.isEmpty)
    }

    @Test("keeps the access token from another host that the API redirects to")
    func redirectedPage() async throws {
        let other = try AuthScene(api: { _, _ in .json(page([9])) }, issuer: tokens())
        let place = other.apiURL.replacing("127.0.0.1", with: "localhost") + "/v1/items"
        let scene = try AuthScene(api: { _, _ in .redirect(to: place) }, issuer: tokens())
        #expect(try await scene.land(scene.connector("{\(client)}")).records == 1)
        #expect(scene.asked.all.first?.header("Authorization") == "Bearer access-canary-1")
        #expect(other.asked.all.map { $0.header("Authorization") } == [nil])
    }

    @Test("that is cancelled ends the token request which nobody else waits for")
    func cancelled() async throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: { _, _ in .raw([], then: .silence) })
        let connector = try scene.connector("{\(client)}")
        let started = ContinuousClock.now
        let task = Task { try await scene.land(connector) }
        while scene.proved.all.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(ContinuousClock.now - started < .seconds(4))
    }

    @Test(
        "is refused before anything is sent",
        arguments: [
            (#"{"type": "oauth2", "token_url": "ISSUER/token", "client_id": "shop"}"#, "neither client_secret nor"),
            (
                #"{"type": "oauth2", "token_url": "ISSUER/token", "client_id": "a", "client_secret": {"secret": "gone"}}"#,
                "'gone'"
            ),
        ])
    func incomplete(auth: String, expected: String) throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: tokens())
        let error = #expect(throws: ConnectorError.self) { try scene.connector(auth) }
        #expect(error?.message.contains(expected) == true)
        #expect(error?.kind == .auth)
    }
}

/// What a refusing token endpoint answers.
private struct JSONEncodedPair: Encodable {
    var error: String
    var error_description: String

    var text: String {
        do {
            return String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
        } catch {
            return "\(error)"
        }
    }
}
