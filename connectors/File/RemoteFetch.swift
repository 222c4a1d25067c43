import ConnectorKit
import HTTPTransport

/// What all places beyond this machine have in common: limits, repeats, and errors as a connector tells them.
struct RemoteFetch: Sendable {
    let client: HTTPClient
    let limits: HTTPLimits
    let mask: SecretMask
    /// `connection` attribute that names the server, for hints.
    let addressKey: String
    /// Times that a request is sent, the first included.
    private static let attempts = 4

    /// Sends a request, again after 0.5, 1 and 2 s where that may help.
    /// - Throws: `ConnectorError`; `CancellationError` when the task was cancelled.
    func send<Answer>(_ body: () async throws(HTTPError) -> Answer) async throws -> Answer {
        var attempt = 1
        while true {
            try Task.checkCancellation()
            do {
                return try await body()
            } catch {
                if error.kind == .cancelled { throw CancellationError() }
                guard error.isTransient, attempt < Self.attempts else { throw failure(error) }
                try await Task.sleep(for: .milliseconds(250 << attempt))
                attempt += 1
            }
        }
    }

    /// The error in a connector's words, secrets masked.
    func failure(_ error: HTTPError) -> ConnectorError {
        let kind: ConnectorError.Kind
        let hint: String
        switch error.kind {
        case .timeout: (kind, hint) = (.timeout, "raise connection.timeout_s if the source is merely slow")
        case .dns, .connect: (kind, hint) = (.connector, "check \(addressKey) and the network")
        case .insideAddress: (kind, hint) = (.connector, "set connection.allow_private to true if that is meant")
        case .tls: (kind, hint) = (.connector, "check who the server is, and what it is known by in connection")
        case .denied: (kind, hint) = (.auth, "check the user, its password or key, and its rights")
        case .notFound: (kind, hint) = (.connector, "check source.path, and where the connection leads")
        case .tooLarge: (kind, hint) = (.connector, "raise source.max_file_mb if that is right")
        case .status(429), .status(503): (kind, hint) = (.rateLimit, "load less often")
        default: (kind, hint) = (.connector, "")
        }
        return ConnectorError(mask.mask(error.message), kind: kind, hint: hint, isTransient: error.isTransient)
    }

    /// - Throws: a transient `ConnectorError` for a file that is not what the listing said.
    func checkUnchanged(_ listed: FileStamp, _ received: FileStamp) throws {
        let differs =
            listed.size != nil && received.size != nil && listed.size != received.size
            || listed.tag != nil && received.tag != nil && listed.tag != received.tag
        guard differs else { return }
        throw ConnectorError(
            "it changed between its listing and its reading",
            hint: "let its writer use another name and rename it when it is complete", isTransient: true)
    }
}
