import ConnectorKit
import Foundation
import JSON
import LoopbackHTTP
import Metadata
import Testing

@testable import Connectors

@Suite("Credentials of a rest system")
struct RestAuthenticationTests {
    private static let canary = RestFixture.canary

    @Test(
        "are sent as the metadata say",
        arguments: [
            (#"{"type": "none"}"#, "Authorization", nil),
            (
                #"{"type": "basic", "username": "ann", "password": {"secret": "s"}}"#, "Authorization",
                "Basic " + Data("ann:\(canary)".utf8).base64EncodedString()
            ),
            (#"{"type": "bearer", "token": {"secret": "s"}}"#, "Authorization", "Bearer \(canary)"),
            (#"{"type": "api_key", "key": {"secret": "s"}}"#, "X-Api-Key", canary),
            (#"{"type": "api_key", "name": "Key", "key": {"secret": "s"}}"#, "Key", canary),
        ] as [(String, String, String?)])
    func header(auth: String, name: String, expected: String?) async throws {
        let api = try RestFixture { _ in .json("[]") }
        let landed = try await api.land(connection: #""auth": \#(auth)"#)
        #expect(api.requests.first?.header(name) == expected)
        #expect(landed.request == "GET \(api.url)/v1/items")
    }

    @Test("in the query are added once and masked in what is noted")
    func query() async throws {
        let api = try RestFixture { request in
            request.parameter("page") == nil
                ? .json(page([1], #""next":"?page=2""#))
                : request.parameter("page") == "2"
                    ? .json(page([2], #""next":"?page=3&api_key=theirs""#)) : .json(page([3]))
        }
        let auth = #""auth": {"type": "api_key", "in": "query", "name": "api_key", "key": {"secret": "s"}}"#
        let landed = try await api.land(
            #""records_path": "/data", "params": {"q": 1}, "pagination": {"type": "next_url", "next_url_path": "/next"}"#,
            connection: auth)
        #expect(api.requests.map { $0.parameter("api_key") } == [Self.canary, Self.canary, "theirs"])
        #expect(landed.request == "GET \(api.url)/v1/items?q=1&api_key=‹secret›")
    }

    @Test("in headers come from secrets, plain headers as they are")
    func headers() async throws {
        let api = try RestFixture { _ in .json("[]") }
        _ = try await api.land(connection: #""headers": {"X-Tenant": "north", "X-Token": {"secret": "s"}}"#)
        #expect(api.requests.first?.header("X-Tenant") == "north")
        #expect(api.requests.first?.header("X-Token") == Self.canary)
        #expect(api.requests.first?.header("Accept") == "application/json")
    }

    @Test("are never literals", arguments: ["Authorization", "cookie", "X-API-Key"])
    func literal(name: String) async throws {
        let api = try RestFixture { _ in .json("[]") }
        let error = try await refusal { try await api.land(connection: #""headers": {"\#(name)": "canary"}"#) }
        #expect(error.kind == .auth)
        #expect(api.targets.isEmpty)
    }

    @Test("that are not set are named before anything is sent")
    func missing() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let error = try await refusal {
            try await api.land(connection: #""auth": {"type": "bearer", "token": {"secret": "missing"}}"#)
        }
        #expect(error.kind == .auth)
        #expect(error.description.contains("'missing'"))
        #expect(api.targets.isEmpty)
    }

    @Test("with a line break in a header never reach the wire")
    func injection() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let error = try await refusal { try await api.land(connection: #""headers": {"X-Tenant": "a\r\nX-Evil: b"}"#) }
        #expect(error.message.contains("header 'X-Tenant'"))
        #expect(api.targets.isEmpty)
    }

    @Test(
        "do not belong into base_url, nor does a query",
        arguments: ["http://u:p@h/", "http://u@h", "ftp://h/", "http://h/?k=v", "http://h/#f", "h/path", ""])
    func baseURL(text: String) throws {
        var check = FieldCheck(file: "systems.json")
        _ = check.check(
            .object([JSONMember("base_url", .string(text))]), against: RestConnector.Configuration.fields)
        #expect(check.problems.count == 1)
    }

    @Test("have an example of each type in the README that is legal")
    func examples() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../README.md")
        let examples = try String(contentsOf: root, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("|") && $0.contains("| `{\"type\"") }
            .compactMap { $0.split(separator: "`").last { $0.hasPrefix("{") } }
        var types: Set<String> = ["none"]
        for example in examples {
            var check = FieldCheck(file: "README.md")
            let auth = try JSONReader.parse(String(example))
            types.insert(try #require(auth["type"]?.stringValue))
            let checked = check.check(
                .object([JSONMember("base_url", .string("https://api.example.com")), JSONMember("auth", auth)]),
                against: RestConnector.Configuration.fields)
            #expect(check.problems.isEmpty, "\(check.problems)")
            _ = try MetadataDecoding.decode(RestConnector.Configuration.self, from: checked)
        }
        #expect(types == Set(RestAuthentication.variants.map(\.value)))
    }
}
