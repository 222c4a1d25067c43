import Foundation
import Testing

@testable import HTTPTransport

@Suite("TLS", .serialized)
struct HTTPSecurityTests {
    @Test("is refused for a certificate that nobody vouches for, and taken when its authority is named")
    func selfSigned() async throws {
        let server = try TLSServer(name: "localhost")
        defer { server.stop() }
        let error = try await failure(of: server.url)
        #expect(error.kind == .tls)
        #expect(!error.isTransient)
        let trusting = HTTPClient(caFile: server.certificate)
        #expect(try await get(server.url, client: trusting).status == 200)
    }

    @Test("is refused for a certificate of another name")
    func otherName() async throws {
        let server = try TLSServer(name: "elsewhere.example")
        defer { server.stop() }
        #expect(try await failure(of: server.url, client: HTTPClient(caFile: server.certificate)).kind == .tls)
    }

    @Test("is not left by a redirect to http")
    func downgrade() throws {
        var chain = RedirectChain(HTTPRequest(url: try HTTPURL("https://h/a")))
        let error = try #require(throws: HTTPError.self) {
            try chain.follow("http://h/a", status: 302, sentFrom: .global)
        }
        #expect(error.description == "GET https://h/a: a redirect from https to http is refused")
    }

    @Test("or not, no proxy of the environment is used")
    func noProxy() async throws {
        setenv("http_proxy", "http://127.0.0.1:1", 1)
        defer { unsetenv("http_proxy") }
        try await withServer { _ in
            .json("[]")
        } _: { server in
            #expect(try await get(server.url).status == 200)
        }
    }
}

/// `openssl s_server` with a certificate of its own, on a port of its own.
private struct TLSServer {
    let url: String
    let certificate: String
    private let process: Process
    private let folder: URL

    init(name: String) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "medallion-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificate = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        let make = try TLSServer.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", key, "-out", certificate,
        ])
        make.process.waitUntilExit()
        let serve = try TLSServer.openssl([
            "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www",
        ])
        process = serve.process
        // It says `ACCEPT 127.0.0.1:<port>` once it listens.
        var said = ""
        while !said.contains("ACCEPT"), let bytes = try serve.output.read(upToCount: 1) {
            said += String(decoding: bytes, as: UTF8.self)
        }
        while !said.hasSuffix("\n"), let bytes = try serve.output.read(upToCount: 1) {
            said += String(decoding: bytes, as: UTF8.self)
        }
        let port = said.split(separator: ":").last.map { $0.filter(\.isNumber) } ?? ""
        url = "https://localhost:\(port)/"
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
        // A folder that stays behind in /tmp harms nothing.
        try? FileManager.default.removeItem(at: folder)
    }

    private static func openssl(_ arguments: [String]) throws -> (process: Process, output: FileHandle) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        return (process, output.fileHandleForReading)
    }
}
