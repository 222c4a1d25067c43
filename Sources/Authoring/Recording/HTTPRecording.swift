public import ConnectorKit
import Foundation
public import JSON
public import Metadata
import Primitives

/// The HTTP of one landing: requests, answers and what came of them, without secrets, in a file of JSON Lines.
///
/// ```
/// {"recording": 1, "entity": "shop.orders", "load_type": "full", "until_us": 1795255200000000}
/// {"request": {"method": "GET", "url": "https://…", "headers": [["Accept", "application/json"]]},
///  "answer": {"status": 200, "headers": [["Content-Type", "application/json"]], "body": "{…}"}}
/// {"result": {"records": 2, "files": [{"name": "00001.json", "bytes": 36, "sha256": "…", "records": 2}]}}
/// ```
/// A body that is no UTF-8 text stands as `body_base64`.
public struct HTTPRecording: Sendable {
    /// A request and its answer.
    public struct Exchange: Sendable, Hashable {
        var method: String
        var url: String
        var requestHeaders: [[String]]
        var requestBody: [UInt8]?
        var status: Int
        var headers: [[String]]
        var body: [UInt8]
    }

    /// The entity that was landed.
    public var entity: EntityID
    /// What was asked for.
    public var window: LoadWindow
    /// The row of `for_each` that was asked with.
    public var parent: JSONValue?
    /// Requests and answers, in the order in which the answers came.
    public var exchanges: [Exchange] = []
    /// What was landed.
    public var files: [Manifest.File] = []

    /// A recording of nothing yet.
    public init(of entity: EntityID, window: LoadWindow, parent: JSONValue?) {
        self.entity = entity
        self.window = window
        self.parent = parent
    }

    /// Records landed.
    public var recordCount: Int { files.reduce(0) { $0 + $1.records } }
}

// MARK: The file
extension HTTPRecording {
    /// The recording as the text of a file.
    public var text: String {
        var head = [
            JSONMember("recording", .number("1")), JSONMember("entity", .string(entity.description)),
            JSONMember("load_type", .string(window.loadType.rawValue)),
            JSONMember("until_us", .number(String(window.until.microseconds))),
        ]
        if let from = window.from { head.append(JSONMember("from", .string(from))) }
        if let state = window.state { head.append(JSONMember("state", .string(state))) }
        if let parent { head.append(JSONMember("parent", parent)) }
        let lines = [JSONValue.object(head)] + exchanges.map(\.value) + [result]
        return lines.map { $0.text() + "\n" }.joined()
    }

    private var result: JSONValue {
        let files = files.map { file in
            JSONValue.object([
                JSONMember("name", .string(file.name)), JSONMember("bytes", .number(String(file.bytes))),
                JSONMember("sha256", .string(file.sha256)), JSONMember("records", .number(String(file.records))),
            ])
        }
        return .object([
            JSONMember(
                "result",
                .object([
                    JSONMember("records", .number(String(recordCount))), JSONMember("files", .array(files)),
                ]))
        ])
    }

    /// Reads the text of a file.
    /// - Throws: `ConnectorError` that names the line.
    public init(_ text: String, name: String) throws {
        func fault(_ line: Int, _ what: String) -> ConnectorError {
            ConnectorError("\(name), line \(line): \(what)", kind: .parse, hint: "record it anew")
        }
        var lines: [JSONValue] = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            do { lines.append(try JSONReader.parse(Array(line.utf8))) } catch {
                throw fault(index + 1, "\(error.what)")
            }
        }
        guard let head = lines.first, head["recording"]?.intValue == 1,
            let parts = head["entity"]?.stringValue?.split(separator: "."), parts.count == 2,
            let load = head["load_type"]?.stringValue.flatMap(LoadType.init),
            let until = head["until_us"]?.intValue
        else { throw fault(1, "no head of a recording") }
        self.init(
            of: EntityID(system: SystemID(rawValue: String(parts[0])), name: String(parts[1])),
            window: LoadWindow(
                loadType: load, from: head["from"]?.stringValue, until: Instant(microseconds: Int64(until)),
                state: head["state"]?.stringValue), parent: head["parent"])
        guard let result = lines.last?["result"] else { throw fault(lines.count, "no result: the recording was cut") }
        do {
            let text = (result["files"] ?? .array([])).serialized()
            files = try JSONDecoder().decode([Manifest.File].self, from: Data(text))
        } catch {
            throw fault(lines.count, "a file without name, bytes, sha256 or records")
        }
        for (index, line) in lines.dropFirst().dropLast().enumerated() {
            guard let exchange = Exchange(line) else { throw fault(index + 2, "no request with its answer") }
            exchanges.append(exchange)
        }
    }
}

extension HTTPRecording.Exchange {
    fileprivate var value: JSONValue {
        func headers(_ lines: [[String]]) -> JSONMember {
            JSONMember("headers", .array(lines.map { .array($0.map { .string($0) }) }))
        }
        var request = [
            JSONMember("method", .string(method)), JSONMember("url", .string(url)), headers(requestHeaders),
        ]
        if let requestBody { request.append(Self.member(of: requestBody)) }
        return .object([
            JSONMember("request", .object(request)),
            JSONMember(
                "answer",
                .object([JSONMember("status", .number(String(status))), headers(self.headers), Self.member(of: body)])),
        ])
    }

    /// A body as text where it is one that JSON can hold as it is, else in base64.
    private static func member(of body: [UInt8]) -> JSONMember {
        let text = String(decoding: body, as: UTF8.self)
        guard text.utf8.elementsEqual(body), !body.contains(0) else {
            return JSONMember("body_base64", .string(Data(body).base64EncodedString()))
        }
        return JSONMember("body", .string(text))
    }

    private static func body(_ value: JSONValue) -> [UInt8]? {
        if let text = value["body"]?.stringValue { return Array(text.utf8) }
        return value["body_base64"]?.stringValue.flatMap { Data(base64Encoded: $0) }.map(Array.init)
    }

    private static func headers(_ value: JSONValue) -> [[String]] {
        (value["headers"]?.arrayValue ?? []).map { $0.arrayValue?.compactMap(\.stringValue) ?? [] }
            .filter { $0.count == 2 }
    }

    fileprivate init?(_ line: JSONValue) {
        guard let request = line["request"], let answer = line["answer"],
            let method = request["method"]?.stringValue, let url = request["url"]?.stringValue,
            let status = answer["status"]?.intValue, let body = Self.body(answer)
        else { return nil }
        self.init(
            method: method, url: url, requestHeaders: Self.headers(request), requestBody: Self.body(request),
            status: status, headers: Self.headers(answer), body: body)
    }
}
