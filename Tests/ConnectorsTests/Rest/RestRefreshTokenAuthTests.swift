import ConnectorKit
import HTTPTransport
import JSON
import Logging
import LoopbackHTTP
import Metadata
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Connectors

private let client =
    #"{"type": "oauth2", "token_url": "ISSUER/token", "client_id": "shop", "client_auth": "body", "refresh_token": {"secret": "r"}}"#

/// Takes each refresh token once and gives another for it, with an access token that expires at once.
private func rotating(from first: String = "refresh-canary-0") -> AuthScene.Answer {
    let valid = Mutex(first)
    return { request, number in
        valid.withLock { valid in
            guard formMembers(request)["refresh_token"] == valid else {
                return .json(#"{"error": "invalid_grant", "error_description": "used"}"#, status: 400)
            }
            valid = "refresh-canary-\(number)"
            return .json(
                #"{"access_token": "access-canary-\#(number)", "expires_in": "0", "refresh_token": "\#(valid)"}"#)
        }
    }
}

/// Keeps what is replaced, unless it is full.
private final class KeepingStore: WritableSecretStore {
    private let values: Mutex<[String: String]>
    private let isFull: Bool

    init(_ values: [String: String], isFull: Bool = false) {
        self.values = Mutex(values)
        self.isFull = isFull
    }

    func secret(named name: String) throws -> Secret { Secret(values.withLock { $0[name] ?? "" }) }

    func replace(_ value: Secret, named name: String) async throws -> Bool {
        if isFull { throw ConnectorError("no room for \(value.reveal())", kind: .auth) }
        values.withLock { $0[name] = value.reveal() }
        return true
    }
}

@Suite("A refresh token of a rest system")
struct RestRefreshTokenAuthTests {
    @Test("that the server replaces is used in its newest form, for the run")
    func rotation() async throws {
        let scene = try AuthScene(
            secrets: FixedSecretStore(["r": "refresh-canary-0"]), api: pages(3) { $0.header("Authorization") != nil },
            issuer: rotating())
        #expect(try await scene.land(scene.connector(client)).records == 3)
        #expect(
            scene.proved.all.map { formMembers($0)["refresh_token"] }
                == ["refresh-canary-0", "refresh-canary-1", "refresh-canary-2"])
        #expect(formMembers(scene.proved.all.first)["grant_type"] == "refresh_token")
        #expect(scene.log.text.contains("the secret store cannot keep it"))
        scene.quiet()
        // The next run begins with the old one, and is told what to do.
        let error = try await scene.refusal(scene.connector(client))
        #expect(error.message.contains("was refused with 400 invalid_grant: 'used' (secret 'r')"))
        #expect(error.hint.contains("was replaced in an earlier run that could not keep the new one"))
    }

    @Test("that the server replaces is kept for the next run, where the store can")
    func kept() async throws {
        let store = KeepingStore(["r": "refresh-canary-0"])
        let scene = try AuthScene(
            secrets: store, api: pages(2) { $0.header("Authorization") != nil }, issuer: rotating())
        for _ in 0..<2 { #expect(try await scene.land(scene.connector(client)).records == 2) }
        #expect(try store.secret(named: "r").reveal() == "refresh-canary-4")
        #expect(!scene.log.text.contains("cannot keep"))
    }

    @Test("that the store cannot write serves this run all the same, with a warning that does not show it")
    func notKept() async throws {
        let store = KeepingStore(["r": "refresh-canary-0"], isFull: true)
        let scene = try AuthScene(
            secrets: store, api: pages(2) { $0.header("Authorization") != nil }, issuer: rotating())
        #expect(try await scene.land(scene.connector(client)).records == 2)
        #expect(scene.log.text.contains("no room for ‹secret›"))
        scene.quiet()
    }

    @Test("that stays the same is left alone")
    func same() async throws {
        let scene = try AuthScene(
            secrets: FixedSecretStore(["r": "refresh-canary-0"]), api: pages(2) { _ in true },
            issuer: { _, _ in
                .json(#"{"access_token": "access-canary", "expires_in": 0, "refresh_token": "refresh-canary-0"}"#)
            })
        #expect(try await scene.land(scene.connector(client)).records == 2)
        #expect(scene.log.text.isEmpty)
    }
}

@Suite("The identity of a rest system")
struct RestIdentityAuthTests {
    private let clock = FixedClock(Instant(microseconds: 1_800_000_000_000_000))

    private func identity(_ scene: AuthScene, base: String? = nil) throws -> RestIdentity {
        let auth =
            #"{"type": "oauth2", "token_url": "\#(scene.issuerURL)/t", "client_id": "i", "client_secret": {"secret": "s"}}"#
        let base = base ?? scene.apiURL
        var check = FieldCheck(file: "test.json")
        let connection = check.check(
            try JSONReader.parse(#"{"base_url": "\#(base)", "auth": \#(auth)}"#),
            against: RestConnector.Configuration.fields)
        let configuration = try MetadataDecoding.decode(RestConnector.Configuration.self, from: connection)
        let known = RestSecrets(FixedSecretStore(["s": AuthScene.secret]))
        return try RestIdentity(
            configuration, written: connection, base: HTTPURL(base), known: known,
            requests: ProofRequests(
                client: HTTPClient(), limits: HTTPLimits(), retry: configuration.retry, known: known,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }), clock: clock)
    }

    @Test("holds a token until 30 seconds before it expires")
    func margin() async throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: tokens(expiresIn: 600))
        let identity = try identity(scene)
        var request = HTTPRequest(url: try HTTPURL(scene.apiURL))
        for (seconds, expected) in [(0, 1), (569, 1), (1, 2), (569, 2), (1, 3)] {
            clock.advance(seconds: Int64(seconds))
            _ = try await identity.authorize(&request)
            #expect(request.headers["Authorization"] == "Bearer access-canary-\(expected)")
        }
        var shown = ""
        dump(identity, to: &shown)
        dump(identity.known, to: &shown)
        scene.quiet(shown)
        #expect(identity.known.mask("x access-canary-1 y access-canary-3") == "x ‹secret› y ‹secret›")
    }

    @Test("renews once for every request that was refused with the same token")
    func olderRefusals() async throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: tokens(expiresIn: 600))
        let identity = try identity(scene)
        var request = HTTPRequest(url: try HTTPURL(scene.apiURL))
        let number = try await identity.authorize(&request)
        for _ in 0..<3 { #expect(try await identity.refuse(number)) }
        #expect(scene.proved.all.count == 2)
        let newer = try await identity.authorize(&request)
        #expect(try await !identity.refuse(newer))
        await identity.accept(number)
        #expect(try await !identity.refuse(newer))
        await identity.accept(newer)
        #expect(try await identity.refuse(newer))
        #expect(scene.proved.all.count == 3)
    }

    @Test("leaves the token request to those who still wait when others are cancelled")
    func oneOfTwoCancelled() async throws {
        let scene = try AuthScene(
            api: pages(1) { _ in true }, issuer: { tokens()($0, $1).delayed(milliseconds: 500) })
        let identity = try identity(scene)
        let url = try HTTPURL(scene.apiURL)
        let waiting = (0..<2).map { _ in
            Task {
                var request = HTTPRequest(url: url)
                _ = try await identity.authorize(&request)
                return request.headers["Authorization"]
            }
        }
        while await identity.nrWaiting < 2 { await Task.yield() }
        waiting[0].cancel()
        #expect(try await waiting[1].value == "Bearer access-canary-1")
        await #expect(throws: CancellationError.self) { try await waiting[0].value }
        #expect(scene.proved.all.count == 1)
    }

    @Test("goes to the host of base_url only")
    func otherHost() async throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: tokens())
        let identity = try identity(scene)
        for other in ["http://localhost:1/", "https://127.0.0.1/", scene.issuerURL] {
            var request = HTTPRequest(url: try HTTPURL(other))
            let error = await #expect(throws: ConnectorError.self) { _ = try await identity.authorize(&request) }
            #expect(error?.message.contains("credentials go to \(scene.apiURL) only") == true)
            #expect(request.headers.lines.isEmpty)
        }
        #expect(scene.proved.all.isEmpty)
    }

    @Test("is not asked for over http where the API speaks https")
    func plainTokenURL() throws {
        let scene = try AuthScene(api: pages(1) { _ in true }, issuer: tokens())
        let error = #expect(throws: ConnectorError.self) { try identity(scene, base: "https://api.example.com") }
        #expect(error?.message.contains("would send secrets in the open") == true)
    }
}
