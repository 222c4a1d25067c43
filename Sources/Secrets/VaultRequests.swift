internal import ConnectorKit
internal import HTTPTransport
internal import JSON
internal import Primitives

/// Vault's HTTP API, as much of it as is needed. Redirects are not followed: the token is for one server.
struct VaultRequests: Sendable {
    enum Answer {
        case found(JSONValue)
        case missing
        case refused(ConnectorError)
    }

    let address: String
    private let base: HTTPURL
    private let mount: String
    private let namespace: String?
    private let client: HTTPClient
    private let limits: HTTPLimits
    private let known: KnownSecrets

    /// Tries of what may pass: 0.2, 0.4 seconds in between.
    private static let attempts = 3

    init(_ settings: VaultSecrets.Settings, projectFolder: String, known: KnownSecrets) throws {
        do {
            base = try HTTPURL(settings.address)
        } catch {
            throw ConnectorError("metadata/secrets.json: address of vault: \(error.message)", kind: .auth)
        }
        guard base.scheme == "https" || ["127.0.0.1", "[::1]", "localhost"].contains(base.host) else {
            throw ConnectorError(
                "metadata/secrets.json: address of vault: \(base.origin) is not encrypted", kind: .auth,
                hint: "use https; http is for an agent on this machine only (127.0.0.1)")
        }
        address = base.origin
        mount = settings.mount
        namespace = settings.namespace
        client = HTTPClient(
            caFile: settings.caFile.map { $0.hasPrefix("/") ? $0 : "\(projectFolder)/\($0)" }, maximumIdleSessions: 1)
        limits = HTTPLimits(total: .seconds(settings.timeoutS), bodyBytes: 1 << 20, redirects: 0)
        self.known = known
    }

    /// Reads a path of the engine.
    func read(_ path: String, token: Secret, for name: String) async throws -> Answer {
        let what = "the secret '\(name)': reading '\(mount)/\(path)' from Vault at \(address)"
        let response = try await send("GET", ["v1", mount, "data", path], token: token, body: nil, what)
        let answer = try? JSONReader.parse(response.body)
        switch response.status {
        case 200:
            guard let data = answer?["data"]?["data"], data.objectValue != nil else {
                throw ConnectorError(
                    "\(what): the answer has no data.data", kind: .auth,
                    hint: "check that '\(mount)' is a key-value engine of version 2, and the address")
            }
            return .found(data)
        case 404:
            // A deleted version has data and no values; a wrong mount has a sentence that says so.
            if let reason = Self.reason(answer), answer?["data"] == nil {
                throw ConnectorError(
                    "\(what): \(known.mask(reason))", kind: .auth, hint: "check \"mount\" and \"namespace\"")
            }
            return .missing
        case 401, 403:
            return .refused(
                ConnectorError(
                    "\(what): \(known.mask(Self.reason(answer) ?? "permission denied"))", kind: .auth,
                    hint: "renew the token, or let its policy read '\(mount)/data/\(path)'"))
        default: throw failure(what, response, answer)
        }
    }

    /// Exchanges a role and its secret id for a token.
    func login(role: String, secret: Secret, mount: String, for name: String) async throws -> Secret {
        let what = "the secret '\(name)': logging in to Vault at \(address) by role (auth/\(mount))"
        let body = JSONValue.object([
            JSONMember("role_id", .string(role)), JSONMember("secret_id", .string(secret.reveal())),
        ])
        let response = try await send(
            "POST", ["v1", "auth", mount, "login"], token: nil, body: body.serialized(), what)
        let answer = try? JSONReader.parse(response.body)
        if [400, 401, 403].contains(response.status) {
            throw ConnectorError(
                "\(what): \(known.mask(Self.reason(answer) ?? "refused"))", kind: .auth,
                hint: "check role_id, and give a secret_id that is still valid")
        }
        guard response.status == 200 else { throw failure(what, response, answer) }
        guard let token = answer?["auth"]?["client_token"]?.stringValue, !token.isEmpty else {
            throw ConnectorError("\(what): the answer has no token", kind: .auth, hint: "check the address")
        }
        return Secret(token)
    }

    private func send(
        _ method: String, _ path: [String], token: Secret?, body: [UInt8]?, _ what: String
    ) async throws -> HTTPResponse {
        let segments = path.flatMap { $0.split(separator: "/") }.map { percentEncoded(String($0)) }
        var last: HTTPResponse?
        for attempt in 1...Self.attempts {
            if attempt > 1 { try await Task.sleep(for: .milliseconds(100 << attempt)) }
            do {
                let start = base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text
                var request = HTTPRequest(
                    method: method, url: try HTTPURL("\(start)/\(segments.joined(separator: "/"))"), body: body,
                    limits: limits)
                request.headers.append(HTTPHeader("X-Vault-Request", "true"))
                if let token { request.headers.append(HTTPHeader("X-Vault-Token", token.reveal(), isCredential: true)) }
                if let namespace { request.headers.append(HTTPHeader("X-Vault-Namespace", namespace)) }
                if body != nil { request.headers.append(HTTPHeader("Content-Type", "application/json")) }
                let response = try await client.send(request)
                last = response
                guard HTTPError.isTransient(status: response.status) else { return response }
            } catch {
                if error.kind == .cancelled { throw CancellationError() }
                guard error.isTransient, attempt < Self.attempts else {
                    throw ConnectorError(
                        "\(what): \(known.mask(error.message))", kind: error.kind == .timeout ? .timeout : .connector,
                        hint: error.kind == .tls
                            ? "name the authority of its certificate by \"ca_file\""
                            : "check \"address\" and the server",
                        isTransient: error.isTransient)
                }
            }
        }
        guard let last else { preconditionFailure("the last try returns or throws") }
        return last
    }

    private func failure(_ what: String, _ response: HTTPResponse, _ answer: JSONValue?) -> ConnectorError {
        let reason = Self.reason(answer).map { ": \(known.mask($0))" } ?? ""
        let hint =
            switch response.status {
            case 300..<400: "it redirects; let \"address\" name the server that answers"
            case 503: "it is sealed or in maintenance; unseal it"
            default: "check \"address\" and the server's log"
            }
        return ConnectorError(
            "\(what): status \(response.status)\(reason)", hint: hint,
            isTransient: HTTPError.isTransient(status: response.status))
    }

    /// The sentences of `errors` in one line.
    private static func reason(_ answer: JSONValue?) -> String? {
        let sentences = answer?["errors"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let line = sentences.joined(separator: ", ").split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.isEmpty ? nil : String(line.prefix(300))
    }
}
