import ConnectorKit
import HTTPTransport

/// `aws_sigv4`: keys that sign each request
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
struct AWSKeys: Decodable, Sendable {
    var accessKey: TextOrSecret
    var secretKey: SecretReference
    /// With temporary keys.
    var sessionToken: SecretReference?
    var region: String
    var service: String

    private enum CodingKeys: String, CodingKey {
        case accessKey = "accessKeyId"
        case secretKey = "secretAccessKey"
        case sessionToken, region, service
    }
}

/// `aws_sigv4` with its keys at hand.
struct AWSSigner: Sendable {
    let secretName: String
    private let accessKey: Secret
    private let secretKey: Secret
    private let sessionToken: Secret?
    private let region: String
    private let service: String

    init(_ keys: AWSKeys, known: RestSecrets) throws {
        secretName = keys.secretKey.secret
        accessKey = try known.resolve(keys.accessKey)
        secretKey = try known.resolve(keys.secretKey)
        sessionToken = try keys.sessionToken.map(known.resolve)
        region = keys.region
        service = keys.service
    }

    /// Has the transport sign the request at its last moment.
    func sign(_ request: inout HTTPRequest) {
        request.signing = HTTPSigning(
            accessKey: accessKey.reveal(), secretKey: secretKey.reveal(), sessionToken: sessionToken?.reveal(),
            region: region, service: service)
    }
}
