import JSON
import Metadata

/// The field lists of `auth`, one for each type.
extension RestAuthentication {
    /// What `auth` may be.
    static let variants: [FieldType.Variant] = [
        FieldType.Variant("none"),
        FieldType.Variant(
            "basic",
            [
                Field("username", textOrSecret, required: true, "The user's name."),
                Field("password", .string, required: true, secret: true, "The user's password."),
            ]),
        FieldType.Variant(
            "bearer", [Field("token", .string, required: true, secret: true, "Sent as Authorization: Bearer.")]),
        FieldType.Variant(
            "api_key",
            [
                Field("name", .string, default: .string("X-Api-Key"), "Name of the header, parameter or cookie."),
                Field(
                    "in", .oneOf(["header", "query", "cookie"]), default: .string("header"), "Where the key is sent."),
                Field("prefix", .string, default: .string(""), "Put before the key: \"Token \"."),
                Field("key", .string, required: true, secret: true, "The key."),
            ]),
        FieldType.Variant("oauth2", oauth2),
        FieldType.Variant("session", session),
        FieldType.Variant("jwt", jwt),
        FieldType.Variant("aws_sigv4", aws),
    ]

    private static let textOrSecret = FieldType.either([.string, .object([RestFields.secretName])])
    private static let url = FieldType.pattern("^https?://[^/?#@\\s]+(/[^#\\s]*)?$")

    private static let oauth2: [Field] = [
        Field("token_url", url, required: true, "The token endpoint; only it gets the client's secrets."),
        Field("client_id", textOrSecret, required: true, "The client's id."),
        Field("client_secret", .string, secret: true, "The client's secret; a public client has none."),
        Field(
            "refresh_token", .string, secret: true,
            "With it the grant is refresh_token, without it client_credentials. A server that replaces it at each use "
                + "needs a secret store that can keep the new one."),
        Field("scope", .string, "Rights asked for, with spaces between them."),
        Field("audience", .string, "What the token is for, where the server asks."),
        Field("params", .map(textOrSecret), default: .object([]), "More members of the form that is sent."),
        Field(
            "client_auth", .oneOf(["basic", "body"]), default: .string("basic"),
            "Where client_id and client_secret stand: in the Authorization header or in the form."),
    ]

    private static let session: [Field] = [
        Field("login", .object(exchange), required: true, "The request that opens the session."),
        Field(
            "token",
            .variant(
                "from",
                [
                    FieldType.Variant(
                        "body", [Field("path", .string, required: true, "JSON pointer to the token: /data/token.")]),
                    FieldType.Variant("header", [Field("name", .string, required: true, "The header's name.")]),
                    FieldType.Variant("cookie", [Field("name", .string, required: true, "The cookie's name.")]),
                ]), required: true, "Where the login's answer has the token."),
        Field(
            "send",
            .object([
                Field("in", .oneOf(["header", "query", "cookie"]), default: .string("header"), "Where it is sent."),
                Field("name", .string, required: true, "Name of the header, parameter or cookie."),
                Field("prefix", .string, default: .string(""), "Put before the token: \"Bearer \"."),
            ]),
            "How requests carry the token; left out, the cookie that it came in, else Authorization: Bearer."),
        Field("lifetime_s", .number(1...31_536_000), "Seconds that a session lasts; left out, until it is refused."),
        Field(
            "renew_on", .array(.int(400...599)), default: .array([.number("401")]),
            "Statuses that say that the session has ended: then one new login."),
        Field("logout", .object(exchange), "The request that closes the session when the run has ended."),
    ]

    private static let exchange: [Field] = [
        Field(
            "method", .oneOf(["POST", "GET", "PUT", "PATCH", "DELETE"]), default: .string("POST"), "The HTTP method."),
        Field("path", .string, required: true, "Appended to base_url; or a whole address."),
        Field("json", .any, "The body as JSON; {\"secret\": \"name\"} anywhere in it is the secret's value."),
        Field("form", .map(textOrSecret), "The body as a form."),
        Field("headers", .map(textOrSecret), default: .object([]), "Headers of this request alone."),
    ]

    private static let jwt: [Field] = [
        Field("algorithm", .oneOf(["HS256", "RS256", "ES256"]), required: true, "How it is signed."),
        Field(
            "key", .string, required: true, secret: true,
            "The key: a PEM text for RS256 and ES256, without a passphrase; a shared one for HS256."),
        Field(
            "key_encoding", .oneOf(["text", "base64", "hex"]), default: .string("text"),
            "What the text of an HS256 key is."),
        Field("key_id", .string, "The header's kid."),
        Field("issuer", .string, "The claim iss."),
        Field("subject", .string, "The claim sub."),
        Field("audience", .either([.string, .array(.string)]), "The claim aud; token_url where there is one."),
        Field("claims", .map(.any), default: .object([]), "More claims."),
        Field("lifetime_s", .int(60...86_400), default: .number("300"), "Seconds from iat to exp."),
        Field(
            "token_url", url,
            "The token endpoint that gives an access token for it (jwt-bearer); left out, it is itself the bearer."),
        Field("scope", .string, "Sent to token_url; some servers want it in claims instead."),
        Field("params", .map(textOrSecret), default: .object([]), "More members of the form sent to token_url."),
    ]

    private static let aws: [Field] = [
        Field("access_key_id", textOrSecret, required: true, "The key's id."),
        Field("secret_access_key", .string, required: true, secret: true, "The key."),
        Field("session_token", .string, secret: true, "With temporary keys."),
        Field("region", .string, required: true, "As in eu-central-1."),
        Field("service", .string, required: true, "As AWS names it: execute-api, s3, es."),
    ]
}
