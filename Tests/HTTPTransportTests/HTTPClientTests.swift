import Foundation
import LoopbackHTTP
import Synchronization
import Testing

@testable import HTTPTransport

/// Serves one handler for the time of `body`.
func withServer<R>(
    _ handler: @escaping LoopbackServer.Handler, _ body: (LoopbackServer) async throws -> R
) async throws -> R {
    let server = try LoopbackServer(handler: handler)
    defer { server.stop() }
    return try await body(server)
}

/// Sends a GET with limits that suit a test.
func get(
    _ text: String, headers: HTTPHeaders = [], limits: HTTPLimits = HTTPLimits(total: .seconds(20)),
    client: HTTPClient = HTTPClient()
) async throws -> HTTPResponse {
    try await client.send(HTTPRequest(url: try HTTPURL(text), headers: headers, limits: limits))
}

/// The error that a GET ends with; records an issue when it ends well.
func failure(
    of text: String, limits: HTTPLimits = HTTPLimits(total: .seconds(20)), client: HTTPClient = HTTPClient()
) async throws -> HTTPError {
    try await #require(throws: HTTPError.self) { try await get(text, limits: limits, client: client) }
}

@Suite("An HTTP client")
struct HTTPClientTests {
    @Test("hands over status, headers whatever their case, body and URL")
    func wholeAnswer() async throws {
        try await withServer { _ in
            .json("{\"a\":1}", status: 201, headers: [("X-Two", "first"), ("x-two", "  second ")])
        } _: { server in
            let answer = try await get("\(server.url)/path?q=1")
            #expect(answer.status == 201)
            #expect(answer.headers["CONTENT-TYPE"] == "application/json")
            #expect(answer.headers.values(named: "X-Two") == ["first", "second"])
            #expect(String(decoding: answer.body, as: UTF8.self) == "{\"a\":1}")
            #expect(answer.effectiveURL.text == "\(server.url)/path?q=1")
        }
    }

    @Test("sends method, headers and body")
    func wholeRequest() async throws {
        try await withServer { request in
            let type = request.header("Content-Type") ?? "none"
            let head = "\(request.method) \(request.target) \(request.header("X-Empty") ?? "nil") \(type) "
            return LoopbackResponse(body: Array(head.utf8) + request.body)
        } _: { server in
            let request = HTTPRequest(
                method: "POST", url: try HTTPURL("\(server.url)/a%20b?x=%2F"), headers: [HTTPHeader("X-Empty", "")],
                body: Array("payload".utf8))
            let answer = try await HTTPClient().send(request)
            #expect(String(decoding: answer.body, as: UTF8.self) == "POST /a%20b?x=%2F  none payload")
        }
    }

    @Test("keeps one connection for requests that follow each other")
    func reuse() async throws {
        try await withServer { _ in
            .json("[]")
        } _: { server in
            let client = HTTPClient()
            for _ in 0..<5 { _ = try await get(server.url, client: client) }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("runs as many requests at once as there are calls")
    func concurrency() async throws {
        let arrived = Mutex(0)
        try await withServer { _ in
            // Each waits for all the others; one after the other they would wait in vain.
            arrived.withLock { $0 += 1 }
            let deadline = ContinuousClock.now + .seconds(20)
            while arrived.withLock(\.self) < 8, ContinuousClock.now < deadline { usleep(1000) }
            return .json("[]", status: arrived.withLock(\.self) < 8 ? 500 : 200)
        } _: { server in
            let client = HTTPClient()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await get(server.url, limits: HTTPLimits(total: .seconds(60)), client: client).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
        }
    }

    @Test("leaves a status to its caller, who may demand success")
    func status() async throws {
        try await withServer { _ in
            .json("{}", status: 503)
        } _: { server in
            let answer = try await get("\(server.url)/x?token=abc")
            let error = try #require(throws: HTTPError.self) { try answer.requireSuccess() }
            #expect(error.kind == .status(503))
            #expect(error.isTransient)
            #expect(error.description == "\(server.url)/x: the server answered 503")
        }
    }

    @Test(
        "undoes gzip, also in several members, and takes nothing for nothing", arguments: ["gzip", "X-GZIP, identity"])
    func gzip(name: String) async throws {
        let text = Array("{\"records\":[1,2,3]}".utf8)
        try await withServer { request in
            #expect(request.header("Accept-Encoding") == "gzip")
            let body = request.path == "/empty" ? [] : gzipStored(text) + gzipStored(Array("\n".utf8))
            return LoopbackResponse(headers: [("Content-Encoding", name)], body: body)
        } _: { server in
            let answer = try await get(server.url)
            #expect(answer.body == text + [0x0A])
            let empty = try await get("\(server.url)/empty")
            #expect(empty.body.isEmpty)
        }
    }

    @Test("joins chunks")
    func chunks() async throws {
        let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        try await withServer { _ in
            .raw(Array(wire.utf8))
        } _: { server in
            let answer = try await get(server.url)
            #expect(answer.body == Array("abcde".utf8))
            #expect(answer.headers["Trailer"] == nil)
        }
    }

    @Test("sends no header that holds a line break", arguments: ["a\r\nX-Evil: 1", "a\nb", "a\u{0}b"])
    func injection(value: String) async throws {
        try await withServer { _ in
            .json("[]")
        } _: { server in
            let error = try await #require(throws: HTTPError.self) {
                try await get(server.url, headers: [HTTPHeader("X-Name", value)])
            }
            #expect(error.kind == .invalidRequest)
            #expect(!error.description.contains("Evil"))
            #expect(server.connectionCount == 0)
        }
    }
}

/// A gzip member with one stored block (RFC 1952, RFC 1951).
func gzipStored(_ bytes: [UInt8]) -> [UInt8] {
    var crc = ~UInt32(0)
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    let little = { (value: UInt32) in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) } }
    let length = UInt16(bytes.count)
    let lengths = [length, ~length].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1] + lengths + bytes + little(~crc) + little(UInt32(bytes.count))
}
