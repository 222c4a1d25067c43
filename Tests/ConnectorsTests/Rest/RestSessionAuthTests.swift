import ConnectorKit
import JSON
import LoopbackHTTP
import Synchronization
import TestKit
import Testing

@testable import Connectors

/// A login that gives `session-canary-1`, `session-canary-2` … in its body, a header and a cookie.
private let login: @Sendable (Int) -> LoopbackResponse = { number in
    .json(
        #"{"data": {"tokens": ["", "session-canary-\#(number)"]}}"#, status: 201,
        headers: [
            ("X-Subject-Token", "session-canary-\(number)"), ("Set-Cookie", "lang=en; Path=/"),
            ("Set-Cookie", "SID=session-canary-\(number); Path=/; HttpOnly"),
        ])
}

/// An API with a login and a logout of its own.
private final class SessionScene: Sendable {
    let scene: AuthScene

    var logins: Int { requests(to: "login").count }
    var logouts: Int { requests(to: "logout").count }

    init(
        _ answer: @escaping @Sendable (Int) -> LoopbackResponse = login, api: @escaping AuthScene.Answer
    ) throws {
        let turn = Turn()
        scene = try AuthScene(
            api: { request, number in
                switch request.path {
                case "/v1/login": answer(turn.next())
                case "/v1/logout": LoopbackResponse(status: 204)
                case "/v1/lost": .json("{}", status: 500)
                default: api(request, number)
                }
            }, issuer: { _, _ in .json("{}") })
    }

    func requests(to path: String) -> [LoopbackRequest] { scene.asked.all.filter { $0.path == "/v1/\(path)" } }
}

/// Counts from 1 on.
private final class Turn: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

private func auth(
    _ token: String = #"{"from": "body", "path": "/data/tokens/1"}"#, more: String = ""
) -> String {
    """
    {"type": "session", "login": {"path": "/login", "json": {"user": "ann", "deep": [{"password": {"secret": "s"}}]}},
     "token": \(token), "logout": {"method": "DELETE", "path": "logout"}\(more)}
    """
}

