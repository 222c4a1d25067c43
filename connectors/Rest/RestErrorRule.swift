import HTTPTransport
import JSON

/// `errors` of a connection or source: what an answer means that the source says in its own way. The first rule whose
/// conditions all hold decides; without one the status does.
struct RestErrorRule: Decodable, Sendable {
    /// What is done.
    enum Action: String, Decodable, Sendable, CaseIterable {
        /// The request is repeated, as after 503.
        case retry
        /// The load fails with what the source says.
        case fail
        /// The answer counts as one without records, which ends its request's pages.
        case ignore
        /// The credentials are renewed once, then the request is repeated.
        case refreshToken = "refresh_token"
        /// Everybody waits as long as the source asks, as after 429.
        case rateLimited = "rate_limited"
    }

    var status: [Int]
    var header: String?
    var headerContains: String?
    var bodyPath: String?
    var bodyEquals: String?
    var action: Action

    /// True where every condition that is given holds.
    func applies(to response: HTTPResponse) -> Bool {
        if !status.isEmpty, !status.contains(response.status) { return false }
        if let header {
            guard let value = response.headers[header] else { return false }
            if let headerContains, !value.contains(headerContains) { return false }
        }
        guard let bodyPath else { return true }
        guard let pointer = JSONPointer(path: bodyPath) else { return false }
        var cursor = JSONCursor(response.body)
        guard let found = cursor.value(at: pointer.tokens) else { return false }
        guard let bodyEquals else { return found != .null && found != .bool(false) && found != .array([]) }
        return found.scalarText.map { $0.utf8.elementsEqual(bodyEquals.utf8) } ?? false
    }
}

extension JSONValue {
    /// The text of a string, number or truth value.
    var scalarText: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let truth): truth ? "true" : "false"
        case .null, .array, .object: nil
        }
    }
}
