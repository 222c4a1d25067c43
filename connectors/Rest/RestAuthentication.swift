import ConnectorKit
import Foundation
import HTTPTransport

/// `auth` of a connection: how the system knows us.
enum RestAuthentication: Decodable, Sendable {
    /// It does not ask.
    case none
    /// User name and password (RFC 7617).
    case basic(username: String, password: SecretReference)
    /// `Authorization: Bearer` (RFC 6750).
    case bearer(token: SecretReference)
    /// A header or parameter of the source's own.
    case apiKey(name: String, inQuery: Bool, key: SecretReference)

    private enum CodingKeys: String, CodingKey {
        case type, username, password, token, name, key
        case place = "in"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "none": self = .none
        case "basic":
            self = .basic(
                username: try container.decode(String.self, forKey: .username),
                password: try container.decode(SecretReference.self, forKey: .password))
        case "bearer": self = .bearer(token: try container.decode(SecretReference.self, forKey: .token))
        case "api_key":
            self = .apiKey(
                name: try container.decode(String.self, forKey: .name),
                inQuery: try container.decode(String.self, forKey: .place) == "query",
                key: try container.decode(SecretReference.self, forKey: .key))
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "unknown authentication '\(other)'")
        }
    }

    /// The secret that proves who we are.
    var secret: SecretReference? {
        switch self {
        case .none: nil
        case .basic(_, let secret), .bearer(let secret), .apiKey(_, _, let secret): secret
        }
    }
}

/// The value of a configured header: a text, or a secret by name.
enum RestHeaderValue: Decodable, Sendable {
    /// The text itself.
    case text(String)
    /// Looked up once.
    case secret(SecretReference)

    init(from decoder: any Decoder) throws {
        do {
            self = .text(try decoder.singleValueContainer().decode(String.self))
        } catch {
            self = .secret(try SecretReference(from: decoder))
        }
    }
}

/// What proves who we are. Values stay wrapped until a request is made, so that no dump shows them.
struct RestCredentials: Sendable {
    private struct Line: Sendable {
        var name: String
        var value: Secret
        var isCredential = true
    }

    private var lines: [Line] = []
    /// The parameter of `auth`, added to each URL that lacks it.
    private(set) var parameter: (name: String, value: Secret)?
    /// Every secret that is sent, for masking.
    private(set) var secrets: [Secret] = []
    /// The secret of `auth`, for the error that the source refuses it.
    let secretName: String?

    init(_ configuration: RestConnector.Configuration, store: any SecretStore) throws {
        secretName = configuration.auth.secret?.secret
        for (name, value) in configuration.headers.sorted(by: { $0.key < $1.key }) {
            try add(header: name, value, store)
        }
        guard let reference = configuration.auth.secret else { return }
        let secret = try store.secret(named: reference.secret)
        secrets.append(secret)
        switch configuration.auth {
        case .none: break
        case .basic(let username, _):
            let pair = Data("\(username):\(secret.reveal())".utf8).base64EncodedString()
            secrets.append(Secret(pair))
            lines.append(Line(name: "Authorization", value: Secret("Basic \(pair)")))
        case .bearer: lines.append(Line(name: "Authorization", value: Secret("Bearer \(secret.reveal())")))
        case .apiKey(let name, let inQuery, _):
            if inQuery {
                parameter = (name, secret)
            } else {
                lines.append(Line(name: name, value: secret))
            }
        }
    }

    /// Configured headers and the one of `auth`.
    var headers: [HTTPHeader] {
        lines.map { HTTPHeader($0.name, $0.value.reveal(), isCredential: $0.isCredential) }
    }

    private mutating func add(header name: String, _ value: RestHeaderValue, _ store: any SecretStore) throws {
        switch value {
        case .text(let text):
            guard !Self.provesIdentity.contains(name.lowercased()) else {
                throw ConnectorError(
                    "connection.headers.\(name): a literal is refused, this header carries a secret", kind: .auth,
                    hint: "use connection.auth, or {\"secret\": \"name\"} as the header's value")
            }
            lines.append(Line(name: name, value: Secret(text), isCredential: false))
        case .secret(let reference):
            let secret = try store.secret(named: reference.secret)
            secrets.append(secret)
            lines.append(Line(name: name, value: secret))
        }
    }

    private static let provesIdentity: Set = [
        "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token",
    ]
}
