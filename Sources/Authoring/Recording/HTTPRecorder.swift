import ConnectorKit
import HTTPTransport
import Synchronization

extension HTTPRecording.Exchange {
    init(_ request: HTTPRequest, _ answer: HTTPResponse) {
        func lines(_ headers: HTTPHeaders) -> [[String]] { headers.lines.map { [$0.name, $0.value] } }
        self.init(
            method: request.method, url: request.url.text, requestHeaders: lines(request.headers),
            requestBody: request.body, status: answer.status, headers: lines(answer.headers), body: answer.body)
    }

    /// The recorded answer, as if it came from where it was asked for.
    func response(to request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: HTTPHeaders(headers.map { HTTPHeader($0[0], $0[1]) }), body: body,
            effectiveURL: request.url)
    }
}

/// Lets requests pass and keeps them with their answers, in memory.
final class HTTPRecorder: HTTPExchange {
    private let kept = Mutex<[HTTPRecording.Exchange]>([])

    /// What went over the network so far.
    var exchanges: [HTTPRecording.Exchange] { kept.withLock(\.self) }

    func answer(
        to request: HTTPRequest, transmit: @Sendable (HTTPRequest) async throws(HTTPError) -> HTTPResponse
    ) async throws(HTTPError) -> HTTPResponse {
        let answer = try await transmit(request)
        kept.withLock { $0.append(HTTPRecording.Exchange(request, answer)) }
        return answer
    }
}

/// Answers from a recording; nothing reaches the network.
///
/// A request is known by method, URL and body without secrets. Equal requests get their answers in the recorded order,
/// the last one again and again.
final class HTTPReplay: HTTPExchange {
    private let recorded: [HTTPRecording.Exchange]
    private let known: KnownSecrets
    private let used = Mutex<Set<Int>>([])

    init(_ recording: HTTPRecording, known: KnownSecrets) {
        recorded = recording.exchanges
        self.known = known
    }

    /// Recorded requests that nobody asked for.
    var unused: [String] {
        let used = used.withLock(\.self)
        return recorded.indices.filter { !used.contains($0) }.map { "\(recorded[$0].method) \(recorded[$0].url)" }
    }

    func answer(
        to request: HTTPRequest, transmit: @Sendable (HTTPRequest) async throws(HTTPError) -> HTTPResponse
    ) async throws(HTTPError) -> HTTPResponse {
        let cover = SecretCover(mask: known.mask)
        let asked = HTTPRecording.Exchange(
            request, HTTPResponse(status: 0, headers: [], body: [], effectiveURL: request.url))
        let wanted = cover.identity(of: asked)
        let equal = recorded.indices.filter { cover.identity(of: recorded[$0]) == wanted }
        let place = used.withLock { used in
            let place = equal.first { !used.contains($0) } ?? equal.last
            if let place { used.insert(place) }
            return place
        }
        guard let place else {
            throw HTTPError(.invalidRequest, "not recorded: \(wanted[0]) \(wanted[1])\(nearest(to: wanted, cover))")
        }
        return recorded[place].response(to: request)
    }

    /// The recorded request that has the most in common with one that is not recorded.
    private func nearest(to wanted: [String], _ cover: SecretCover) -> String {
        let found = recorded.map(cover.identity).max { likeness($0, wanted) < likeness($1, wanted) }
        guard let found else { return "; nothing is" }
        let isSameURL = found[0] == wanted[0] && found[1] == wanted[1]
        return "; the nearest that is: \(found[0]) \(found[1])\(isSameURL ? " with another body" : "")"
    }

    private func likeness(_ left: [String], _ right: [String]) -> Int {
        zip(left, right).reduce(0) { sum, pair in
            sum + zip(pair.0.utf8, pair.1.utf8).prefix { $0 == $1 }.count + (pair.0 == pair.1 ? 8 : 0)
        }
    }
}

/// Secrets for a replay: those that lie at hand, and for all others a text that says what it is.
final class ReplaySecrets: SecretStore {
    private let store: any SecretStore
    var known: KnownSecrets { store.known }

    init(_ store: any SecretStore) { self.store = store }

    /// Fetches nothing: a replay goes nowhere.
    func prepare(_ names: Set<String>) async throws {}

    func secret(named name: String) throws -> Secret {
        do { return try store.secret(named: name) } catch is ConnectorError {
            let secret = Secret("recorded-secret-\(name)")
            known.register(secret)
            return secret
        }
    }
}
