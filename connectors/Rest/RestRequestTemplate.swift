import ConnectorKit
import Foundation
import HTTPTransport
import JSON
import Metadata

/// A request as metadata writes it: `method`, `path`, `params`, `headers` and `body`, with expressions in every text.
struct RestRequestTemplate: Sendable {
    /// What is sent behind the headers.
    enum Body: Sendable {
        /// A JSON text; expressions in its strings keep their type where they stand alone.
        case json(JSONValue)
        /// `application/x-www-form-urlencoded`.
        case form([JSONMember])
        /// A query with its variables, as `{"query": …, "variables": …}`.
        case graphQL(query: String, variables: JSONValue)
        /// A text of some media type.
        case text(Template, mediaType: String)
    }

    let method: String
    let path: Template
    private let params: [JSONMember]
    private let headers: [(name: String, value: Template)]
    private let body: Body?

    /// Reads a checked object; its texts are read as templates here, so that a faulty one is found early.
    init(_ object: JSONValue) throws(RestMistake) {
        params = object["params"]?.objectValue ?? []
        path = try RestMistake.template(object["path"]?.stringValue, at: ["path"])
        headers = try (object["headers"]?.objectValue ?? []).map { member throws(RestMistake) in
            (
                member.name,
                try RestMistake.template(member.value.stringValue, at: ["headers", member.name])
            )
        }
        body = try Self.body(object["body"])
        method = object["method"]?.stringValue ?? (body == nil ? "GET" : "POST")
        if body != nil, method == "GET" {
            throw RestMistake(["method"], "GET with a body", expected: "POST, or no body")
        }
        for text in Self.texts(.object(params)) {
            _ = try RestMistake.template(text, at: ["params"])
        }
        for text in bodyTexts { _ = try RestMistake.template(text, at: ["body"]) }
    }

    private static func body(_ object: JSONValue?) throws(RestMistake) -> Body? {
        switch object?["type"]?.stringValue {
        case "json": return .json(object?["json"] ?? .object([]))
        case "form": return .form(object?["form"]?.objectValue ?? [])
        case "graphql":
            // Braces stand side by side in GraphQL, so that its query holds no expressions; its variables do.
            return .graphQL(
                query: object?["query"]?.stringValue ?? "", variables: object?["variables"] ?? .object([]))
        case "text":
            let text = try RestMistake.template(object?["text"]?.stringValue, at: ["body", "text"])
            return .text(text, mediaType: object?["media_type"]?.stringValue ?? "text/plain")
        default: return nil
        }
    }

    /// True where the body is a GraphQL query, whose errors come with status 200.
    var isGraphQL: Bool { if case .graphQL = body { true } else { false } }

    /// The first words of every name used in an expression.
    var roots: Set<String> {
        var templates = [path] + headers.map(\.value)
        if case .text(let text, _) = body { templates.append(text) }
        // A text that is no template has been refused by init.
        templates += (Self.texts(.object(params)) + bodyTexts).compactMap { try? Template($0) }
        return templates.reduce(into: []) { $0.formUnion($1.roots) }
    }

    /// The request with every expression filled.
    /// - Parameter mayLeave: The path may be the URL of another host; credentials do not go there.
    /// - Throws: `ConnectorError` that names the attribute and the expression.
    func call(in scope: TemplateScope, base: HTTPURL, mayLeave: Bool = false) throws -> RestCall {
        do {
            let url = try self.url(try path.path(in: scope), base, mayLeave)
            var call = RestCall(
                method: method, url: try url.adding(try restParameters(Template.fill(.object(params), in: scope))))
            call.isOwnHost = url.isSameOrigin(as: base)
            call.headers = try headers.map { HTTPHeader($0.name, try $0.value.text(in: scope)) }
            call.content = try content(in: scope)
            return call
        } catch let error as TemplateError {
            throw ConnectorError("source: \(error)")
        } catch let error as HTTPError {
            throw ConnectorError("source.path '\(path.source)': \(error.message)")
        }
    }

    private func url(_ path: String, _ base: HTTPURL, _ mayLeave: Bool) throws(HTTPError) -> HTTPURL {
        let isAbsolute = path.hasPrefix("http://") || path.hasPrefix("https://")
        let start = base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text
        let url = try HTTPURL(isAbsolute ? path : "\(start)/\(path.drop { $0 == "/" })")
        guard mayLeave || url.isSameOrigin(as: base) else {
            throw HTTPError(.invalidRequest, "the path leads to \(url.origin)")
        }
        return url
    }

    private func content(in scope: TemplateScope) throws(TemplateError) -> RestCall.Content? {
        switch body {
        case nil: nil
        case .json(let value): .json(try Template.fill(value, in: scope))
        case .form(let members): .form(restParameters(try Template.fill(.object(members), in: scope)))
        case .graphQL(let query, let variables):
            .json(
                .object([
                    JSONMember("query", .string(query)),
                    JSONMember("variables", try Template.fill(variables, in: scope)),
                ]))
        case .text(let text, let mediaType): .text(try text.text(in: scope), mediaType: mediaType)
        }
    }

    private var bodyTexts: [String] {
        switch body {
        case .json(let value), .graphQL(_, let value): Self.texts(value)
        case .form(let members): Self.texts(.object(members))
        case nil, .text: []
        }
    }

    private static func texts(_ value: JSONValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .array(let elements): elements.flatMap(texts)
        case .object(let members): members.flatMap { [$0.name] + texts($0.value) }
        default: []
        }
    }
}

/// What is wrong with a source beyond its fields.
struct RestMistake: Error {
    var place: [String]
    var what: String
    var expected: String

    init(_ place: [String], _ what: String, expected: String) {
        self.place = place
        self.what = what
        self.expected = expected
    }

    /// The same mistake further within.
    func within(_ outer: [String]) -> RestMistake { RestMistake(outer + place, what, expected: expected) }

    /// A text as a template; a faulty one is the mistake at its place.
    static func template(_ text: String?, at place: [String]) throws(RestMistake) -> Template {
        do {
            return try Template(text ?? "")
        } catch {
            throw RestMistake(place, error.description, expected: "")
        }
    }
}

/// Parameters as they are sent: a list repeats its name, and null leaves it out.
func restParameters(_ params: JSONValue?) -> [(name: String, value: String)] {
    (params?.objectValue ?? []).flatMap { member in
        (member.value.arrayValue ?? [member.value]).compactMap { value in
            switch value {
            case .string(let text), .number(let text): (member.name, text)
            case .bool(let truth): (member.name, truth ? "true" : "false")
            case .null, .array, .object: nil
            }
        }
    }
}
