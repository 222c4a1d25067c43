/// Stands between a client and the network: a recording of what went over it, or one that answers in its place.
///
/// It is in force for the task that sets it and for those that it starts, so that neither connectors nor their
/// configuration know of it.
public protocol HTTPExchange: Sendable {
    /// The answer to a request; `transmit` asks the network for it.
    /// - Throws: `HTTPError`.
    func answer(
        to request: HTTPRequest, transmit: @Sendable (HTTPRequest) async throws(HTTPError) -> HTTPResponse
    ) async throws(HTTPError) -> HTTPResponse
}

extension HTTPClient {
    /// What stands between this task's requests and the network; nil as a rule.
    @TaskLocal public static var exchange: (any HTTPExchange)?
}
