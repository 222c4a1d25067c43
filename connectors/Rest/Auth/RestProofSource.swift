import ConnectorKit
import Foundation
import HTTPTransport
import JSON
import Primitives

/// Where proofs come from: `auth` with its secrets at hand.
enum RestProofSource: Sendable {
    /// Always the same; nil where the source does not ask.
    case fixed(RestProof?, secretName: String? = nil)
    /// An access token.
    case oauth2(OAuth2Grant)
    /// A session's token.
    case session(RestSession)
    /// A token that we sign, or what it is exchanged for.
    case jwt(TokenSigner)
    /// A signature of each request.
    case aws(AWSSigner)

    /// `written` is `auth` as it stands in the metadata; `headers` are the connection's, for requests to its own host.
    init(
        _ authentication: RestAuthentication, written: JSONValue?, base: HTTPURL, headers: [HTTPHeader],
        known: RestSecrets
    ) throws {
        switch authentication {
        case .none: self = .fixed(nil)
        case .basic(let username, let password):
            let pair = "\(try known.resolve(username).reveal()):\(try known.resolve(password).reveal())"
            let value = known.register(Secret(Data(pair.utf8).base64EncodedString()))
            let placement = RestPlacement(.header, "Authorization", prefix: "Basic ")
            self = .fixed(RestProof(placement: placement, value: value), secretName: password.secret)
        case .bearer(let token):
            self = .fixed(RestProof(placement: .bearer, value: try known.resolve(token)), secretName: token.secret)
        case .apiKey(let placement, let key):
            self = .fixed(RestProof(placement: placement, value: try known.resolve(key)), secretName: key.secret)
        case .oauth2(let client): self = .oauth2(try OAuth2Grant(client, base: base, known: known))
        case .session(let login):
            self = .session(try RestSession(login, written: written, base: base, headers: headers, known: known))
        case .jwt(let token): self = .jwt(try TokenSigner(token, written: written, base: base, known: known))
        case .awsSignature(let keys): self = .aws(try AWSSigner(keys, known: known))
        }
    }

    /// The secrets behind the proof.
    var secretNames: [String] {
        switch self {
        case .fixed(_, let name): name.map { [$0] } ?? []
        case .oauth2(let grant): grant.secretNames
        case .session(let session): session.secretNames
        case .jwt(let signer): [signer.secretName]
        case .aws(let signer): [signer.secretName]
        }
    }

    /// Where the proof stands in a request; nil where there is none, or where it is always the bearer header.
    var placement: RestPlacement? {
        switch self {
        case .fixed(let proof, _): proof?.placement
        case .session(let session): session.placement
        case .oauth2, .jwt, .aws: nil
        }
    }

    /// What the source refused, in words.
    var noun: String {
        switch self {
        case .session: "the session"
        case .oauth2: "the access token"
        case .jwt: "the token"
        case .fixed, .aws: "the credentials"
        }
    }

    /// True where another proof can be had.
    var canRenew: Bool {
        switch self {
        case .fixed, .aws: false
        case .oauth2, .session, .jwt: true
        }
    }

    /// True for an answer that a new proof may change.
    func renewsOn(_ status: Int) -> Bool {
        switch self {
        case .fixed, .aws: false
        case .oauth2, .jwt: status == 401
        case .session(let session): session.renewOn.contains(status)
        }
    }

    /// Asks for a new proof; nil where there is nothing to ask for.
    func obtain(
        refreshToken: Secret?, at now: Instant, _ requests: ProofRequests
    ) async throws -> ObtainedProof? {
        switch self {
        case .fixed, .aws: nil
        case .oauth2(let grant): try await grant.obtain(refreshToken: refreshToken, requests)
        case .session(let session): try await session.obtain(requests)
        case .jwt(let signer): try await signer.obtain(at: now, requests)
        }
    }
}

/// `headers` of a connection: a text stands there as it is, a secret is dropped where a redirect leaves the host.
func configuredHeaders(_ headers: [String: TextOrSecret], _ known: RestSecrets) throws -> [HTTPHeader] {
    let proveIdentity: Set = [
        "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token",
    ]
    return try headers.sorted { $0.key < $1.key }.map { name, value in
        switch value {
        case .secret(let reference):
            HTTPHeader(name, try known.resolve(reference).reveal(), isCredential: true)
        case .text where proveIdentity.contains(name.lowercased()):
            throw ConnectorError(
                "connection.headers.\(name): a literal is refused, this header carries a secret", kind: .auth,
                hint: "use connection.auth, or {\"secret\": \"name\"} as the header's value")
        case .text(let text): HTTPHeader(name, text)
        }
    }
}
