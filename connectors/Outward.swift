import ConnectorKit
import HTTPTransport
import JSON
import Metadata

/// How far a connection may go: `allow_private` and `allow_http`.
///
/// A name may lead anywhere, also to the inside: such an address is refused unless the connection allows it. An address
/// that is written as one, or as `localhost`, is allowed by being written; plain http is, too, where it stays inside.
enum Outward {
    static let allowPrivate = Field(
        "allow_private", .bool, default: .bool(false),
        "True: the server's name may lead to an address of this machine or of an inner network.")

    static let fields = [
        allowPrivate,
        Field(
            "allow_http", .bool, default: .bool(false),
            "True: http without TLS also to servers elsewhere; everybody on the way can read and change what is sent."),
    ]

    /// True where addresses inside may be reached.
    /// - Throws: `ConnectorError` for plain http that is not allowed.
    static func reachesInside(
        _ url: HTTPURL, allowsPrivate: Bool, allowsHTTP: Bool, attribute: String
    ) throws -> Bool {
        guard url.scheme == "https" || allowsHTTP || url.namesInside else {
            throw ConnectorError(
                "\(attribute): \(url.origin) is asked without TLS",
                hint: "write https://, or set connection.allow_http to true if the way there is safe")
        }
        return allowsPrivate || url.namesInside
    }
}
