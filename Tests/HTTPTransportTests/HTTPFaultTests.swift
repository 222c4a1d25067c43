import Foundation
import LoopbackHTTP
import Testing

@testable import HTTPTransport

@Suite("A faulty transfer")
struct HTTPFaultTests {
    @Test("of a body shorter than announced is no answer")
    func cutBody() async throws {
        try await withServer { _ in
            .cut("{\"data\":[1,", announced: 500)
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .truncated)
            #expect(error.isTransient)
        }
    }

    @Test("of chunks without the last one is no answer")
    func chunksWithoutEnd() async throws {
        let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n"
        try await withServer { _ in
            .raw(Array(wire.utf8))
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .truncated)
        }
    }

    @Test("that is reset in the body is no answer")
    func reset() async throws {
        let wire = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,2"
        try await withServer { _ in
            .raw(Array(wire.utf8), then: .reset)
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .truncated)
        }
    }

    @Test("that is closed without a word is no answer")
    func nothing() async throws {
        try await withServer { _ in
            .raw([])
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .truncated)
        }
    }

    @Test("that trickles one byte at a time is given up after the idle time")
    func slowLoris() async throws {
        try await withServer { _ in
            .json(String(repeating: " ", count: 1000)).trickling(everyMilliseconds: 100)
        } _: { server in
            let started = ContinuousClock.now
            let error = try await failure(of: server.url, limits: HTTPLimits(idle: .seconds(1), total: .seconds(30)))
            #expect(error.kind == .timeout)
            #expect(ContinuousClock.now - started < .seconds(8))
        }
    }

    @Test("without any answer is given up after the total time")
    func silence() async throws {
        try await withServer { _ in
            .raw([], then: .silence)
        } _: { server in
            let error = try await failure(of: server.url, limits: HTTPLimits(total: .milliseconds(300)))
            #expect(error.kind == .timeout)
            #expect(error.isTransient)
        }
    }

    @Test("of a small body that unpacks to a large one stops at the limit")
    func gzipBomb() async throws {
        let bomb = zeros(megabytes: 50)
        #expect(bomb.count < 400_000)
        try await withServer { _ in
            LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: bomb)
        } _: { server in
            let error = try await failure(of: server.url, limits: HTTPLimits(bodyBytes: 1 << 20))
            #expect(error.kind == .tooLarge)
            #expect(error.description == "GET \(server.url)/: the decoded answer exceeds 1048576 bytes")
        }
    }

    @Test(
        "of a broken content encoding is no answer, nor of one that was not asked for",
        arguments: [("gzip", "no gzip at all"), ("br", "[]"), ("gzip, gzip", "[]")])
    func brokenEncoding(name: String, body: String) async throws {
        try await withServer { request in
            let headers = [(name: "Content-Encoding", value: name)]
            return LoopbackResponse(
                status: request.path == "/503" ? 503 : 200, headers: headers, body: Array(body.utf8))
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .encoding)
            #expect(error.description.hasPrefix("GET \(server.url)/: the content encoding is "), "\(error)")
            #expect(try await get("\(server.url)/503").status == 503)
        }
    }

    @Test("whose gzip ends early broke off, however well the transfer ends", arguments: [1, 8, 9, 30])
    func cutGzip(missing: Int) async throws {
        let whole = gzipStored(Array("id,name\n1,Ann\n2,Bob\n".utf8))
        try await withServer { _ in
            LoopbackResponse(headers: [("Content-Encoding", "gzip")], body: whole.dropLast(missing))
        } _: { server in
            let error = try await failure(of: server.url)
            #expect(error.kind == .truncated)
            #expect(error.isTransient)
            let text = "GET \(server.url)/: the answer broke off (the gzip data end too early)"
            #expect(error.description == text)
        }
    }

    @Test("to a closed port says so")
    func refused() async throws {
        let port = try await withServer { _ in
            .json("[]")
        } _: {
            $0.port
        }
        let error = try await failure(of: "http://127.0.0.1:\(port)/a?key=hidden")
        #expect(error.kind == .connect)
        #expect(error.isTransient)
        #expect(error.description.hasPrefix("GET http://127.0.0.1:\(port)/a: no connection ("))
        #expect(!error.description.contains("hidden"))
    }

    @Test("to a name without address says so")
    func noAddress() async throws {
        #expect(try await failure(of: "http://no-such-host.invalid/").kind == .dns)
    }

    @Test("ends soon after its task is cancelled")
    func cancel() async throws {
        try await withServer { _ in
            .raw([], then: .silence)
        } _: { server in
            let started = ContinuousClock.now
            let task = Task { try await failure(of: server.url) }
            while server.connectionCount == 0 { await Task.yield() }
            task.cancel()
            let error = try await task.value
            #expect(error.kind == .cancelled)
            #expect(!error.isTransient)
            #expect(ContinuousClock.now - started < .seconds(5))
        }
    }

    @Test("leaves a client that works")
    func afterwards() async throws {
        try await withServer { request in
            request.path == "/cut" ? .cut("[", announced: 10) : .json("[]")
        } _: { server in
            let client = HTTPClient()
            _ = try await failure(of: "\(server.url)/cut", client: client)
            #expect(try await get(server.url, client: client).status == 200)
        }
    }
}

/// A gzip member of zeros: one fixed Huffman block, each match 258 bytes in 13 bits (RFC 1951, section 3.2.6).
private func zeros(megabytes: Int) -> [UInt8] {
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var word: UInt32 = 0
    var width: UInt32 = 0
    let put = { (bits: String) in
        for bit in bits.utf8 {
            word |= UInt32(bit - 0x30) << width
            width += 1
            guard width == 8 else { continue }
            bytes.append(UInt8(word))
            (word, width) = (0, 0)
        }
    }
    put("110")
    put("00110000")
    for _ in 0..<(megabytes << 20) / 258 { put("1100010100000") }
    return bytes
}
