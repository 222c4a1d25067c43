import ConnectorKit
import Foundation
import HTTPTransport
import JSON
import Primitives

/// `oauth2`: a client of a token endpoint, by client credentials or, where one is given, a refresh token.
struct OAuth2Client: Decodable, Sendable {
    /// How the client proves itself to the token endpoint (RFC 6749, section 2.3.1).
    enum ClientAuthentication: String, Decodable, Sendable {
        case basic, body
    }

    var tokenURL: String
    var clientID: TextOrSecret
    var clientSecret: SecretReference?
    var refreshToken: SecretReference?
    var scope: String?
    var audience: String?
    var params: [String: TextOrSecret]
    var clientAuthentication: ClientAuthentication

    private enum CodingKeys: String, CodingKey {
        case tokenURL = "tokenUrl"
        case clientID = "clientId"
        case clientSecret, refreshToken, scope, audience, params
        case clientAuthentication = "clientAuth"
    }
}

/// The token endpoint's answer to a client: an access token, how long it holds, perhaps another refresh token.
struct TokenEndpoint: Sendable {
    private let url: HTTPURL
    private let known: RestSecrets
    /// Members of every form that is sent.
    private let form: [(name: String, value: Secret)]
    private let authorization: Secret?
    private let secretNames: [String]

    /// An endpoint with what is sent to it each time. Nothing of the API's own headers is.
    init(
        _ url: String, base: HTTPURL, form: [(name: String, value: Secret)], authorization: Secret? = nil,
        secretNames: [String], known: RestSecrets
    ) throws {
        do {
            self.url = try HTTPURL(url)
        } catch {
            throw ConnectorError("connection.auth.token_url: \(error.message)", kind: .auth)
        }
        guard self.url.scheme == "https" || self.url.namesInside && base.scheme == "http" else {
            throw ConnectorError(
                "connection.auth.token_url: \(self.url) would send secrets in the open", kind: .auth, hint: "use https")
        }
        self.form = form
        self.authorization = authorization
        self.secretNames = secretNames
        self.known = known
    }

    /// Asks for an access token by a grant.
    func token(
        by grant: [(name: String, value: String)], remedies: [String: String], _ requests: ProofRequests
    ) async throws -> ObtainedProof {
        var http = HTTPRequest(method: "POST", url: url)
        http.headers.append(HTTPHeader("Content-Type", "application/x-www-form-urlencoded"))
        if let authorization {
            http.headers.append(HTTPHeader("Authorization", authorization.reveal(), isCredential: true))
        }
        http.body = formBody(grant + form.map { ($0.name, $0.value.reveal()) })
        let asked = ProofRequest(
            what: "token request", http: http, secretNames: secretNames,
            remedy: "check connection.auth.token_url and the rights of the client", remedies: remedies)
        let response = try await requests.send(asked)
        // Some servers refuse with 200.
        guard let answer = parsedObject(response.body), let token = answer["access_token"]?.stringValue, !token.isEmpty
        else {
            if parsedObject(response.body)?["error"]?.stringValue != nil {
                throw asked.refused(response, known, showsBody: false)
            }
            // Whatever stands there instead may be a token: it is not shown.
            throw asked.unusable("has no access_token", known, hint: "check connection.auth.token_url")
        }
        let access = known.register(Secret(token))
        let lifetime = answer["expires_in"].flatMap { $0.doubleValue ?? $0.stringValue.flatMap(Double.init) }
        return ObtainedProof(
            proof: RestProof(placement: .bearer, value: access), lifetime: lifetime,
            refreshToken: answer["refresh_token"]?.stringValue.map { known.register(Secret($0)) })
    }
}

/// An `oauth2` client with its secrets at hand.
struct OAuth2Grant: Sendable {
    /// The secret whose value the server may replace.
    let refreshReference: SecretReference?
    let secretNames: [String]
    /// The value of that secret when the run began.
    let initialRefreshToken: Secret?
    private let endpoint: TokenEndpoint

    init(_ client: OAuth2Client, base: HTTPURL, known: RestSecrets) throws {
        let id = try known.resolve(client.clientID).reveal()
        let secret = try client.clientSecret.map(known.resolve)
        refreshReference = client.refreshToken
        initialRefreshToken = try client.refreshToken.map(known.resolve)
        guard secret != nil || initialRefreshToken != nil else {
            throw ConnectorError(
                "connection.auth: neither client_secret nor refresh_token is given", kind: .auth,
                hint: "give client_secret for client credentials, or refresh_token")
        }
        var form = [("scope", client.scope), ("audience", client.audience)]
            .compactMap { name, value in value.map { (name: name, value: Secret($0)) } }
        for (name, value) in client.params.sorted(by: { $0.key < $1.key }) {
            form.append((name, try known.resolve(value)))
        }
        var authorization: Secret?
        if let secret, client.clientAuthentication == .basic {
            let pair = "\(percentEncoded(id)):\(percentEncoded(secret.reveal()))"
            let encoded = known.register(Secret(Data(pair.utf8).base64EncodedString()))
            authorization = Secret("Basic \(encoded.reveal())")
        } else {
            form.append(("client_id", Secret(id)))
            if let secret { form.append(("client_secret", secret)) }
        }
        secretNames = [client.clientSecret, client.refreshToken].compactMap { $0?.secret }
        endpoint = try TokenEndpoint(
            client.tokenURL, base: base, form: form, authorization: authorization, secretNames: secretNames,
            known: known)
    }

    /// Asks for an access token; by the newest refresh token, where there is one.
    func obtain(refreshToken newest: Secret?, _ requests: ProofRequests) async throws -> ObtainedProof {
        guard let refreshToken = newest ?? initialRefreshToken else {
            return try await endpoint.token(
                by: [("grant_type", "client_credentials")], remedies: Self.remedies, requests)
        }
        return try await endpoint.token(
            by: [("grant_type", "refresh_token"), ("refresh_token", refreshToken.reveal())],
            remedies: Self.remedies, requests)
    }

    private static let remedies = [
        "invalid_client": "check connection.auth.client_id, the value of client_secret and client_auth (basic or body)",
        "invalid_grant": "the refresh token has expired, was revoked, or was replaced in an earlier run that could not "
            + "keep the new one: log in anew and store the new refresh token",
        "invalid_scope": "check connection.auth.scope",
        "unauthorized_client": "allow this client the grant at the server",
    ]
}
