import Foundation
import Glibc
import LoopbackHTTP
import Testing

@testable import HTTPTransport

@Suite("TLS", .serialized)
struct HTTPSecurityTests {
    @Test("is refused for a certificate that nobody vouches for, and taken when its authority is named")
    func selfSigned() async throws {
        let server = try await TLSServer(name: "localhost")
        defer { server.stop() }
        let error = try await failure(of: server.url)
        #expect(error.kind == .tls)
        #expect(!error.isTransient)
        let trusting = HTTPClient(caFile: server.certificate)
        #expect(try await get(server.url, client: trusting).status == 200)
    }

    @Test("is refused for a certificate of another name")
    func otherName() async throws {
        let server = try await TLSServer(name: "elsewhere.example")
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
    func noProxy() async {
        await #expect(processExitsWith: .success) {
            setenv("http_proxy", "http://127.0.0.1:1", 1)
            setenv("ALL_PROXY", "http://127.0.0.1:1", 1)
            try await withServer { _ in
                .json("[]")
            } _: { server in
                let answer = try await get(server.url)
                precondition(answer.status == 200, "the server's own answer")
            }
        }
    }
}

/// `openssl s_server` with a certificate of its own, on a port of its own.
private struct TLSServer {
    let url: String
    let certificate: String
    private let process: Process
    private let folder: URL

    init(name: String) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "medallion-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificate = folder.appending(path: "cert.pem").path
        let key = folder.appending(path: "key.pem").path
        try await TLSServer.makeCertificate(name, certificate: certificate, key: key)
        process = TLSServer.openssl(["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www"])
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        // It says `ACCEPT 127.0.0.1:<port>` once it listens.
        var said = ""
        while !(said.contains("ACCEPT ") && said.hasSuffix("\n")) {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else { break }
            said += String(decoding: bytes, as: UTF8.self)
        }
        let port = said.split(separator: ":").last.map { $0.filter(\.isNumber) } ?? ""
        url = "https://localhost:\(port)/"
    }

    func stop() {
        // Not terminate(): a runner that ignores SIGTERM hands that down.
        kill(process.processIdentifier, SIGKILL)
        // A folder that stays behind in /tmp harms nothing.
        try? FileManager.default.removeItem(at: folder)
    }

    private static func makeCertificate(_ name: String, certificate: String, key: String) async throws {
        let process = openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", key, "-out", certificate,
        ])
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    private static func openssl(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}
