import ConnectorKit
import Foundation
import HTTPTransport
import Hashing
import JSON
import Primitives

/// `jwt`: a token that we sign (RFC 7519), sent as it is or exchanged for an access token (RFC 7523).
struct SignedToken: Decodable, Sendable {
    /// How it is signed (RFC 7518, section 3.1).
    enum Algorithm: String, Decodable, Sendable {
        case HS256, RS256, ES256
    }

    /// How the text of an HS256 key becomes bytes.
    enum KeyEncoding: String, Decodable, Sendable {
        case text, base64, hex
    }

    var algorithm: Algorithm
    var key: SecretReference
    var keyEncoding: KeyEncoding
    var keyID: String?
    var issuer: String?
    var subject: String?
    var lifetime: Int
    var tokenURL: String?
    var scope: String?
    var params: [String: TextOrSecret]

    private enum CodingKeys: String, CodingKey {
        case algorithm, key, keyEncoding, issuer, subject, scope, params
        case keyID = "keyId"
        case lifetime = "lifetimeS"
        case tokenURL = "tokenUrl"
    }
}

/// A `jwt` with its key at hand.
struct TokenSigner: Sendable {
    let secretName: String
    private let token: SignedToken
    private let key: Secret
    /// Everything but the times.
    private let claims: [JSONMember]
    private let endpoint: TokenEndpoint?
    private let known: RestSecrets

    /// `written` is `auth` as it stands in the metadata: claims keep their names and the text of their numbers there.
    init(_ token: SignedToken, written: JSONValue?, base: HTTPURL, known: RestSecrets) throws {
        self.token = token
        self.known = known
        secretName = token.key.secret
        key = try known.resolve(token.key)
        let audience = written?["audience"] ?? token.tokenURL.map(JSONValue.string)
        var claims = [("iss", token.issuer.map(JSONValue.string)), ("sub", token.subject.map(JSONValue.string))]
            .compactMap { name, value in value.map { JSONMember(name, $0) } }
        if let audience { claims.append(JSONMember("aud", audience)) }
        for claim in written?["claims"]?.objectValue ?? [] {
            let ours = ["iss": "issuer", "sub": "subject", "aud": "audience", "iat": "lifetime_s", "exp": "lifetime_s"]
            if let attribute = ours[claim.name] {
                throw ConnectorError("connection.auth.claims.\(claim.name): use connection.auth.\(attribute)")
            }
            claims.append(claim)
        }
        self.claims = claims
        endpoint = try token.tokenURL.map { url in
            var form = token.scope.map { [(name: "scope", value: Secret($0))] } ?? []
            for (name, value) in token.params.sorted(by: { $0.key < $1.key }) {
                form.append((name, try known.resolve(value)))
            }
            return try TokenEndpoint(url, base: base, form: form, secretNames: [token.key.secret], known: known)
        }
        // A key that cannot sign is refused before anything is sent.
        _ = try signature(of: [])
    }

    /// A fresh token; the access token that it is exchanged for, where there is a `token_url`.
    func obtain(at now: Instant, _ requests: ProofRequests) async throws -> ObtainedProof {
        let signed = known.register(Secret(try text(at: now)))
        guard let endpoint else {
            return ObtainedProof(
                proof: RestProof(placement: .bearer, value: signed), lifetime: Double(token.lifetime - Self.leeway))
        }
        return try await endpoint.token(
            by: [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", signed.reveal()),
            ], remedies: Self.remedies, requests)
    }

    /// The token in compact form (RFC 7515, section 7.1).
    func text(at now: Instant) throws -> String {
        let issued = now.microseconds / 1_000_000 - Int64(Self.leeway)
        var header = [JSONMember("alg", .string(token.algorithm.rawValue)), JSONMember("typ", .string("JWT"))]
        if let id = token.keyID { header.append(JSONMember("kid", .string(id))) }
        let times = [
            JSONMember("iat", .number("\(issued)")),
            JSONMember("exp", .number("\(issued + Int64(token.lifetime))")),
        ]
        let payload = JSONValue.object(claims + times)
        let signed = base64URL(JSONValue.object(header).serialized()) + "." + base64URL(payload.serialized())
        return signed + "." + base64URL(try signature(of: Array(signed.utf8)))
    }

    /// Issued so many seconds ago: a source whose clock is behind would refuse a token from the future.
    private static let leeway = 30

    private func signature(of message: [UInt8]) throws -> [UInt8] {
        switch token.algorithm {
        case .HS256: return HMACSHA256.code(of: message, key: try symmetricKey())
        case .RS256: return try signature(of: message, as: .rsa)
        case .ES256: return try signature(of: message, as: .p256)
        }
    }

    private func signature(of message: [UInt8], as kind: SigningKey.Kind) throws -> [UInt8] {
        // A variable of the environment often holds the line breaks of a PEM as `\n`.
        let pem = key.reveal().replacing("\\n", with: "\n")
        let key: SigningKey
        do {
            key = try SigningKey(pem: pem)
        } catch {
            throw refused("\(error)")
        }
        guard key.kind == kind else {
            throw refused("\(token.algorithm) needs \(kind == .rsa ? "an RSA key" : "an EC key on P-256")")
        }
        return key.signature(of: message.span)
    }

    private func symmetricKey() throws -> [UInt8] {
        let text = key.reveal()
        let bytes: [UInt8]? =
            switch token.keyEncoding {
            case .text: Array(text.utf8)
            case .base64: Data(base64Encoded: text).map { Array($0) }
            case .hex: bytesOfHex(text)
            }
        guard let bytes, !bytes.isEmpty else { throw refused("it is no \(token.keyEncoding)") }
        return bytes
    }

    private func refused(_ why: String) -> ConnectorError {
        ConnectorError(
            "connection.auth.key: the secret '\(secretName)' cannot sign: \(why)", kind: .auth,
            hint: "check the secret's value, algorithm and key_encoding")
    }

    private static let remedies = [
        "invalid_grant": "check issuer, subject, audience, key_id and the key, and this machine's clock",
        "invalid_scope": "check connection.auth.scope, or claims.scope where the server reads it there",
        "invalid_client": "check issuer and key_id: the server does not know this client",
    ]
}

/// The bytes that an even number of hex digits mean; nil for anything else.
private func bytesOfHex(_ text: String) -> [UInt8]? {
    let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue.map(UInt8.init) }
    guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
