import ConnectorKit

/// `auth` of a connection: how the system knows us, as metadata say it.
enum RestAuthentication: Decodable, Sendable {
    /// It does not ask.
    case none
    /// User name and password (RFC 7617).
    case basic(username: TextOrSecret, password: SecretReference)
    /// `Authorization: Bearer` (RFC 6750).
    case bearer(token: SecretReference)
    /// A header, parameter or cookie of the source's own.
    case apiKey(RestPlacement, key: SecretReference)
    /// An access token from a token endpoint (RFC 6749).
    case oauth2(OAuth2Client)
    /// A session that a login opens.
    case session(SessionLogin)
    /// A token that we sign ourselves (RFC 7519).
    case jwt(SignedToken)
    /// Each request is signed (AWS Signature Version 4).
    case awsSignature(AWSKeys)

    private enum CodingKeys: String, CodingKey { case type, username, password, token, key }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "none": self = .none
        case "basic":
            self = .basic(
                username: try container.decode(TextOrSecret.self, forKey: .username),
                password: try container.decode(SecretReference.self, forKey: .password))
        case "bearer": self = .bearer(token: try container.decode(SecretReference.self, forKey: .token))
        case "api_key":
            self = .apiKey(
                try RestPlacement(from: decoder), key: try container.decode(SecretReference.self, forKey: .key))
        case "oauth2": self = .oauth2(try OAuth2Client(from: decoder))
        case "session": self = .session(try SessionLogin(from: decoder))
        case "jwt": self = .jwt(try SignedToken(from: decoder))
        case "aws_sigv4": self = .awsSignature(try AWSKeys(from: decoder))
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "unknown authentication '\(other)'")
        }
    }
}

/// A text that metadata give, or a secret by name.
enum TextOrSecret: Decodable, Sendable {
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

/// `in`, `name` and `prefix`: where a proof stands in a request.
struct RestPlacement: Decodable, Sendable, Hashable {
    /// The parts of a request that can carry it.
    enum Place: String, Decodable, Sendable {
        case header, query, cookie
    }

    var place: Place
    var name: String
    /// Put before the value.
    var prefix: String

    private enum CodingKeys: String, CodingKey {
        case place = "in"
        case name, prefix
    }

    init(_ place: Place, _ name: String, prefix: String = "") {
        self.place = place
        self.name = name
        self.prefix = prefix
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        place = try container.decode(Place.self, forKey: .place)
        name = try container.decode(String.self, forKey: .name)
        prefix = try container.decodeIfPresent(String.self, forKey: .prefix) ?? ""
    }

    /// `Authorization: Bearer …`.
    static let bearer = RestPlacement(.header, "Authorization", prefix: "Bearer ")
}