@Suite("A session of a rest system")
struct RestSessionAuthTests {
    @Test(
        "is opened once, carried as the metadata say, and closed once",
        arguments: [
            (#"{"from": "body", "path": "/data/tokens/1"}"#, "", "Authorization", "Bearer session-canary-1"),
            (
                #"{"from": "header", "name": "x-subject-token"}"#,
                #", "send": {"name": "X-Auth-Token", "prefix": "Token "}"#, "X-Auth-Token", "Token session-canary-1"
            ),
            (#"{"from": "cookie", "name": "SID"}"#, "", "Cookie", "SID=session-canary-1"),
            (
                #"{"from": "body", "path": "data.tokens[1]"}"#, #", "send": {"in": "cookie", "name": "T"}"#, "Cookie",
                "T=session-canary-1"
            ),
        ])
    func placement(token: String, more: String, header: String, expected: String) async throws {
        let session = try SessionScene(api: pages(2) { $0.header(header) == expected })
        let connector = try session.scene.connector(auth(token, more: more))
        for path in ["/items", "/others"] { #expect(try await session.scene.land(connector, path: path).records == 2) }
        await connector.close()
        await connector.close()
        #expect((session.logins, session.logouts) == (1, 1))
        let opened = try #require(session.requests(to: "login").first)
        #expect(opened.method == "POST")
        #expect(opened.header("Content-Type") == "application/json")
        let sent = try JSONReader.parse(opened.body)
        #expect(sent["user"]?.stringValue == "ann")
        #expect(sent["deep"]?.arrayValue?.first?["password"]?.stringValue == AuthScene.secret)
        let closed = try #require(session.requests(to: "logout").first)
        #expect(closed.method == "DELETE")
        #expect(closed.header(header) == expected)
        var shown = ""
        dump(connector, to: &shown)
        session.scene.quiet(shown)
    }

    @Test("in the query takes the place of an older one in the source's own links")
    func query() async throws {
        let session = try SessionScene(api: { request, _ in
            let isNew = request.parameter("page") != nil
            guard request.parameter("sid") == "session-canary-\(isNew ? 2 : 1)" else { return .json("{}", status: 401) }
            return .json(page([1], isNew ? "" : #""next": "?sid=session-canary-1&page=2""#))
        })
        let connector = try session.scene.connector(auth(more: #", "send": {"in": "query", "name": "sid"}"#))
        let landed = try await session.scene.land(connector)
        #expect(landed.records == 2)
        #expect(landed.request == "GET \(session.scene.apiURL)/v1/items?sid=‹secret›")
        #expect(
            session.requests(to: "items").map(\.target) == [
                "/v1/items?sid=session-canary-1", "/v1/items?sid=session-canary-1&page=2",
                "/v1/items?sid=session-canary-2&page=2",
            ])
    }

    @Test("that has ended is opened anew once, on the statuses that say so", arguments: [401, 419])
    func renewed(status: Int) async throws {
        let session = try SessionScene(
            api: pages(2, status: status) { request in
                request.header("Authorization") == "Bearer session-canary-\(request.parameter("page") ?? "1")"
            })
        let connector = try session.scene.connector(auth(more: #", "renew_on": [401, 419]"#))
        #expect(try await session.scene.land(connector).records == 2)
        #expect(session.logins == 2)
    }

    @Test("that is refused for ever is opened anew once")
    func refusedForever() async throws {
        let session = try SessionScene(api: pages(1) { _ in false })
        let connector = try session.scene.connector(auth())
        let error = try await session.scene.refusal(connector)
        #expect(error.message.contains("the source refused the session with 401, a new one as well"))
        #expect(error.kind == .auth)
        _ = try await session.scene.refusal(connector)
        #expect(session.logins == 2)
        await connector.close()
        #expect(session.logouts == 1)
    }

    @Test("that a form opens carries its cookie, and the login's redirect is not followed")
    func form() async throws {
        let session = try SessionScene(
            { _ in LoopbackResponse(status: 302, headers: [("Set-Cookie", "SID=a=b"), ("Location", "/v1/home")]) },
            api: pages(1) { $0.header("Cookie") == "SID=a=b" })
        let connector = try session.scene.connector(
            """
            {"type": "session", "token": {"from": "cookie", "name": "SID"},
             "login": {"path": "/login", "form": {"user": "ann", "pass": {"secret": "s"}},
                       "headers": {"X-Client": {"secret": "t"}}}}
            """, more: #", "headers": {"X-Tenant": "north"}"#)
        #expect(try await session.scene.land(connector).records == 1)
        let opened = try #require(session.requests(to: "login").first)
        #expect(formMembers(opened) == ["user": "ann", "pass": AuthScene.secret])
        #expect(opened.header("X-Client") == "canary-second-secret")
        #expect(opened.header("X-Tenant") == "north")
        #expect(session.requests(to: "items").first?.header("X-Client") == nil)
        #expect(session.requests(to: "home").isEmpty)
        await connector.close()
        #expect(session.logouts == 0)
    }

    @Test("at another host gets nothing that belongs to the API")
    func elsewhere() async throws {
        let scene = try AuthScene(
            api: pages(1) { $0.header("Authorization") == "Bearer session-canary-1" }, issuer: { login($1) })
        let connector = try scene.connector(
            """
            {"type": "session", "token": {"from": "header", "name": "X-Subject-Token"},
             "login": {"path": "ISSUER/sessions", "json": {"secret": "s"}}}
            """, more: #", "headers": {"X-Token": {"secret": "t"}}"#)
        #expect(try await scene.land(connector).records == 1)
        #expect(scene.proved.all.map(\.path) == ["/sessions"])
        #expect(scene.proved.all.first?.header("X-Token") == nil)
    }

    @Test("that the login refuses is asked for once, with the secret's name and without its value")
    func refusedLogin() async throws {
        let session = try SessionScene(
            { _ in .json("{\"message\": \"\(AuthScene.secret) is wrong\"}", status: 403) }, api: pages(1) { _ in true })
        let connector = try session.scene.connector(auth())
        let error = try await session.scene.refusal(connector)
        #expect(
            error.description == "the login POST \(session.scene.apiURL)/v1/login was refused with 403: '‹secret› is "
                + "wrong' (secret 's'); check connection.auth.login and the values of its secrets")
        _ = try await session.scene.refusal(connector)
        await connector.close()
        #expect((session.logins, session.logouts) == (1, 0))
    }

    @Test(
        "whose token is not where the metadata say is none",
        arguments: [
            (#"{"from": "body", "path": "/token"}"#, "its body at '/token'"),
            (#"{"from": "body", "path": "/data/tokens/0"}"#, "its body at"),
            (#"{"from": "header", "name": "X-No"}"#, "its header 'X-No'"),
            (#"{"from": "cookie", "name": "sid"}"#, "a cookie 'sid'"),
        ])
    func missingToken(token: String, expected: String) async throws {
        let session = try SessionScene(api: pages(1) { _ in true })
        let error = try await session.scene.refusal(session.scene.connector(auth(token)))
        #expect(error.message.contains("was answered, but has no token in \(expected)"))
        #expect(session.requests(to: "items").isEmpty)
    }

    @Test("whose token would break out of its cookie is refused")
    func cookieInjection() async throws {
        let session = try SessionScene(
            { _ in .json(#"{"data": {"tokens": ["", "canary; admin=1"]}}"#) }, api: pages(1) { _ in true })
        let connector = try session.scene.connector(auth(more: #", "send": {"in": "cookie", "name": "T"}"#))
        #expect(try await session.scene.refusal(connector).message.contains("cookie 'T' holds a ';'"))
        #expect(session.requests(to: "items").isEmpty)
    }

    @Test("that cannot be closed is no failure, and is closed by a cancelled run too")
    func closing() async throws {
        let session = try SessionScene(api: pages(1) { _ in true })
        let lost = try session.scene.connector(auth().replacing("\"path\": \"logout\"", with: "\"path\": \"lost\""))
        _ = try await session.scene.land(lost)
        await lost.close()
        #expect(session.scene.log.text.contains("the logout failed"))
        #expect(session.requests(to: "lost").count == 1)
        let closing = try session.scene.connector(auth())
        _ = try await session.scene.land(closing)
        await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await closing.close()
        }.value
        #expect(session.logouts == 1)
        session.scene.quiet()
    }
}

@Suite("A key of a rest system in a cookie")
struct RestCookieAuthTests {
    @Test("stands beside the cookies of configured headers")
    func cookie() async throws {
        let scene = try AuthScene(
            api: pages(2) { $0.header("Cookie") == "canary-second-secret; key=Token canary-secret-8f/+ü" },
            issuer: { _, _ in .json("{}") })
        let connector = try scene.connector(
            #"{"type": "api_key", "in": "cookie", "name": "key", "prefix": "Token ", "key": {"secret": "s"}}"#,
            more: #", "headers": {"Cookie": {"secret": "t"}}"#)
        #expect(try await scene.land(connector).records == 2)
    }
}
