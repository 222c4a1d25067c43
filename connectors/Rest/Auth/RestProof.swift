import ConnectorKit
import HTTPTransport
import Primitives

/// What proves who we are: a value and where it stands. The value stays wrapped until a request is made.
struct RestProof: Sendable {
    var placement: RestPlacement
    var value: Secret
    /// True where an older value in the query gives way, as in a link that the source made for us before a renewal.
    var replacesOlder = false

    /// Puts the proof into a request.
    func add(to request: inout HTTPRequest) throws {
        let value = placement.prefix + self.value.reveal()
        switch placement.place {
        case .header: request.headers.set(HTTPHeader(placement.name, value, isCredential: true))
        case .cookie:
            guard !value.utf8.contains(where: { $0 == UInt8(ascii: ";") || $0 < 0x20 || $0 == 0x7F }) else {
                throw ConnectorError(
                    "connection.auth: the value of cookie '\(placement.name)' holds a ';' or a line break", kind: .auth,
                    hint: "check the secret's value")
            }
            let others = request.headers.values(named: "Cookie").filter { !$0.isEmpty }
            let cookies = (others + ["\(placement.name)=\(value)"]).joined(separator: "; ")
            request.headers.set(HTTPHeader("Cookie", cookies, isCredential: true))
        case .query: try addToQuery(of: &request, value)
        }
    }

    /// A parameter is added unless the source's own link already holds it.
    private func addToQuery(of request: inout HTTPRequest, _ value: String) throws {
        let start = percentEncoded(placement.name) + "="
        let parts = request.url.query?.split(separator: "&", omittingEmptySubsequences: false) ?? []
        guard parts.contains(where: { $0.hasPrefix(start) }) else {
            request.url = try request.url.adding([(placement.name, value)])
            return
        }
        guard replacesOlder else { return }
        let kept = parts.map { $0.hasPrefix(start) ? start + percentEncoded(value) : String($0) }
        let bare = request.url.text.prefix { $0 != "?" }
        request.url = try HTTPURL("\(bare)?\(kept.joined(separator: "&"))")
    }
}

/// A proof that was asked for, and how long it holds.
struct ObtainedProof: Sendable {
    var proof: RestProof
    /// Seconds from now on; nil where nobody said.
    var lifetime: Double?
    /// The refresh token that takes the place of the one which was used.
    var refreshToken: Secret?
}
