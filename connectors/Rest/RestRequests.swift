import ConnectorKit
import HTTPTransport
import JSON
import Logging
import Metadata
import Primitives

/// Sends the requests of one system: URLs, credentials, limits and repeats.
struct RestRequests: Sendable {
    private let base: HTTPURL
    let identity: RestIdentity
    private let limits: HTTPLimits
    private let retry: RestRetry
    private var mask: SecretMask { identity.known.mask }
    private let client: HTTPClient
    private let logger: Logger

    init(_ configuration: RestConnector.Configuration, context: ConnectorContext) throws {
        do {
            base = try HTTPURL(configuration.baseURL)
        } catch {
            throw ConnectorError("connection.base_url: \(error.message)")
        }
        limits = HTTPLimits(
            connect: .seconds(configuration.connectTimeout), idle: .seconds(configuration.idleTimeout),
            total: .seconds(configuration.timeout), bodyBytes: configuration.maximumBodyMegabytes << 20)
        retry = configuration.retry
        let caFile = configuration.caFile.map { $0.hasPrefix("/") ? $0 : "\(context.projectFolder)/\($0)" }
        client = HTTPClient(caFile: caFile)
        logger = context.logger
        let known = KnownSecrets(context.secrets)
        identity = try RestIdentity(
            configuration, written: context.connection, base: base, known: known,
            requests: ProofRequests(client: client, limits: limits, retry: retry, known: known, logger: logger))
    }

    /// The URL of a resource with its parameters, the one of a delta load included.
    func url(of source: RestConnector.Source, of entity: Entity, _ window: LoadWindow) throws -> HTTPURL {
        var parameters = restParameters(entity.source["params"])
        if window.loadType == .delta, let name = entity.delta?.requestParameter, let from = window.from {
            parameters.append((name, from))
        }
        let start = base.text.hasSuffix("/") ? String(base.text.dropLast()) : base.text
        do {
            let url = try HTTPURL("\(start)/\(source.path.drop { $0 == "/" })")
            guard url.isSameOrigin(as: base) else {
                throw HTTPError(.invalidRequest, "the path leads to \(url.origin)")
            }
            return try url.adding(parameters)
        } catch let error as HTTPError {
            throw ConnectorError("entity '\(entity.id)': source.path '\(source.path)': \(error.message)")
        }
    }

    /// The request as it is noted in the manifest.
    func noted(_ url: HTTPURL) -> String {
        let query = [url.query, identity.queryParameter.map { "\($0)=‹secret›" }].compactMap(\.self)
        return mask.mask("GET \(url)" + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
    }

    /// Fetches a page, repeating what may pass; nil when the source answers that there is no content.
    /// - Throws: `ConnectorError`; `CancellationError` when the task was cancelled.
    func page(at url: HTTPURL, number: Int) async throws -> RestPage? {
        let started = ContinuousClock.now
        var generator = SystemRandomNumberGenerator()
        var attempt = 1
        while true {
            let left = retry.deadline - (ContinuousClock.now - started) / .seconds(1)
            let failure: RestFailure
            switch try await answer(at: url, within: attempt == 1 ? nil : .seconds(max(left, 0.1))) {
            case .success(let response):
                guard let found = RestFailure(response, page: number, identity.secretName, mask) else {
                    return response.status == 204 ? nil : RestPage(response)
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

    private func answer(at url: HTTPURL, within deadline: Duration?) async throws -> Result<HTTPResponse, HTTPError> {
        do {
            var request = HTTPRequest(url: url, limits: limits)
            if let deadline { request.limits.total = min(limits.total, deadline) }
            request.headers.append(HTTPHeader("Accept", "application/json"))
            request.headers.append(HTTPHeader("User-Agent", "medallion"))
            return .success(try await identity.send(request, over: client))
        } catch let error as HTTPError {
            return .failure(error)
        }
    }
}

/// `params` of a source, in the order in which they are written; a list repeats its name.
func restParameters(_ params: JSONValue?) -> [(name: String, value: String)] {
    (params?.objectValue ?? []).flatMap { member in
        (member.value.arrayValue ?? [member.value]).compactMap { value in
            switch value {
            case .string(let text), .number(let text): (member.name, text)
            case .bool(let truth): (member.name, truth ? "true" : "false")
            case .null, .array, .object: nil
            }
        }
    }
}
