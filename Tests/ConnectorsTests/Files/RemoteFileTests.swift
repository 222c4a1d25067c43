import ConnectorKit
import Foundation
import LoopbackHTTP
import Primitives
import Synchronization
import TestKit
import Testing

@testable import Connectors

/// Files from servers: real ones on the loopback address.
@Suite struct RemoteFileTests {
    // MARK: S3

    private func s3(_ server: S3Server, _ more: String = "", secrets: Bool = true) throws -> RemoteScene {
        let keys = secrets ? #", "access_key": {"secret": "s3_id"}, "secret_key": {"secret": "s3_key"}"# : ""
        return try RemoteScene(
            "s3", #"{"bucket": "things", "endpoint": "\#(server.url)", "region": "eu-test-1"\#(keys)\#(more)}"#,
            secrets: ["s3_id": "id", "s3_key": "secret"])
    }

    @Test("A bucket is listed page by page, every request signed, whatever the keys are called")
    func bucket() async throws {
        let server = try S3Server()
        let names = [
            "a.jsonl", "a b+c.jsonl", "ä&=?%41#;.jsonl", "d'(e)*!~.jsonl", "sub/f.jsonl", "g.jsonl.txt", "x//y.jsonl",
        ]
        for (number, name) in names.enumerated() { server.put("{\"id\":\(number)}", at: "in/\(name)") }
        let scene = try s3(server, #", "root": "in""#)
        #expect(
            try await scene.land(#"{"path": "*.jsonl"}"#).texts == [1, 0, 3, 2].map { "{\"id\":\($0)}" })
        #expect(try await scene.land(#"{"path": "**/*.jsonl"}"#).texts.count == 5)
        #expect(try await scene.connector().check() == ["s3://things/in with 6 files"])
        #expect(server.requests.contains { $0.contains("continuation-token=%2B%2B") })
    }

    @Test("A delta load fetches only what is new or changed, by size and ETag")
    func bucketLedger() async throws {
        let server = try S3Server(pageSize: 1000)
        server.put("{\"id\":1}", at: "a.jsonl")
        server.put("{\"id\":2}", at: "b.jsonl")
        let scene = try s3(server)
        let first = try await scene.land(#"{"path": "*.jsonl"}"#, isDelta: true)
        server.put("{\"id\":3}", at: "b.jsonl")
        server.put("{\"id\":1}", at: "a.jsonl")
        let before = server.requests.count
        #expect(try await scene.land(#"{"path": "*.jsonl"}"#, state: first.state).texts == ["{\"id\":3}"])
        #expect(server.requests.dropFirst(before).count { $0.contains(".jsonl") } == 1)
    }

    @Test("A public bucket is asked without a signature; wrong keys are said in the server's words, never shown")
    func bucketKeys() async throws {
        let open = try S3Server(keys: nil)
        open.put("{\"id\":1}", at: "a.jsonl")
        #expect(try await s3(open, secrets: false).land(#"{"path": "a.jsonl"}"#).texts == ["{\"id\":1}"])
        let closed = try S3Server(keys: ("id", "another"))
        let failure = try await s3(closed).failure(#"{"path": "a.jsonl"}"#)
        #expect(
            failure.hasPrefix("auth: GET \(closed.url)/things: the server answered 403 SignatureDoesNotMatch"),
            "\(failure)")
        #expect(!failure.contains("‹secret›=") && !failure.contains("secret/"))
        #expect(
            await
                (try RemoteScene(
                    "s3", #"{"bucket": "things", "access_key": {"secret": "s3_id"}}"#, secrets: ["s3_id": "id"]))
                .failure(#"{"path": "a.jsonl"}"#).contains("access_key and secret_key belong together"))
    }

    @Test("A cut answer, another file than the listed one, and a listing that is none are errors")
    func bucketFaults() async throws {
        let cut = try S3Server { request in
            request.path.hasSuffix(".jsonl") ? .cut("{\"id\":", announced: 8) : nil
        }
        cut.put("{\"id\":1}", at: "a.jsonl")
        #expect(try await s3(cut).failure(#"{"path": "a.jsonl"}"#).contains("the answer broke off"))
        let other = try S3Server { request in
            request.path.hasSuffix(".jsonl")
                ? LoopbackResponse(headers: [("ETag", "\"x\"")], body: Array("{}".utf8)) : nil
        }
        other.put("{\"id\":1}", at: "a.jsonl")
        #expect(
            try await s3(other).failure(#"{"path": "a.jsonl"}"#).contains(
                "it changed between its listing and its reading"))
        let page = try S3Server { _ in LoopbackResponse(body: Array("<html></html>".utf8)) }
        #expect(try await s3(page).failure(#"{"path": "a.jsonl"}"#).contains("the listing is none of S3"))
        let endless = try S3Server { _ in
            LoopbackResponse(
                body: Array(
                    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
                        .utf8))
        }
        #expect(try await s3(endless).failure(#"{"path": "a.jsonl"}"#).contains("the listing never ends"))
        let gzipped = try S3Server()
        gzipped.put([0x1F, 0x8B, 1], at: "a.jsonl", headers: [("Content-Encoding", "gzip")])
        #expect(try await s3(gzipped).failure(#"{"path": "a.jsonl"}"#).contains("the gzip data end too early"))
    }

    // MARK: HTTP

    @Test("Listed folders are searched; what is known is asked for only if it changed")
    func web() async throws {
        let texts = Mutex(["/d/1.jsonl": "{\"id\":1}", "/d/2 ä.jsonl": "{\"id\":2}"])
        let statuses = Mutex<[Int]>([])
        let server = try LoopbackServer { request in
            let response: LoopbackResponse
            switch request.path {
            case "/d/":
                response = LoopbackResponse(
                    headers: [("Content-Type", "text/html; charset=utf-8")],
                    body: Array(
                        """
                        <h1>Index of /d/</h1><a href="../">../</a> <a href='?C=M'>sort</a> <a href="sub/">sub/</a>
                        <a href="1.jsonl">1.jsonl</a> 21-Nov-2026 08:55 8 <A HREF="/d/2%20%C3%A4.jsonl">2</A>
                        <a href="http://elsewhere.example/3.jsonl">3</a> <a href="x.txt">x</a>
                        """.utf8))
            case let path:
                let tag = "\"\(texts.withLock { $0[path]?.count ?? 0 })\""
                if let text = texts.withLock({ $0[path] }) {
                    response =
                        request.header("If-None-Match") == tag
                        ? LoopbackResponse(status: 304)
                        : LoopbackResponse(headers: [("ETag", tag)], body: Array(text.utf8))
                } else {
                    response = LoopbackResponse(status: 404)
                }
            }
            statuses.withLock { $0.append(response.status) }
            return response
        }
        let scene = try RemoteScene("http_files", #"{"base_url": "\#(server.url)/"}"#)
        let first = try await scene.land(#"{"path": "d/*.jsonl"}"#, isDelta: true)
        #expect(first.texts == ["{\"id\":1}", "{\"id\":2}"])
        texts.withLock { $0["/d/1.jsonl"] = "{\"id\":100}" }
        #expect(try await scene.land(#"{"path": "d/*.jsonl"}"#, state: first.state).texts == ["{\"id\":100}"])
        #expect(statuses.withLock { $0 } == [200, 200, 200, 200, 200, 304])
        #expect(try await scene.land(#"{"path": "d/1.jsonl"}"#).texts == ["{\"id\":100}"])
        #expect(
            await scene.failure(#"{"path": "gone.jsonl"}"#).contains(
                "\(server.url)/gone.jsonl: the server answered 404"))
    }

    @Test("A page in place of a file, a cut file, and a folder that is not listed are errors")
    func webFaults() async throws {
        let server = try LoopbackServer { request in
            switch request.path {
            case "/cut.jsonl": .cut("{}", announced: 10)
            case "/login.jsonl": LoopbackResponse(headers: [("Content-Type", "text/html")], body: Array("<p>".utf8))
            default: .json("{}")
            }
        }
        let scene = try RemoteScene("http_files", #"{"base_url": "\#(server.url)"}"#)
        #expect(await scene.failure(#"{"path": "cut.jsonl"}"#).contains("the answer broke off"))
        #expect(await scene.failure(#"{"path": "login.jsonl"}"#).contains("answered with a page (text/html)"))
        #expect(await scene.failure(#"{"path": "*.jsonl"}"#).contains("the server lists no folder there"))
    }

    // MARK: SFTP and FTP

    @Test("SFTP: folders are searched and files fetched; a delta load knows sizes and times")
    func sftp() async throws {
        let server = try SFTPServer()
        try server.folder.write("{\"id\":1}", to: "files/in/a 1.jsonl")
        try server.folder.write("{\"id\":2}", to: "files/in/b/ä#%.jsonl")
        try server.folder.write("x", to: "files/in/c.txt")
        try server.folder.link("files/in/l.jsonl", to: server.folder.path(of: "files/in/a 1.jsonl"))
        let scene = try RemoteScene("sftp", server.connection(), secrets: ["key_passphrase": SFTPServer.passphrase])
        let first = try await scene.land(#"{"path": "in/**/*.jsonl"}"#, isDelta: true)
        #expect(first.texts == ["{\"id\":1}", "{\"id\":2}", "{\"id\":1}"])
        #expect(try await scene.land(#"{"path": "in/**/*.jsonl"}"#, state: first.state).texts == [])
        try server.folder.write("{\"id\":20}", to: "files/in/b/ä#%.jsonl")
        #expect(try await scene.land(#"{"path": "in/**/*.jsonl"}"#, state: first.state).texts == ["{\"id\":20}"])
        #expect(await scene.failure(#"{"path": "in/x.jsonl"}"#).contains("no file matches 'in/x.jsonl' at sftp://"))
        #expect(await scene.failure(#"{"path": "gone/*.jsonl"}"#).contains("there is no such file or folder"))
        #expect(try await scene.connector().check()?.first?.hasSuffix("with 4 files") == true)
    }

    @Test("SFTP: only a server whose key is known is spoken to, and only a key that it knows opens it")
    func sftpKeys() async throws {
        let server = try SFTPServer()
        try server.folder.write("{\"id\":1}", to: "files/a.jsonl")
        let key = try server.folder.text(of: "host.pub").split(separator: " ").prefix(2).joined(separator: " ")
        let stranger = try server.folder.text(of: "stranger.pub").split(separator: " ").prefix(2).joined(separator: " ")
        let known = try server.folder.write("[127.0.0.1]:\(server.program.port) \(key)\n", to: "known")
        let wrong = try server.folder.write("[127.0.0.1]:\(server.program.port) \(stranger)\n", to: "wrong")
        let empty = try server.folder.write("", to: "empty")
        func failure(_ connection: String) async throws -> String {
            try await RemoteScene("sftp", connection, secrets: ["key_passphrase": SFTPServer.passphrase])
                .failure(#"{"path": "a.jsonl"}"#)
        }
        #expect(
            try await failure(server.connection(known: "\"known_hosts\": \"\(known)\""))
                == "landed [\"{\\\"id\\\":1}\"]")
        for file in [wrong, empty, "/nowhere"] {
            let text = try await failure(server.connection(known: "\"known_hosts\": \"\(file)\""))
            #expect(text.hasPrefix("connector: sftp://127.0.0.1:\(server.program.port)"), "\(text)")
        }
        let other = "\"fingerprint\": \"SHA256:" + String(repeating: "A", count: 43) + "\""
        #expect(try await failure(server.connection(known: other)).hasPrefix("connector: sftp://"))
        #expect(try await failure(server.connection(known: "\"timeout_s\": 10")).contains("nothing says which key"))
        #expect(try await failure(server.connection(key: "stranger")).hasPrefix("auth: sftp://"))
    }

    @Test("FTP: the same, with a password; TLS is demanded unless the metadata says none")
    func ftp() async throws {
        let server = try FTPServer()
        try server.folder.write("{\"id\":1}", to: "files/in/a 1.jsonl")
        try server.folder.write("{\"id\":2}", to: "files/in/ä#.jsonl")
        let secrets = ["ftp_password": FTPServer.password, "other": "wrong-7f3a9c51e2"]
        let scene = try RemoteScene("ftp", server.connection(root: "/in"), secrets: secrets)
        let first = try await scene.land(#"{"path": "*.jsonl"}"#, isDelta: true)
        #expect(first.texts == ["{\"id\":1}", "{\"id\":2}"])
        #expect(try await scene.land(#"{"path": "*.jsonl"}"#, state: first.state).texts == [])
        let denied = try await RemoteScene("ftp", server.connection(password: "other"), secrets: secrets)
            .failure(#"{"path": "in/*.jsonl"}"#)
        #expect(denied.hasPrefix("auth: ftp://127.0.0.1") && !denied.contains("7f3a9c51e2"), "\(denied)")
        let plain = try await RemoteScene("ftp", server.connection(tls: "explicit"), secrets: secrets)
            .failure(#"{"path": "in/*.jsonl"}"#)
        #expect(plain.contains("TLS refused"), "\(plain)")
    }

    @Test("Listings of other servers are read")
    func listings() throws {
        let long = """
            total 3
            drwxr-xr-x   2 1000     1000         4096 Nov 21 08:55 sub folder
            -rw-r--r--    1 root     root           12 Jan  1  2025  two blanks.csv\r
            lrwxrwxrwx 1 u g 5 Jan  1  2025 link -> a -> b
            """
        #expect(
            try FolderLines.long(long, at: "x").map { "\($0.name)|\($0.kind)|\($0.stamp.size ?? -1)" } == [
                "sub folder|folder|-1", " two blanks.csv|file|12", "link|link|-1",
            ])
        #expect(throws: ConnectorError.self) { try FolderLines.long("11-21-26  08:55AM  <DIR>  x", at: "x") }
        let facts =
            "type=cdir;modify=1; .\r\ntype=file;size=7;modify=20260102030405.5;UNIX.mode=0644; a b\r\nType=dir; c\r\n"
        #expect(
            FolderLines.facts(facts).map {
                "\($0.name)|\($0.kind)|\($0.stamp.size ?? -1)|\($0.stamp.modified?.description ?? "")"
            }
                == ["a b|file|7|2026-01-02T03:04:05.000000Z", "c|folder|-1|"])
    }
}
