import ConnectorKit
import HTTPTransport
import JSON

/// `session`: a login gives a token, which every request then carries.
struct SessionLogin: Decodable, Sendable {
    /// A request that opens or closes the session; its `json` is read as it is written.
    struct Exchange: Decodable, Sendable {
        var method: String
        var path: String
        var form: [String: TextOrSecret]?
        var headers: [String: TextOrSecret]
    }

    /// Where the login's answer has the token.
    enum TokenPlace: Decodable, Sendable {
        case body(pointer: String)
        case header(String)
        case cookie(String)

        private enum CodingKeys: String, CodingKey { case from, path, name }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            switch try container.decode(String.self, forKey: .from) {
            case "header": self = .header(try container.decode(String.self, forKey: .name))
            case "cookie": self = .cookie(try container.decode(String.self, forKey: .name))
            default: self = .body(pointer: try container.decode(String.self, forKey: .path))
            }
        }
    }

    var login: Exchange
    var token: TokenPlace
    var send: RestPlacement?
    var lifetime: Double?
    var renewOn: [Int]
    var logout: Exchange?

    private enum CodingKeys: String, CodingKey {
        case login, token, send, renewOn, logout
        case lifetime = "lifetimeS"
    }
}

/// A `session` with its secrets at hand.
struct RestSession: Sendable {
    let renewOn: [Int]
    let secretNames: [String]
    /// Where the token is sent.
    let placement: RestPlacement
    private let login: ProofRequest
    private let logout: ProofRequest?
    private let token: SessionLogin.TokenPlace
    private let lifetime: Double?
    private let known: RestSecrets

    /// `written` is `auth` as it stands in the metadata; `headers` are the connection's, which stay with its host.
    init(
        _ session: SessionLogin, written: JSONValue?, base: HTTPURL, headers: [HTTPHeader], known: RestSecrets
    ) throws {
        self.known = known
        token = session.token
        lifetime = session.lifetime
        renewOn = session.renewOn
        placement =
            session.send
            ?? {
                if case .cookie(let name) = session.token { return RestPlacement(.cookie, name) }
                return .bearer
            }()
        let builder = ExchangeBuilder(base: base, headers: headers, known: known)
        login = try builder.request("login", session.login, json: written?["login"]?["json"])
        logout = try session.logout.map { try builder.request("logout", $0, json: written?["logout"]?["json"]) }
        secretNames = login.secretNames
    }

    /// Logs in.
    func obtain(_ requests: ProofRequests) async throws -> ObtainedProof {
        var asked = login
        if case .body = token {} else { asked.acceptsRedirect = true }
        let response = try await requests.send(asked)
        guard let value = value(in: response), !value.isEmpty else {
            throw asked.unusable(
                "has no token in \(placeText)", known, hint: "check connection.auth.token and what the login sends")
        }
        let secret = known.register(Secret(value))
        return ObtainedProof(
            proof: RestProof(placement: placement, value: secret, replacesOlder: true), lifetime: lifetime)
    }

    /// Logs out, where the metadata say how.
    func release(_ proof: RestProof, _ requests: ProofRequests) async throws {
        guard var asked = logout else { return }
        try proof.add(to: &asked.http)
        _ = try await requests.send(asked)
    }

    private func value(in response: HTTPResponse) -> String? {
        switch token {
        case .header(let name): return response.headers[name]
        case .cookie(let name):
            return response.headers.values(named: "Set-Cookie").lazy.compactMap { cookie(name, in: $0) }.first
        case .body(let path):
            guard let object = parsedObject(response.body), let pointer = JSONPointer(path: path) else { return nil }
            switch pointer.tokens.reduce(object as JSONValue?, { $0?.child($1) }) {
            case .string(let text), .number(let text): return text
            default: return nil
            }
        }
    }

    private var placeText: String {
        switch token {
        case .body(let pointer): "its body at '\(pointer)'"
        case .header(let name): "its header '\(name)'"
        case .cookie(let name): "a cookie '\(name)'"
        }
    }
}

/// Makes the requests of a session: address, headers, body, and which secrets are in them.
private struct ExchangeBuilder {
    var base: HTTPURL
    var headers: [HTTPHeader]
    var known: RestSecrets

    func request(_ what: String, _ exchange: SessionLogin.Exchange, json: JSONValue?) throws -> ProofRequest {
        let url = try address(what, exchange.path)
        var http = HTTPRequest(method: exchange.method, url: url)
        // The connection's headers may hold secrets that are the API's alone.
        if url.isSameOrigin(as: base) { for header in headers { http.headers.set(header) } }
        var names: [String] = []
        func resolve(_ value: TextOrSecret) throws -> String {
            if case .secret(let reference) = value { names.append(reference.secret) }
            return try known.resolve(value).reveal()
        }
        for (name, value) in exchange.headers.sorted(by: { $0.key < $1.key }) {
            http.headers.set(HTTPHeader(name, try resolve(value), isCredential: true))
        }
        switch (json, exchange.form) {
        case (.some, .some):
            throw ConnectorError("connection.auth.\(what): both json and form are given", hint: "keep one of them")
        case (let json?, nil):
            http.headers.set(HTTPHeader("Content-Type", "application/json"))
            http.body = try filled(json, &names).serialized()
        case (nil, let form?):
            http.headers.set(HTTPHeader("Content-Type", "application/x-www-form-urlencoded"))
            let members = try form.sorted { $0.key < $1.key }.map { (name: $0.key, value: try resolve($0.value)) }
            http.body = formBody(members)
        case (nil, nil): break
        }
        return ProofRequest(
            what: what, http: http, secretNames: names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
            remedy: "check connection.auth.\(what) and the values of its secrets")
    }

    /// A path below `base_url`, or a whole address.
    private func address(_ what: String, _ path: String) throws -> HTTPURL {
        let isWhole = path.hasPrefix("https://") || path.hasPrefix("http://")
        let start = base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text
        do {
            let url = try HTTPURL(isWhole ? path : "\(start)/\(path.drop { $0 == "/" })")
            guard url.scheme == "https" || url.namesInside || url.isSameOrigin(as: base) else {
                throw HTTPError(.invalidRequest, "\(url) would send secrets in the open, use https")
            }
            return url
        } catch {
            throw ConnectorError("connection.auth.\(what).path: \(error)")
        }
    }

    /// The body with each `{"secret": "name"}` replaced by its value.
    private func filled(_ value: JSONValue, _ names: inout [String]) throws -> JSONValue {
        switch value {
        case .object(let members):
            if members.count == 1, case .string(let name)? = value["secret"] {
                names.append(name)
                return .string(try known.resolve(SecretReference(secret: name)).reveal())
            }
            return .object(try members.map { JSONMember($0.name, try filled($0.value, &names)) })
        case .array(let elements): return .array(try elements.map { try filled($0, &names) })
        default: return value
        }
    }
}

/// The value of a cookie that a `Set-Cookie` line sets; nil for other cookies (RFC 6265, section 5.2).
private func cookie(_ name: String, in line: String) -> String? {
    let pair = line.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard pair.count == 2, pair[0].filter({ $0 != " " }).utf8.elementsEqual(name.utf8) else { return nil }
    let value = pair[1].drop { $0 == " " }
    return String(value)
}

extension JSONValue {
    /// The member or element that a token of a JSON pointer names.
    fileprivate func child(_ token: String) -> JSONValue? {
        guard let elements = arrayValue else { return self[token] }
        return Int(token).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
    }
}
