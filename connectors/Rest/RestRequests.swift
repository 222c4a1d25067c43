import ConnectorKit
import HTTPTransport
import JSON
import Logging
import Primitives

/// Sends the requests of one system: URLs, credentials, limits and repeats.
struct RestRequests: Sendable {
    let base: HTTPURL
    let identity: RestIdentity
    private let limits: HTTPLimits
    private let retry: RestRetry
    private var mask: SecretMask { identity.known.mask }
    private let client: HTTPClient
    private let logger: Logger
    private let budget: RateBudget
    private let rules: [RestErrorRule]
    private let allowsPrivate: Bool
    private let allowsHTTP: Bool
    /// Bytes that a page may have, decompressed.
    var bodyLimit: Int { limits.bodyBytes }

    init(_ configuration: RestConnector.Configuration, context: ConnectorContext) throws {
        do {
            base = try HTTPURL(configuration.baseURL)
        } catch {
            throw ConnectorError("connection.base_url: \(error.message)")
        }
        limits = HTTPLimits(
            connect: .seconds(configuration.connectTimeout), idle: .seconds(configuration.idleTimeout),
            total: .seconds(configuration.timeout), bodyBytes: configuration.maximumBodyMegabytes << 20,
            reachesInside: try Outward.reachesInside(
                base, allowsPrivate: configuration.allowPrivate, allowsHTTP: configuration.allowHttp,
                attribute: "connection.base_url"))
        retry = configuration.retry
        let caFile = configuration.caFile.map(context.absolute)
        client = HTTPClient(caFile: caFile)
        logger = context.logger
        budget = context.budget
        rules = configuration.errors
        allowsPrivate = configuration.allowPrivate
        allowsHTTP = configuration.allowHttp
        let known = RestSecrets(context.secrets)
        identity = try RestIdentity(
            configuration, written: context.connection, base: base, known: known,
            requests: ProofRequests(client: client, limits: limits, retry: retry, known: known, logger: logger))
    }

    /// The request as it is noted in the manifest.
    func noted(_ call: RestCall) -> String {
        let query = [call.url.query, identity.queryParameter.map { "\($0)=‹secret›" }].compactMap(\.self)
        return mask.mask(call.description + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
    }

    /// Fetches a page, repeating what may pass.
    /// - Throws: `ConnectorError`; `CancellationError` when the task was cancelled.
    func page(_ call: RestCall, _ expected: RestExpectation, number: Int) async throws -> RestAnswer {
        try await budget.take()
        let started = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        var attempt = 1
        while true {
            if attempt > 1 { try await budget.take() }
            let left = retry.deadline - (ContinuousClock.now - started) / .seconds(1)
            let failure: RestFailure
            switch try await answer(to: call, expected, within: attempt == 1 ? nil : .seconds(max(left, 0.1))) {
            case .success(let response):
                let rule = expected.rule(for: response, rules)
                if rule?.action == .ignore { return .nothing }
                guard
                    let found = RestFailure(response, of: call, page: number, rule, expected, identity.secretName, mask)
                else {
                    if response.status == 304 { return .unchanged }
                    return response.status == 204 ? .nothing : .page(RestPage(response))
                }
                failure = found
            case .failure(let error):
                if error.kind == .cancelled { throw CancellationError() }
                failure = RestFailure(error)
            }
            let elapsed = (ContinuousClock.now - started) / .seconds(1)
            guard failure.mayPass,
                let wait = retry.wait(
                    after: attempt, asked: failure.retryAfter, elapsed: elapsed, using: &generator)
            else { throw failure.error(page: number, attempts: attempt, mask) }
            if failure.kind == .rateLimit { await budget.pause(seconds: wait) }
            logger.warning(
                "a request failed and is repeated",
                metadata: [
                    "http.page": "\(number)", "http.attempt": "\(attempt)", "http.wait_s": "\(wait)",
                    "error": "\(mask.mask(failure.message))",
                ])
            try await Task.sleep(for: .seconds(wait))
            attempt += 1
        }
    }

    private func answer(
        to call: RestCall, _ expected: RestExpectation, within deadline: Duration?
    ) async throws -> Result<HTTPResponse, HTTPError> {
        do {
            var request = HTTPRequest(method: call.method, url: call.url, limits: limits)
            if let deadline { request.limits.total = min(limits.total, deadline) }
            request.headers.append(HTTPHeader("Accept", expected.accept))
            request.headers.append(HTTPHeader("User-Agent", "medallion"))
            if let body = call.body {
                request.body = body.bytes
                request.headers.append(HTTPHeader("Content-Type", body.mediaType))
            }
            if call.isOwnHost {
                for header in identity.headers { request.headers.set(header) }
            }
            for header in call.headers { request.headers.set(header) }
            guard call.isOwnHost else {
                // Where the source sends us is not where the metadata do.
                request.limits.reachesInside = allowsPrivate
                guard call.url.scheme == "https" || allowsHTTP else {
                    throw HTTPError(
                        .invalidRequest,
                        "\(call.description): the source sends us there without TLS (connection.allow_http)")
                }
                return .success(try await client.send(request))
            }
            return .success(
                try await identity.send(request, over: client) { [rules] response in
                    // A rule of the metadata decides before the status.
                    expected.rule(for: response, rules).map { $0.action == .refreshToken }
                })
        } catch let error as HTTPError {
            return .failure(error)
        }
    }
}

/// What a request may be answered with, once every repeat is done.
enum RestAnswer: Sendable {
    case page(RestPage)
    /// There is no content.
    case nothing
    /// It is what it was: the validators of the request still hold.
    case unchanged
}

/// What an answer must be.
struct RestExpectation: Sendable {
    /// The notation of the body.
    var format = DocumentShape.Format.json
    /// True where errors come as a list `errors` with status 200.
    var isGraphQL = false
    /// What answers mean, before the rules of the connection.
    var rules: [RestErrorRule] = []

    /// The first rule that applies to an answer.
    func rule(for response: HTTPResponse, _ more: [RestErrorRule]) -> RestErrorRule? {
        (rules + more).first { $0.applies(to: response) }
    }

    /// What is asked for.
    var accept: String {
        switch format {
        case .json: "application/json"
        case .jsonl: "application/x-ndjson, application/jsonl, application/json;q=0.9"
        case .csv: "text/csv, */*;q=0.5"
        case .xml: "application/xml, text/xml;q=0.9, */*;q=0.5"
        }
    }
}
