import ConnectorKit
import JSON
import LoopbackHTTP
import Metadata
import Primitives
import Testing

@testable import Connectors

@Suite("What a rest source is asked")
struct RestRequestTests {
    @Test("bodies are JSON, forms, GraphQL or texts, with expressions that keep their type")
    func bodies() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let config = #""config": {"tenant": 7, "name": "a b"}"#
        _ = try await api.land(
            #""body": {"type": "json", "json": {"tenant": "{{ config.tenant }}", "q": "n{{ config.tenant }}", "at": "{{ now | date('%Y') }}"}}"#,
            connection: config)
        _ = try await api.land(
            #""method": "PUT", "body": {"type": "form", "form": {"n": "{{ config.name }}", "l": [1, 2], "x": "{{ cursor }}"}}"#,
            connection: config)
        _ = try await api.land(
            #""body": {"type": "graphql", "query": "query($n: Int) { a { b(n: $n) }}", "variables": {"n": "{{ config.tenant }}"}}"#,
            connection: config)
        _ = try await api.land(
            #""body": {"type": "text", "text": "<q>{{ entity }}</q>", "media_type": "application/xml"}, "headers": {"X-Of": "{{ system }}"}"#,
            connection: config)
        let requests = api.requests
        #expect(requests.map(\.method) == ["POST", "PUT", "POST", "POST"])
        #expect(
            requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                #"{"tenant":7,"q":"n7","at":"1970"}"#, "n=a%20b&l=1&l=2",
                #"{"query":"query($n: Int) { a { b(n: $n) }}","variables":{"n":7}}"#, "<q>items</q>",
            ])
        #expect(
            requests.map { $0.header("Content-Type") } == [
                "application/json", "application/x-www-form-urlencoded", "application/json", "application/xml",
            ])
        #expect(requests[3].header("X-Of") == "api")
    }

    @Test("a GraphQL error with status 200 is an error")
    func graphQLErrors() async throws {
        let api = try RestFixture { _ in .json(#"{"data":null,"errors":[{"message":"no field b"}]}"#) }
        let error = try await refusal {
            try await api.land(#""body": {"type": "graphql", "query": "{ b }"}, "records_path": "/data/b""#)
        }
        #expect(error.message.contains("POST \(api.url)/v1/items: the source answered 200 with the error 'no field b'"))
    }

    @Test("values in a path are encoded and cannot leave it")
    func paths() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let config = #""config": {"a": "x y/ü?#&", "up": "../admin"}"#
        _ = try await api.land(connection: config, path: "/of/{{ config.a }}/items")
        _ = try await api.land(connection: config, path: "/of/{{ config.a | url }}/items")
        #expect(
            api.targets == ["/v1/of/x%20y/%C3%BC%3F%23%26/items", "/v1/of/x%20y%2F%C3%BC%3F%23%26/items"])
        let error = try await refusal { try await api.land(connection: config, path: "/of/{{ config.up }}/items") }
        #expect(error.message.contains("'{{ config.up }}': its value would lead out of the path"))
        #expect(api.targets.count == 2)
    }

    @Test("keyset paging goes on behind the last record")
    func keyset() async throws {
        let api = try RestFixture { request in
            let after = request.parameter("after").flatMap(Int.init) ?? 0
            return .json(page((after + 1)..<min(after + 3, 6)))
        }
        let landed = try await api.land(
            #""records_path": "/data", "pagination": {"type": "keyset", "key_param": "after", "key_path": "id", "#
                + #""size_param": "n", "page_size": 2, "stop_on": "short"}"#)
        #expect(landed.records == 5)
        #expect(api.targets == ["/v1/items?n=2", "/v1/items?n=2&after=2", "/v1/items?n=2&after=4"])
    }

    @Test("cursors and totals may come in headers")
    func headers() async throws {
        let api = try RestFixture { request in
            let at = request.parameter("cursor").flatMap(Int.init) ?? 0
            return .json(
                "[{\"id\":\(at)}]", headers: [("X-Total", "3")] + (at < 2 ? [("X-Next", String(at + 1))] : []))
        }
        let paging = #""pagination": {"type": "cursor", "cursor_header": "X-Next", "total_header": "X-Total"}"#
        #expect(try await api.land(paging).records == 3)
        let liar = try RestFixture { _ in .json("[{\"id\":1}]", headers: [("X-Total", "3")]) }
        let error = try await refusal { try await liar.land(paging) }
        #expect(error.message.contains("the source announced 3 records, 1 came"))
    }

    @Test("the parameters of paging may be members of the body, or stand in expressions")
    func pagingInBodies() async throws {
        let api = try RestFixture { request in
            let body = try? JSONReader.parse(request.body)
            let at = body?["page"]?.intValue ?? body?["variables"]?["after"]?.stringValue.flatMap(Int.init) ?? 0
            return .json(page(at < 3 ? [at] : [], #""next":\#(at < 2 ? String(at + 1) : "null")"#))
        }
        let landed = try await api.land(
            #""body": {"type": "json", "json": {"q": 1}}, "records_path": "/data", "#
                + #""pagination": {"type": "page", "in": "body"}"#)
        #expect(landed.records == 2)
        let graph = try await api.land(
            #""body": {"type": "graphql", "query": "q", "variables": {"after": "{{ page.cursor }}"}}, "#
                + #""records_path": "/data", "pagination": {"type": "cursor", "cursor_path": "/next"}"#)
        #expect(graph.records == 3)
        #expect(
            api.requests.suffix(3).map { String(decoding: $0.body, as: UTF8.self) }
                == ["null", "1", "2"].map {
                    #"{"query":"q","variables":{"after":\#($0 == "null" ? $0 : "\"\($0)\"")}}"#
                })
    }

    @Test("a page that says that it is the last one is")
    func stops() async throws {
        let api = try RestFixture { request in
            let at = request.parameter("page").flatMap(Int.init) ?? 0
            return .json(page([at], at == 2 ? #""meta":{"last":true}"# : #""meta":{"last":false}"#))
        }
        let stop = #""stop_when": [{"path": "/meta/last"}]"#
        let landed = try await api.land(#""records_path": "/data", "pagination": {"type": "page", \#(stop)}"#)
        #expect(landed.records == 2)
        let text = #""stop_when": [{"path": "/meta/last", "equals": "true"}]"#
        #expect(try await api.land(#""records_path": "/data", "pagination": {"type": "page", \#(text)}"#).records == 2)
    }

    @Test("JSON Lines, CSV and gzip bodies are landed as pages")
    func formats() async throws {
        let lines = try RestFixture { _ in LoopbackResponse(body: Array("{\"id\":1}\n{\"id\":2}\n".utf8)) }
        #expect(try await lines.land(#""format": "jsonl""#).records == 2)
        let rows = try RestFixture { _ in LoopbackResponse(body: Array("id,n\n1,a\n2,b\n3,c\n".utf8)) }
        #expect(try await rows.land(#""format": "csv""#).records == 3)
        // `printf '[{"id":1}]' | gzip -n`
        let packed: [UInt8] = [
            0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0x8B, 0xAE, 0x56, 0xCA, 0x4C, 0x51, 0xB2, 0x32, 0xAC, 0x8D, 0x05,
            0x00, 0x64, 0xA8, 0xE5, 0x68, 0x0A, 0, 0, 0,
        ]
        let zipped = try RestFixture { _ in LoopbackResponse(body: packed) }
        #expect(try await zipped.land(#""format": "jsonl""#).payloads == ["[{\"id\":1}]"])
    }

    @Test("the files of a zip archive are payloads of their own, in the order of their names")
    func archives() async throws {
        // Two stored files, b.json and a.json, as `zip -0` writes them.
        func archive(_ files: [(name: String, text: String, crc: UInt32)]) -> [UInt8] {
            func little(_ value: UInt32, _ count: Int) -> [UInt8] {
                (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
            }
            var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
            for (name, text, crc) in files {
                let facts =
                    little(20, 2) + little(0, 8) + little(crc, 4) + little(UInt32(text.utf8.count), 4)
                    + little(UInt32(text.utf8.count), 4) + little(UInt32(name.utf8.count), 2) + little(0, 2)
                directory +=
                    little(0x0201_4B50, 4) + little(20, 2) + facts + little(0, 6) + little(0, 4)
                    + little(UInt32(bytes.count), 4) + Array(name.utf8)
                bytes += little(0x0403_4B50, 4) + facts + Array(name.utf8) + Array(text.utf8)
            }
            let count = UInt32(files.count)
            let end =
                little(0x0605_4B50, 4) + little(0, 4) + little(count, 2) + little(count, 2)
                + little(UInt32(directory.count), 4) + little(UInt32(bytes.count), 4) + little(0, 2)
            return bytes + directory + end
        }
        let packed = archive([
            (name: "b.json", text: #"[{"id":2}]"#, crc: 0x6AA3163D),
            (name: "a.json", text: #"[{"id":1}]"#, crc: 0x68E5A864),
        ])
        let api = try RestFixture { _ in LoopbackResponse(body: packed) }
        #expect(try await api.land(#""format": "jsonl""#).payloads == [#"[{"id":1}]"#, #"[{"id":2}]"#])
        let cut = try RestFixture { _ in LoopbackResponse(body: Array(packed.prefix(60))) }
        let error = try await refusal { try await cut.land(#""format": "jsonl""#) }
        #expect(error.message.contains("the packed body is damaged or too large"))
    }

    @Test("requests are signed for AWS, and the key is not shown")
    func signed() async throws {
        let api = try RestFixture { _ in .json("[]") }
        let auth =
            #""auth": {"type": "aws_sigv4", "access_key_id": "AKID", "secret_access_key": {"secret": "aws"}, "region": "eu-central-1", "service": "execute-api"}"#
        _ = try await api.land(#""params": {"b": "2", "a": "1"}"#, connection: auth)
        let request = try #require(api.requests.first)
        let proof = try #require(request.header("Authorization"))
        #expect(proof.hasPrefix("AWS4-HMAC-SHA256 Credential=AKID/"))
        #expect(
            proof.contains("/eu-central-1/execute-api/aws4_request, SignedHeaders=") && proof.contains("Signature="))
        #expect(request.header("X-Amz-Date") != nil && !"\(request)".contains("canary"))
    }

    @Test(
        "a faulty source is told with the metadata",
        arguments: [
            (#"{"path": "/a/{{ parnt.id }}"}"#, "", "an expression names 'parnt', which there is not"),
            (#"{"path": "/a/{{ now | date }}"}"#, "path", "'{{ now | date }}': date: expected a format"),
            (#"{"path": "/a", "params": {"x": "{{ nope"}}"#, "params", "'{{ nope }}': it does not end"),
            (#"{"path": "/a", "params": {"x": "{{ step.from }}"}}"#, "", "an expression names 'step'"),
            (#"{"path": "/a", "method": "GET", "body": {"type": "json", "json": {}}}"#, "method", "GET with a body"),
            (
                #"{"path": "/a", "steps": {"size": "1 day", "start": "2024-01-01"}}"#, "steps.size",
                "'1 day' is no length"
            ),
            (#"{"path": "/a", "format": "csv", "records_path": "/x"}"#, "records_path", "given with csv pages"),
            (#"{"path": "/a", "pagination": {"type": "cursor"}}"#, "pagination", "no place of the cursor"),
        ])
    func objections(_ source: String, _ place: String, _ what: String) throws {
        let objections = RestConnector.objections(to: try JSONReader.parse(source))
        #expect(objections.map { $0.place.joined(separator: ".") } == [place])
        #expect(objections.first?.what.hasPrefix(what) == true, "\(objections)")
    }
}
