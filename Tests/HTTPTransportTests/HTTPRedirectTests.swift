import LoopbackHTTP
import Synchronization
import Testing

@testable import HTTPTransport

@Suite("A redirect")
struct HTTPRedirectTests {
    @Test("is followed, and the answer names where it came from", arguments: [301, 302, 303, 307, 308])
    func followed(status: Int) async throws {
        try await withServer { request in
            request.path == "/old" ? .redirect(to: "new?page=2", status: status) : .json("[]")
        } _: { server in
            let answer = try await get("\(server.url)/old")
            #expect(answer.status == 200)
            #expect(answer.effectiveURL.text == "\(server.url)/new?page=2")
        }
    }

    @Test("in a circle ends after five hops")
    func circle() async throws {
        let hops = Mutex(0)
        try await withServer { _ in
            hops.withLock { $0 += 1 }
            return .redirect(to: "/again")
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .redirect)
            #expect(error.description == "GET \(server.url)/again: more than 5 redirects")
            #expect(hops.withLock(\.self) == 6)
        }
    }

    @Test(
        "to anything but http and https is refused",
        arguments: ["file:///etc/passwd", "gopher://127.0.0.1/", "ldap://127.0.0.1/", "ftp://127.0.0.1/"])
    func scheme(location: String) async throws {
        try await withServer { _ in
            .redirect(to: location)
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .redirect)
            #expect(error.description.hasPrefix("GET \(server.url)/: redirect refused: URL scheme '"))
        }
    }

    @Test("with a user name in it is refused, and not repeated in the error")
    func userInfo() async throws {
        try await withServer { _ in
            .redirect(to: "http://admin:hunter2@127.0.0.1/")
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .redirect)
            #expect(!error.description.contains("hunter2"))
        }
    }

    @Test("to a link-local address is refused before anything is sent there")
    func linkLocal() async throws {
        try await withServer { _ in
            .redirect(to: "http://169.254.169.254/latest/meta-data")
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .redirect)
            #expect(error.description.contains("inside our own network is refused"))
        }
    }

    @Test("to another host takes no credentials along")
    func credentials() async throws {
        let seen = Mutex<[String]>([])
        let note: @Sendable (LoopbackRequest) -> Void = { request in
            let names = ["Authorization", "Cookie", "X-Api-Key", "X-Plain"]
            seen.withLock { $0.append(names.map { request.header($0) ?? "-" }.joined(separator: " ")) }
        }
        try await withServer { request in
            note(request)
            return request.path == "/here" ? .redirect(to: "/there") : .json("[]")
        } _: { other in
            try await withServer { request in
                note(request)
                return request.path == "/start"
                    ? .redirect(to: "/next") : .redirect(to: "http://localhost:\(other.port)/here")
            } _: { server in
                let headers: HTTPHeaders = [
                    HTTPHeader("Authorization", "Bearer t"), HTTPHeader("Cookie", "c"),
                    HTTPHeader("X-Api-Key", "k", isCredential: true), HTTPHeader("X-Plain", "p"),
                ]
                _ = try await get("\(server.url)/start", headers: headers)
            }
        }
        #expect(seen.withLock(\.self) == ["Bearer t c k p", "Bearer t c k p", "- - - p", "- - - p"])
    }

    @Test("is an answer like any other when none may be followed")
    func notFollowed() async throws {
        try await withServer { _ in
            .redirect(to: "/x")
        } _: { server in
            let answer = try await get(server.url, limits: HTTPLimits(redirects: 0))
            #expect(answer.status == 302)
        }
    }

    @Test("turns POST into GET, but for 307 and 308", arguments: zip([301, 302, 303, 307, 308], "GGGPP"))
    func method(status: Int, initial: Character) async throws {
        try await withServer { request in
            request.path == "/old"
                ? .redirect(to: "/new", status: status)
                : LoopbackResponse(body: Array("\(request.method)\(request.body.count)".utf8))
        } _: { server in
            let request = HTTPRequest(method: "POST", url: try HTTPURL("\(server.url)/old"), body: [1, 2, 3])
            let answer = try await HTTPClient().send(request)
            #expect(String(decoding: answer.body, as: UTF8.self) == (initial == "G" ? "GET0" : "POST3"))
        }
    }
}

@Suite("The scope of an address")
struct AddressScopeTests {
    @Test(
        "is told from its notation",
        arguments: [
            ("127.0.0.1", AddressScope.loopback), ("127.9.9.9", .loopback), ("0.0.0.0", .loopback), ("::1", .loopback),
            ("::", .loopback), ("::ffff:127.0.0.1", .loopback), ("64:ff9b::10.0.0.1", .reserved),
            ("169.254.169.254", .linkLocal), ("fe80::1", .linkLocal), ("10.1.2.3", .reserved),
            ("172.16.0.1", .reserved), ("172.32.0.1", .global), ("192.168.1.1", .reserved), ("100.64.0.1", .reserved),
            ("224.0.0.1", .reserved), ("fd00::1", .reserved), ("ff02::1", .reserved), ("8.8.8.8", .global),
            ("2001:4860:4860::8888", .global), ("rubbish", .reserved),
        ])
    func scope(text: String, expected: AddressScope) {
        #expect(AddressScope(numeric: text) == expected)
    }

    @Test("decides where a redirect may lead: never from outside to inside")
    func redirects() {
        #expect(AddressScope.global.mayRedirect(to: .global))
        #expect(!AddressScope.global.mayRedirect(to: .loopback))
        #expect(!AddressScope.global.mayRedirect(to: .reserved))
        #expect(AddressScope.loopback.mayRedirect(to: .reserved))
        #expect(!AddressScope.reserved.mayRedirect(to: .linkLocal))
    }
}
