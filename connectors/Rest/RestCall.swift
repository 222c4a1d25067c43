import HTTPTransport
import JSON

/// One request, ready to be sent but for what proves who we are.
struct RestCall: Sendable {
    /// What is sent behind the headers.
    enum Content: Sendable {
        case json(JSONValue)
        case form([(name: String, value: String)])
        case text(String, mediaType: String)
    }

    var method: String
    var url: HTTPURL
    var headers: [HTTPHeader] = []
    var content: Content?
    /// False where the URL is not the system's own: no credentials go there.
    var isOwnHost = true

    init(method: String = "GET", url: HTTPURL) {
        self.method = method
        self.url = url
    }

    /// The call with parameters of paging: in the query, or as members of the body.
    func adding(_ parameters: [(name: String, value: JSONValue)], inBody: Bool) throws(HTTPError) -> RestCall {
        guard !parameters.isEmpty else { return self }
        var call = self
        switch content {
        case .json(.object(var members)) where inBody:
            for (name, value) in parameters {
                members.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
                members.append(JSONMember(name, value))
            }
            call.content = .json(.object(members))
        case .form(let pairs) where inBody:
            let names = parameters.map(\.name)
            let texts = parameters.map { (name: $0.name, value: $0.value.scalarText ?? "") }
            call.content = .form(pairs.filter { !names.contains($0.name) } + texts)
        default: call.url = try url.adding(parameters.map { ($0.name, $0.value.scalarText ?? "") })
        }
        return call
    }

    /// The body's bytes and their media type.
    var body: (bytes: [UInt8], mediaType: String)? {
        switch content {
        case nil: nil
        case .json(let value): (value.serialized(), "application/json")
        case .form(let pairs): (formBody(pairs), "application/x-www-form-urlencoded")
        case .text(let text, let mediaType): (Array(text.utf8), mediaType)
        }
    }

    /// `GET https://host/path`, without the query: safe for logs.
    var description: String { "\(method) \(url)" }

    /// True where 304 is an answer.
    var asksWhetherChanged: Bool {
        headers.contains { ["if-none-match", "if-modified-since"].contains($0.name.lowercased()) }
    }

    /// What makes two calls the same one.
    var identity: String { "\(method) \(url.text) \(body.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "")" }
}
