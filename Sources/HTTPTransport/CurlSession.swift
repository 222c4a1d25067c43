import Dispatch

/// One libcurl handle on a thread of its own, so that a blocking transfer never holds one of Swift's few threads.
actor CurlSession {
    private let executor: TransferExecutor
    private let caFile: String?
    private let handle = CurlHandle()

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    init(caFile: String?) {
        executor = TransferExecutor()
        self.caFile = caFile
    }

    /// Sends a request and follows its redirects; blocks this session's thread.
    /// - Parameter file: Where the body of a success goes, as it is sent; nil keeps it in memory, decoded.
    func send(
        _ request: HTTPRequest, to file: DownloadFile? = nil, _ cancellation: CancellationFlag
    ) throws(HTTPError) -> HTTPResponse {
        let started = ContinuousClock.now
        var chain = RedirectChain(request)
        while true {
            guard !cancellation.isSet else { throw HTTPError(.cancelled, "\(request.description): cancelled") }
            let remaining = request.limits.total - (ContinuousClock.now - started)
            guard remaining > .zero else {
                throw HTTPError(.timeout, "\(request.description): no complete answer in time (redirects included)")
            }
            let (transfer, scope) = try hop(chain, within: remaining, to: file, cancellation)
            if let location = transfer.redirectLocation, request.limits.redirects > 0 {
                try chain.follow(location, status: transfer.status, sentFrom: scope)
                continue
            }
            return HTTPResponse(
                status: transfer.status, headers: transfer.headers, body: transfer.body,
                effectiveURL: chain.current.url)
        }
    }

    private func hop(
        _ chain: RedirectChain, within remaining: Duration, to file: DownloadFile?, _ cancellation: CancellationFlag
    ) throws(HTTPError) -> (Transfer, AddressScope) {
        let transfer = Transfer(
            limits: chain.current.limits, cancellation: cancellation, redirectedFrom: chain.sentFrom,
            file: file)
        let request = chain.current.signing?.signed(chain.current) ?? chain.current
        try handle.perform(request, within: remaining, trusting: caFile, into: transfer)
        return (transfer, handle.peerScope)
    }

    /// Lists a folder or fetches a file over SFTP or FTP; blocks this session's thread.
    func send(
        _ request: RemoteFileRequest, to file: DownloadFile? = nil, _ cancellation: CancellationFlag
    ) throws(HTTPError) -> RemoteFileAnswer {
        guard !cancellation.isSet else { throw HTTPError(.cancelled, "\(request): cancelled") }
        let transfer = Transfer(
            limits: request.limits, cancellation: cancellation, redirectedFrom: nil, file: file)
        return try handle.perform(request, trusting: caFile, into: transfer)
    }
}

extension Transfer {
    /// Where a redirect points; nil for every other answer.
    fileprivate var redirectLocation: String? {
        [301, 302, 303, 307, 308].contains(status) ? headers["Location"] : nil
    }
}

/// Runs an actor's jobs on a dispatch queue of its own; corelibs-libdispatch has no `DispatchSerialQueue` yet.
private final class TransferExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "medallion.http")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }
}
