import ConnectorKit
import HTTPTransport
import JSON
import Logging
import Primitives

/// A request that asks for a proof of who we are, or gives one back: a token request, a login, a logout.
struct ProofRequest: Sendable {
    /// What it is called in errors.
    var what: String
    var http: HTTPRequest
    /// The secrets in it.
    var secretNames: [String]
    /// What to do where the server refuses it.
    var remedy: String
    /// The same by the server's error code, where that tells more.
    var remedies: [String: String] = [:]
    /// True where a redirect is an answer like any other, as after a login form.
    var acceptsRedirect = false

    /// The refusal in one line: request, status, the server's own words, the secrets that were sent, the remedy.
    func refused(_ response: HTTPResponse, _ known: RestSecrets, showsBody: Bool = true) -> ConnectorError {
        let words = ServerWords(response.body, known, showsBody: showsBody)
        let names = secretNames.map { "'\($0)'" }.joined(separator: ", ")
        let sent = names.isEmpty ? "" : " (secret \(names))"
        if (300..<400).contains(response.status) {
            return ConnectorError(
                known.mask("the \(what) \(http.description) was redirected with \(response.status)\(sent)"),
                kind: .auth,
                hint: "it is not sent elsewhere: set the address that answers itself")
        }
        return ConnectorError(
            known.mask("the \(what) \(http.description) was refused with \(response.status)\(words.text)\(sent)"),
            kind: .auth,
            hint: words.code.flatMap { remedies[$0] } ?? remedy)
    }

    /// An accepted answer that lacks what was asked for.
    func unusable(_ why: String, _ known: RestSecrets, hint: String) -> ConnectorError {
        ConnectorError(known.mask("the \(what) \(http.description) was answered, but \(why)"), kind: .auth, hint: hint)
    }
}

/// Sends requests for proofs: the same TLS, limits and repeats as for pages, but never along a redirect.
struct ProofRequests: Sendable {
    var client: HTTPClient
    var limits: HTTPLimits
    var retry: RestRetry
    var known: RestSecrets
    var logger: Logger

    /// The answer to a request that the server accepts.
    /// - Throws: `ConnectorError`, of kind auth where the server refuses; `CancellationError`.
    func send(_ asked: ProofRequest) async throws -> HTTPResponse {
        let started = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        var attempt = 1
        while true {
            let elapsed = (ContinuousClock.now - started) / .seconds(1)
            let outcome = try await answer(to: asked, within: max(retry.deadline - elapsed, 0.1))
            guard let failure = outcome.failure else { return outcome.response }
            let passed = (ContinuousClock.now - started) / .seconds(1)
            guard failure.isTransient,
                let wait = retry.wait(after: attempt, asked: outcome.retryAfter, elapsed: passed, using: &generator)
            else { throw failure }
            logger.warning(
                "a request for a proof of identity failed and is repeated",
                metadata: [
                    "http.attempt": "\(attempt)", "http.wait_s": "\(wait)", "error": "\(failure.message)",
                ])
            try await Task.sleep(for: .seconds(wait))
            attempt += 1
        }
    }

    private typealias Outcome = (response: HTTPResponse, failure: ConnectorError?, retryAfter: Double?)

    private func answer(to asked: ProofRequest, within seconds: Double) async throws -> Outcome {
        var request = asked.http
        request.limits = limits
        request.limits.redirects = 0
        request.limits.total = min(limits.total, .seconds(seconds))
        for header in [HTTPHeader("Accept", "application/json"), HTTPHeader("User-Agent", "medallion")]
        where request.headers[header.name] == nil {
            request.headers.append(header)
        }
        let nothing = HTTPResponse(status: 0, headers: [], body: [], effectiveURL: request.url)
        do {
            let response = try await client.send(request)
            let after = secondsToWait(response.headers, now: SystemClock().now())
            switch response.status {
            case 200..<300: return (response, nil, nil)
            case 300..<400 where asked.acceptsRedirect: return (response, nil, nil)
            case let status where HTTPError.isTransient(status: status):
                var failure = asked.refused(response, known)
                failure.kind = status == 429 ? .rateLimit : .connector
                failure.hint = "the server is busy or ill: run it again later"
                failure.isTransient = true
                return (response, failure, after)
            default: return (response, asked.refused(response, known), nil)
            }
        } catch {
            if error.kind == .cancelled { throw CancellationError() }
            let failure = ConnectorError(
                known.mask("the \(asked.what) failed: \(error.message)"),
                kind: error.kind == .timeout ? .timeout : .connector,
                hint: "check its address in connection.auth, the network, and connection.ca_file",
                isTransient: error.isTransient)
            return (nothing, failure, nil)
        }
    }
}

/// What a server says about a refusal: `error` and `error_description` (RFC 6749, section 5.2), else the body's head.
struct ServerWords {
    /// The error code, if there is one.
    private(set) var code: String?
    /// ` invalid_grant: 'the token expired'`; empty where it says nothing. One line, masked.
    private(set) var text = ""

    /// - Parameter showsBody: False where the body may hold a secret that nobody knows yet: only an error is shown.
    init(_ body: [UInt8], _ known: RestSecrets, showsBody: Bool = true) {
        guard !body.isEmpty else { return }
        guard showsBody else {
            code = parsedObject(body)?["error"]?.stringValue
            if let code { text = " \(Self.line(code, known))" }
            if let says = parsedObject(body)?["error_description"]?.stringValue {
                text += ": '\(Self.line(says, known))'"
            }
            return
        }
        guard let object = parsedObject(body) else {
            text = ": '\(Self.line(String(decoding: body.prefix(64 << 10), as: UTF8.self), known))'"
            return
        }
        // Some write an object where the standard has a code.
        let error = object["error"]
        code = error?.stringValue
        let says = object["error_description"] ?? error?["message"] ?? object["message"] ?? object["detail"]
        if let code { text = " \(Self.line(code, known))" }
        if let says = says?.stringValue {
            text += ": '\(Self.line(says, known))'"
        } else if code == nil {
            text = ": '\(Self.line(object.text(), known))'"
        }
    }

    /// The text as one masked line of at most 200 characters.
    static func line(_ text: String, _ known: RestSecrets) -> String {
        // Masked before it is cut: half a secret at the cut would pass unseen.
        let scalars = known.mask(text).unicodeScalars
        let clean = scalars.prefix(200).map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.isBidiControl ? " " : Character(scalar)
        }
        return String(clean) + (scalars.count > 200 ? "…" : "")
    }
}

/// The JSON object that a body is; nil for anything else.
func parsedObject(_ body: [UInt8]) -> JSONValue? {
    do {
        let value = try JSONReader.parse(body)
        return value.objectValue == nil ? nil : value
    } catch {
        // No JSON: whoever asks has words of their own for that.
        return nil
    }
}

/// `application/x-www-form-urlencoded`.
func formBody(_ members: [(name: String, value: String)]) -> [UInt8] {
    Array(members.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&").utf8)
}
