import ConnectorKit
import HTTPTransport
import JSON
import Primitives

/// An answer that is no page, or no answer at all.
struct RestFailure {
    /// What happened, one line, not masked yet.
    private(set) var message: String
    /// True when the same request may succeed later.
    private(set) var mayPass: Bool
    /// Seconds that the source asks us to wait.
    private(set) var retryAfter: Double?
    private(set) var kind: ConnectorError.Kind
    private var hint: String

    private static let notOurs = "the source is at fault: try again later, or raise connection.retry"
    private static let tooOften =
        "load less often, set the system's rate_limit, or allow longer waits in connection.retry.deadline_s"

    /// A transfer that brought no answer.
    init(_ error: HTTPError) {
        message = error.message
        mayPass = error.isTransient
        kind = error.kind == .timeout ? .timeout : .connector
        hint =
            switch error.kind {
            case .timeout: "raise connection.timeout_s or idle_timeout_s if the source is merely slow"
            case .dns, .connect: "check connection.base_url and the network"
            case .insideAddress: "set connection.allow_private to true if that is meant"
            case .tls: "set connection.ca_file if the source has an authority of its own"
            case .tooLarge: "ask for smaller pages or raise connection.max_body_mb"
            case .redirect: "set connection.base_url to the address that answers without a redirect"
            case .truncated, .transfer: Self.notOurs
            default: ""
            }
    }

    /// nil for a page; what is wrong with any other answer. A rule of the metadata decides before its status.
    init?(
        _ response: HTTPResponse, of call: RestCall, page: Int, _ rule: RestErrorRule?, _ expected: RestExpectation,
        _ secretName: String?, _ mask: SecretMask
    ) {
        let what = "\(call.method) \(response.effectiveURL): the source answered \(response.status)"
        let asked = secondsToWait(response.headers, now: SystemClock().now())
        switch rule?.action {
        case .retry?: self.init("\(what)\(quoted(response.body, mask))", .connector, "", mayPass: true)
        case .rateLimited?:
            self.init(what, .rateLimit, Self.tooOften, mayPass: true)
        case .fail?:
            self.init("\(what)\(quoted(response.body, mask))", .connector, "connection.errors or source.errors say so")
        case .refreshToken?:
            self.init(
                "\(what), which means refused credentials by connection.errors or source.errors", .auth,
                "check the value, expiry and rights of secret '\(secretName ?? "–")'")
        case .ignore?, nil:
            self.init(byStatusOf: response, call, what, page, asked, expected, secretName, mask)
        }
        if mayPass { retryAfter = asked }
    }

    private init?(
        byStatusOf response: HTTPResponse, _ call: RestCall, _ what: String, _ page: Int, _ asked: Double?,
        _ expected: RestExpectation, _ secretName: String?, _ mask: SecretMask
    ) {
        switch response.status {
        case 200, 201, 202, 203:
            if expected.isGraphQL, let complaint = graphQLError(response.body) {
                self.init("\(what) with the error '\(mask.mask(complaint))'", .connector, "check source.body.query")
            } else if let complaint = mismatch(response, expected.format, mask) {
                self.init("\(what) with \(complaint)", .parse, "check base_url and path; a login page looks like this")
            } else if isCut(response, expected.format) {
                self.init("\(what), and broke off inside a JSON value", .connector, Self.notOurs, mayPass: true)
            } else {
                return nil
            }
        case 204: return nil
        case 205..<300:
            self.init(what, .connector, "only 200 to 204 stand for a whole page; ask for it without a header Range")
        case 304 where call.asksWhetherChanged: return nil
        case _ where response.status == 401 || response.status == 403 && asked == nil:
            let credentials = secretName.map { "the credentials of secret '\($0)'" } ?? "a request without credentials"
            self.init(
                "\(call.method) \(response.effectiveURL): the source refused \(credentials) with \(response.status)",
                .auth, secretName == nil ? "set connection.auth" : "check the secret's value, its expiry and its rights"
            )
        case 404 where page > 1, 410 where page > 1:
            self.init(
                "\(what); the batch is incomplete and is dropped", .connector,
                "check what pagination finds as the next page; a source that ends with \(response.status) needs stop_on \"short\", "
                    + "total_pages_path, or a rule in source.errors that ignores it")
        case 404, 410: self.init(what, .connector, "check connection.base_url and source.path")
        case 403, 429:
            self.init(what, .rateLimit, Self.tooOften, mayPass: true)
        default:
            self.init(
                "\(what)\(quoted(response.body, mask))", .connector,
                response.status >= 500 ? Self.notOurs : "check source.path, its parameters, its headers and its body",
                mayPass: HTTPError.isTransient(status: response.status))
        }
    }

