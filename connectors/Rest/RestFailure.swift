import ConnectorKit
import HTTPTransport
import Primitives

/// An answer that is no page, or no answer at all.
struct RestFailure {
    /// What happened, one line, not masked yet.
    private(set) var message: String
    /// True when the same request may succeed later.
    private(set) var mayPass: Bool
    /// Seconds that the source asks us to wait.
    private(set) var retryAfter: Double?
    private var kind: ConnectorError.Kind
    private var hint: String

    /// A transfer that brought no answer.
    init(_ error: HTTPError) {
        message = error.message
        mayPass = error.isTransient
        kind = error.kind == .timeout ? .timeout : .connector
        hint =
            switch error.kind {
            case .timeout: "raise connection.timeout_s or idle_timeout_s if the source is merely slow"
            case .dns, .connect: "check connection.base_url and the network"
            case .tls: "set connection.ca_file if the source has an authority of its own"
            case .tooLarge: "ask for smaller pages or raise connection.max_body_mb"
            default: ""
            }
    }

    /// nil for a page; what is wrong with any other answer.
    init?(_ response: HTTPResponse, page: Int, _ secretName: String?, _ mask: SecretMask) {
        let what = "GET \(response.effectiveURL): the source answered \(response.status)"
        let asked = secondsToWait(response.headers, now: SystemClock().now())
        switch response.status {
        case 200, 203:
            guard let complaint = notJSON(response, mask) else { return nil }
            self.init("\(what) with \(complaint)", .parse, "check base_url and path; a login page looks like this")
        case 204: return nil
        case _ where response.status == 401 || response.status == 403 && asked == nil:
            let credentials = secretName.map { "the credentials of secret '\($0)'" } ?? "a request without credentials"
            self.init(
                "GET \(response.effectiveURL): the source refused \(credentials) with \(response.status)", .auth,
                secretName == nil ? "set connection.auth" : "check the secret's value, its expiry and its rights")
        case 404 where page > 1, 410 where page > 1:
            self.init(
                "\(what); the batch is incomplete and is dropped", .connector,
                "if the source ends that way, set pagination.stop_on to \"short\" or give total_pages_path")
        case 404, 410: self.init(what, .connector, "check connection.base_url and source.path")
        case 403, 429:
            self.init(what, .rateLimit, "load less often or lower the system's concurrency", mayPass: true)
            retryAfter = asked
        default:
            self.init(
                "\(what)\(quoted(response.body, mask))", .connector, "",
                mayPass: HTTPError.isTransient(status: response.status))
            retryAfter = asked
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
        return ConnectorError(
            mask.mask("\(message) (page \(page)\(times))"), kind: kind, hint: hint, isTransient: mayPass)
    }
}

/// What the body is instead of a JSON object or array; nil if it looks like one.
private func notJSON(_ response: HTTPResponse, _ mask: SecretMask) -> String? {
    let type = response.headers["Content-Type"] ?? "no content type"
    guard !type.lowercased().contains("html") else { return "\(type) instead of JSON\(quoted(response.body, mask))" }
    let start = response.body.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    switch response.body[start...].first(where: { !isSpace($0) }) {
    case UInt8(ascii: "{"), UInt8(ascii: "["): return nil
    case nil: return "an empty body instead of JSON"
    default: return "something that is no JSON object or array (\(type))\(quoted(response.body, mask))"
    }
}

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
