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
        guard let exchange = Self.exchange else { return try await transmit(request) }
        return try await exchange.answer(to: request) { request throws(HTTPError) in try await self.transmit(request) }
    }

    private func transmit(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        try await run { session, cancellation throws(HTTPError) in try session.send(request, cancellation) }
    }

    /// Sends a request; the body of a success goes to a new file, as it is sent: content encodings are not undone.
    ///
    /// The file is made where nothing is yet (O_EXCL) for this user alone; whoever asked removes it, also after an
    /// error. Any other answer comes with its body and leaves the file empty.
    /// - Throws: `HTTPError`; a body that is shorter than announced is an error.
    public func download(_ request: HTTPRequest, to path: String) async throws(HTTPError) -> HTTPResponse {
        let file = try DownloadFile(path, for: request.description)
        if let exchange = Self.exchange {
            var answer = try await exchange.answer(to: request) { request throws(HTTPError) in
                try await self.transmit(request)
            }
            guard (200..<300).contains(answer.status) else { return answer }
            if let problem = file.append(answer.body) {
                throw HTTPError(.file, "\(request.description): \(problem)")
            }
            answer.body = []
            return answer
        }
        return try await run { session, cancellation throws(HTTPError) in
            try session.send(request, to: file, cancellation)
        }
    }

    /// Lists a folder or asks for a file's attributes over SFTP or FTP; or fetches the file to a new one at `path`.
    /// - Throws: `HTTPError`; a cut file is an error.
    public func send(
        _ request: RemoteFileRequest, to path: String? = nil
    ) async throws(HTTPError) -> RemoteFileAnswer {
        var file: DownloadFile?
        if let path { file = try DownloadFile(path, for: "\(request)") }
        let target = file
        return try await run { session, cancellation throws(HTTPError) in
            try session.send(request, to: target, cancellation)
        }
    }

    private func run<Answer: Sendable>(
        _ body: @Sendable (isolated CurlSession, CancellationFlag) throws(HTTPError) -> Answer
    ) async throws(HTTPError) -> Answer {
        let session = idle.withLock { $0.popLast() } ?? CurlSession(caFile: caFile)
        let cancellation = CancellationFlag()
        let outcome = await withTaskCancellationHandler {
            await session.outcome(cancellation, body)
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
    /// The answer as a value, because `withTaskCancellationHandler` does not carry the type of an error.
    fileprivate func outcome<Answer: Sendable>(
        _ cancellation: CancellationFlag,
        _ body: @Sendable (isolated CurlSession, CancellationFlag) throws(HTTPError) -> Answer
    ) -> Result<Answer, HTTPError> {
        do {
            return .success(try body(self, cancellation))
        } catch {
            return .failure(error)
        }
    }
}
