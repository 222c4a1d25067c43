import LoopbackHTTP
import Testing

@testable import HTTPTransport

@Suite("What a server outside may make us do")
struct HTTPOutwardTests {
    /// Every way to write an address of our own machine that a URL parser or a resolver may take.
    static let spellings = [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0",
        "0.0.0.0", "localhost", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]", "%31%32%37.0.0.1",
    ]

    @Test("is not to lead us to our own machine, however it is written or resolved", arguments: spellings)
    func loopback(host: String) throws {
        let server = try LoopbackServer { _ in .json("[]") }
        defer { server.stop() }
        let url = try HTTPURL("http://\(host):\(server.port)/")
        let transfer = Transfer(limits: HTTPLimits(), cancellation: CancellationFlag(), redirectedFrom: .global)
        #expect(throws: HTTPError.self) {
            try CurlHandle().perform(HTTPRequest(url: url), within: .seconds(5), trusting: nil, into: transfer)
        }
        #expect(transfer.refusedAddress == .byRedirect, "\(url.text) was not refused")
        #expect(server.connectionCount == 0)
    }

    @Test(
        "is not to lead us into our own networks",
        arguments: [
            "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00:ec2::254]", "[fe80::1]",
            "[64:ff9b::169.254.169.254]", "[::ffff:10.0.0.1]", "224.0.0.1", "198.18.0.1", "192.0.0.8", "192.0.2.1",
            "[::10.0.0.1]", "[2002:a00:1::]", "[64:ff9b:1::1]", "[2001::1]", "[fec0::1]",
        ])
    func inside(host: String) throws {
        let transfer = Transfer(limits: HTTPLimits(), cancellation: CancellationFlag(), redirectedFrom: .global)
        let url = try HTTPURL("http://\(host)/latest/meta-data")
        let error = try #require(throws: HTTPError.self) {
            try CurlHandle().perform(HTTPRequest(url: url), within: .seconds(5), trusting: nil, into: transfer)
        }
        #expect(transfer.refusedAddress == .byRedirect && error.kind == .redirect, "\(error)")
    }

    @Test("is not to be somebody inside, unless that was written or allowed", arguments: spellings)
    func insideByName(host: String) async throws {
        let server = try LoopbackServer { _ in .json("[]") }
        defer { server.stop() }
        let url = try HTTPURL("http://\(host):\(server.port)/")
        let limits = HTTPLimits(connect: .seconds(5), total: .seconds(5), reachesInside: false)
        let error = try await #require(throws: HTTPError.self) {
            try await HTTPClient().send(HTTPRequest(url: url, limits: limits))
        }
        #expect(error.kind == .insideAddress && server.connectionCount == 0, "\(error)")
        #expect(url.namesInside, "\(url.text) names an address inside")
    }

    @Test("is not to lead us over a connection that is open already")
    func openConnection() throws {
        let inner = try LoopbackServer { _ in .json("[]") }
        defer { inner.stop() }
        let handle = CurlHandle()
        // Opened by a request of our own, and kept.
        let first = Transfer(limits: HTTPLimits(), cancellation: CancellationFlag(), redirectedFrom: nil)
        try handle.perform(HTTPRequest(url: HTTPURL(inner.url)), within: .seconds(5), trusting: nil, into: first)
        let second = Transfer(limits: HTTPLimits(), cancellation: CancellationFlag(), redirectedFrom: .global)
        #expect(throws: HTTPError.self) {
            try handle.perform(HTTPRequest(url: HTTPURL(inner.url)), within: .seconds(5), trusting: nil, into: second)
        }
        #expect(second.refusedAddress == .byRedirect)
        #expect(inner.connectionCount == 1)
    }

    @Test("a server inside may not lead us to our own machine")
    func furtherInside() {
        #expect(!AddressScope.reserved.mayRedirect(to: .loopback))
        #expect(AddressScope.loopback.mayRedirect(to: .loopback) && AddressScope.loopback.mayRedirect(to: .reserved))
    }

    @Test(
        "methods and headers cannot carry lines or another host",
        arguments: [
            ("GET / HTTP/1.1\r\nX: y", "X-A", "b"), ("", "X-A", "b"), ("GET", "Host", "other"),
            ("GET", "content-length", "0"),
            ("GET", "Transfer-Encoding", "chunked"), ("GET", "Connection", "close"), ("GET", "X-A", "b\r\nX-B: c"),
        ])
    func smuggling(method: String, name: String, value: String) async throws {
        try await withServer { _ in
            .json("[]")
        } _: { server in
            let request = HTTPRequest(method: method, url: try HTTPURL(server.url), headers: [HTTPHeader(name, value)])
            let error = try await #require(throws: HTTPError.self) { try await HTTPClient().send(request) }
            #expect(error.kind == .invalidRequest && server.connectionCount == 0, "\(error)")
        }
    }

    @Test("is not to fill our memory with its head")
    func longHead() async throws {
        try await withServer { _ in
            let line = "X-Fill: " + String(repeating: "a", count: 8000) + "\r\n"
            return .raw(Array(("HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 40) + "\r\n[]").utf8))
        } _: { server in
            let error = try await failure(of: server.url)
            #expect([.tooLarge, .transfer].contains(error.kind), "\(error)")
        }
    }

    @Test("is not to hide a large body in two layers of packing")
    func twofold() async throws {
        let inner = gzipStored([UInt8](repeating: 0, count: 40_000))
        let body = gzipStored(inner)
        try await withServer { _ in
            LoopbackResponse(headers: [("Content-Encoding", "gzip, gzip")], body: body)
        } _: { server in
            let error = try await failure(of: server.url, limits: HTTPLimits(bodyBytes: 20_000))
            #expect([.tooLarge, .encoding].contains(error.kind), "\(error)")
        }
    }

    @Test(
        "gets no request of two lines, wherever the line break comes from",
        arguments: ["http://h/a\r\nX: 1", "http://h\r\n/a", "http://h/a?b=\n", "http://h/\u{0}"])
    func lineBreaks(url: String) {
        #expect(throws: HTTPError.self) { try HTTPURL(url) }
    }

    @Test("gets no header under a name that is none", arguments: ["X Y", "X:Y", "", "X\r\nY", "Ä"])
    func headerNames(name: String) async throws {
        try await withServer { _ in
            .json("[]")
        } _: { server in
            let error = try await #require(throws: HTTPError.self) {
                try await get(server.url, headers: HTTPHeaders([HTTPHeader(name, "v")]))
            }
            #expect(error.kind == .invalidRequest)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("gets a parameter's line break as text, never as a line")
    func parameters() throws {
        let url = try HTTPURL("http://h/a").adding([("q", "x\r\nX-Evil: 1 &y=2#z")])
        #expect(url.text == "http://h/a?q=x%0D%0AX-Evil%3A%201%20%26y%3D2%23z")
    }
}
