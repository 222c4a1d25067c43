import LoopbackHTTP
import TestKit

/// Servers of files under the contract of all connectors.
extension ConnectorSubject {
    private static let things = "{\"id\": 1}\n{\"id\": 2}\n"
    private static let more = "{\"id\": 3}\n"

    private static func subject(
        _ name: String, _ connection: String, secrets: [String], resources: [any Sendable]
    ) -> ConnectorSubject {
        ConnectorSubject(
            name: name, system: system(name, connection), entity: entity(#"{"path": "*.jsonl"}"#),
            refusedEntity: entity(#"{"path": "refused/*.jsonl"}"#), records: 3, secretNames: secrets,
            resources: resources)
    }

    /// A server that refuses one folder and repeats the credentials which it was sent.
    static func httpFiles() throws -> ConnectorSubject {
        let server = try LoopbackServer { request in
            let credentials = request.header("Authorization") ?? ""
            guard credentials.hasPrefix("Bearer ") else { return LoopbackResponse(status: 401) }
            switch request.path {
            case "/":
                return LoopbackResponse(
                    headers: [("Content-Type", "text/html")],
                    body: Array("<a href=\"a.jsonl\">a</a><a href=\"b.jsonl\">b</a>".utf8))
            case "/a.jsonl": return LoopbackResponse(body: Array(things.utf8))
            case "/b.jsonl": return LoopbackResponse(body: Array(more.utf8))
            default: return .json("{\"error\": \"not with \(credentials)\"}", status: 403)
            }
        }
        return subject(
            "http_files", #"{"base_url": "\#(server.url)", "token": {"secret": "web_token"}}"#, secrets: ["web_token"],
            resources: [server])
    }

    /// A bucket whose refusals repeat what they were asked with.
    static func s3() throws -> ConnectorSubject {
        let canary = "canary-7f3a9c51e2"
        let server = try S3Server(keys: (canary, canary)) { request in
            request.parameter("prefix")?.hasPrefix("refused") == true
                ? S3Server.error(403, "AccessDenied", "not with \(request.header("Authorization") ?? "")") : nil
        }
        server.put(things, at: "a.jsonl")
        server.put(more, at: "b.jsonl")
        return subject(
            "s3",
            """
            {"bucket": "things", "endpoint": "\(server.url)", "region": "eu-test-1",
             "access_key": {"secret": "s3_id"}, "secret_key": {"secret": "s3_key"}}
            """, secrets: ["s3_id", "s3_key"], resources: [server])
    }

    static func sftp() throws -> ConnectorSubject {
        let server = try SFTPServer()
        try server.folder.write(things, to: "files/a.jsonl")
        try server.folder.write(more, to: "files/b.jsonl")
        return subject("sftp", server.connection(), secrets: ["key_passphrase"], resources: [server])
    }

    static func ftp() throws -> ConnectorSubject {
        let server = try FTPServer()
        try server.folder.write(things, to: "files/a.jsonl")
        try server.folder.write(more, to: "files/b.jsonl")
        return subject("ftp", server.connection(), secrets: ["ftp_password"], resources: [server])
    }
}