    private init(_ message: String, _ kind: ConnectorError.Kind, _ hint: String, mayPass: Bool = false) {
        self.message = message
        self.kind = kind
        self.hint = hint
        self.mayPass = mayPass
    }

    /// The error that ends the landing.
    func error(page: Int, attempts: Int, _ mask: SecretMask) -> ConnectorError {
        let times = attempts == 1 ? "" : ", \(attempts) attempts"
        let wait = retryAfter.map { ", to be asked again in \(Int(min($0, 1e9).rounded(.up))) s" } ?? ""
        return ConnectorError(
            mask.mask("\(message) (page \(page)\(times)\(wait))"), kind: kind, hint: hint, isTransient: mayPass)
    }
}

/// The message of the first of a GraphQL answer's errors; nil where it has none.
private func graphQLError(_ body: [UInt8]) -> String? {
    var cursor = JSONCursor(body)
    guard let first = cursor.value(at: ["errors", "0"]) else { return nil }
    return first["message"]?.stringValue ?? first.text()
}

/// What the body is instead of what was asked for; nil if it looks like that.
private func mismatch(_ response: HTTPResponse, _ format: DocumentShape.Format, _ mask: SecretMask) -> String? {
    let type = response.headers["Content-Type"] ?? "no content type"
    let isPage = type.lowercased().contains("html")
    let text = response.body.dropFirst(response.body.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0).drop { !isVisible($0) }
    let first = text.first
    let name: String? = [.csv: "CSV", .jsonl: "JSON Lines", .xml: "XML"][format]
    if let name {
        // Some servers call their CSV text/html too, and some a page for people text/plain.
        let head = String(decoding: text.prefix(15), as: UTF8.self).lowercased()
        let looksSo = head.hasPrefix("<!doctype html") || head.hasPrefix("<html")
        guard looksSo || isPage && first == UInt8(ascii: "<") && format != .xml else { return nil }
        return "\(isPage ? type : "HTML, called \(type),") instead of \(name)\(quoted(response.body, mask))"
    }
    guard !isPage else { return "\(type) instead of JSON\(quoted(response.body, mask))" }
    switch first {
    case UInt8(ascii: "{"), UInt8(ascii: "["): return nil
    case nil: return "an empty body instead of JSON"
    default: return "something that is no JSON object or array (\(type))\(quoted(response.body, mask))"
    }
}

/// True where the body ends within a JSON object or array, and no header said where it should.
private func isCut(_ response: HTTPResponse, _ format: DocumentShape.Format) -> Bool {
    let opening = [UInt8(ascii: "{"), UInt8(ascii: "[")]
    // What is packed begins with something else, and tells on its own.
    guard format == .json || format == .jsonl, let first = response.body.first(where: isVisible),
        opening.contains(first), let last = response.body.last(where: isVisible)
    else { return false }
    guard last != UInt8(ascii: "}"), last != UInt8(ascii: "]") else { return false }
    return response.headers["Content-Length"] == nil && response.headers["Transfer-Encoding"] == nil
}

private func isVisible(_ byte: UInt8) -> Bool { byte != 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D }

/// The head of a body as one masked line, `: '…'`; empty for an empty body.
private func quoted(_ body: [UInt8], _ mask: SecretMask) -> String {
    guard !body.isEmpty else { return "" }
    // Masked before it is cut: half a secret at the cut would pass unseen.
    let text = mask.mask(String(decoding: body.prefix(4096), as: UTF8.self))
    let scalars = text.unicodeScalars.prefix(200).map { scalar in
        scalar.properties.generalCategory == .control || scalar.properties.isBidiControl ? " " : Character(scalar)
    }
    return ": '\(String(scalars))\(scalars.count < text.unicodeScalars.count ? "…" : "")'"
}
