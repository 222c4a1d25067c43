import Synchronization

/// Sends HTTP requests with libcurl: TLS verified, no proxy from the environment, http and https only.
///
/// As many requests run at once as there are calls; each takes a session (a handle with its open connections and a
/// thread of its own) from the idle ones or makes a new one. Cancelling the task ends the transfer within a second.
public final class HTTPClient: Sendable {
    private let caFile: String?
    private let maximumIdleSessions: Int
    private let idle = Mutex<[CurlSession]>([])

    /// A client; `caFile` names a PEM file of authorities to trust instead of the system's.
    public init(caFile: String? = nil, maximumIdleSessions: Int = 8) {
        self.caFile = caFile
        self.maximumIdleSessions = maximumIdleSessions
    }

    /// Sends a request and returns its complete answer, whatever its status.
    /// - Throws: `HTTPError`; a body that is shorter than announced is an error, not an answer.
    public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let session = idle.withLock { $0.popLast() } ?? CurlSession(caFile: caFile)
        let cancellation = CancellationFlag()
        let outcome = await withTaskCancellationHandler {
            await session.outcome(of: request, cancellation)
        } onCancel: {
            cancellation.set()
        }
        idle.withLock { sessions in
            if sessions.count < maximumIdleSessions { sessions.append(session) }
        }
        return try outcome.get()
    }
}

extension CurlSession {
    /// `send` as a value, because `withTaskCancellationHandler` does not carry the type of an error.
    fileprivate func outcome(
        of request: HTTPRequest, _ cancellation: CancellationFlag
    ) -> Result<HTTPResponse, HTTPError> {
        do {
            return .success(try send(request, cancellation))
        } catch {
            return .failure(error)
        }
    }
}
