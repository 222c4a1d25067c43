import ConnectorKit
import Connectors
import LoopbackHTTP
import Metadata
import TestKit
import Testing

/// Every connector, under the same contract. A new one is one more subject.
@Suite struct ConnectorContractTests {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case file
        case httpFiles = "http_files"
        case s3
        case sftp
        case ftp
        case rest
        case process
        case fake
        case postgres
        case sqlite
        #if MySQL
            case mysql
        #endif

        var testDescription: String { rawValue }

        var subject: ConnectorSubject {
            get async throws {
                switch self {
                case .file: try .file()
                case .httpFiles: try .httpFiles()
                case .s3: try .s3()
                case .sftp: try .sftp()
                case .ftp: try .ftp()
                case .rest: try .rest()
                case .process: try .process()
                case .fake: .fake
                case .postgres: try await .postgres()
                case .sqlite: try .sqlite()
                #if MySQL
                    case .mysql: try await .mysql()
                #endif
                }
            }
        }
    }

    private func contract(_ kind: Kind) async throws -> ConnectorContract {
        ConnectorContract(try await kind.subject, registry: BuiltInConnectors.registry)
    }

    @Test("Every registered connector is a subject")
    func all() {
        let names = BuiltInConnectors.registry.descriptions.map(\.name)
        #expect(names == Kind.allCases.map(\.rawValue).sorted())
    }

    @Test("Its example is metadata that loads", arguments: Kind.allCases)
    func example(kind: Kind) async throws { try await contract(kind).exampleLoads() }

    @Test("It lands every record", arguments: Kind.allCases)
    func lands(kind: Kind) async throws { try await contract(kind).lands() }

    @Test("It lands nothing twice", arguments: Kind.allCases)
    func landsNothingTwice(kind: Kind) async throws { try await contract(kind).landsNothingTwice() }

    @Test("It goes on from the state that it left", arguments: Kind.allCases)
    func resumes(kind: Kind) async throws { try await contract(kind).resumesFromItsState() }

    @Test("It fails with its own error on refusal", arguments: Kind.allCases)
    func fails(kind: Kind) async throws { try await contract(kind).failsWithItsOwnError() }

    @Test("It stops when cancelled", arguments: Kind.allCases)
    func stops(kind: Kind) async throws { try await contract(kind).stopsWhenCancelled() }

    @Test("It never prints a secret", arguments: Kind.allCases)
    func secrets(kind: Kind) async throws { try await contract(kind).neverPrintsASecret() }

    @Test("It names a missing secret", arguments: Kind.allCases)
    func missingSecret(kind: Kind) async throws { try await contract(kind).missesSecretsByName() }
}

extension ConnectorSubject {
    static func entity(_ source: String) -> String {
        """
        {"name": "things", "system_id": "test", "description": "Things", "load_type": "full", "key": ["id"],
         "source": \(source), "columns": [{"name": "id", "type": "bigint"}]}
        """
    }

    static func system(_ type: String, _ connection: String) -> String {
        """
        {"id": "test", "name": "Test", "description": "Under test", "type": "\(type)", "connection": \(connection)}
        """
    }

    static func file() throws -> ConnectorSubject {
        let root = try TemporaryFolder()
        try root.write("{\"id\": 1}\n{\"id\": 2}\n", to: "a.jsonl")
        try root.write("{\"id\": 3}\n", to: "b.jsonl")
        return ConnectorSubject(
            name: "file", system: system("file", "{\"root\": \"\(root.path)\"}"),
            entity: entity(#"{"path": "*.jsonl"}"#), refusedEntity: entity(#"{"path": "gone.jsonl"}"#), records: 3,
            resources: [root])
    }

    static var fake: ConnectorSubject {
        ConnectorSubject(
            name: "fake", system: system("fake", "{}"), entity: entity(#"{"rows": 25, "page_size": 10}"#),
            refusedEntity: entity(#"{"rows": 25, "page_size": 10, "fail_at_page": 2}"#), records: 25)
    }

    /// A server that refuses `/refused` and repeats the credentials which it was sent.
    static func rest() throws -> ConnectorSubject {
        let server = try LoopbackServer { request in
            let credentials = request.header("Authorization") ?? ""
            guard request.path == "/things" else {
                return .json("{\"error\": \"not with \(credentials)\"}", status: 403)
            }
            guard credentials.hasPrefix("Bearer ") else { return .json("{}", status: 401) }
            let page = request.parameter("page") ?? "1"
            return .json("{\"data\": [{\"id\": \(page)1}, {\"id\": \(page)2}], \"pages\": 2}")
        }
        let connection = """
            {"base_url": "\(server.url)", "auth": {"type": "bearer", "token": {"secret": "api_token"}}}
            """
        func source(_ path: String) -> String {
            """
            {"path": "\(path)", "records_path": "/data", "pagination": {"type": "page", "total_pages_path": "/pages"}}
            """
        }
        return ConnectorSubject(
            name: "rest", system: system("rest", connection), entity: entity(source("/things")),
            refusedEntity: entity(source("/refused")), records: 4, secretNames: ["api_token"], resources: [server])
    }

    /// A program that has its key, and gives it away when it is asked for another stream.
    static func process() throws -> ConnectorSubject {
        let folder = try TemporaryFolder()
        let program = try folder.write(
            """
            case "$1" in
            describe) echo '{"type":"describe","protocol":1,"commands":["read"]}';;
            read)
                if grep -q refused request.json; then cat config.json >&2; exit 1; fi
                grep -q '"key":"' config.json || exit 2
                for id in 1 2 3; do echo "{\\"type\\":\\"record\\",\\"stream\\":\\"things\\",\\"record\\":{\\"id\\":$id}}"; done;;
            esac
            echo '{"type":"done"}'
            """, to: "program")
        let connection = """
            {"protocol": "jsonl", "command": ["sh", "\(program)"], "config": {"key": {"secret": "api_key"}}}
            """
        return ConnectorSubject(
            name: "process", system: system("process", connection), entity: entity("{}"),
            refusedEntity: entity(#"{"stream": "refused"}"#), records: 3, secretNames: ["api_key"], resources: [folder])
    }
}
