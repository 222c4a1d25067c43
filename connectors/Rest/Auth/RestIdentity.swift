import ConnectorKit
import HTTPTransport
import JSON
import Logging
import Primitives

/// What proves who we are to one system, for all its entities: it sends their requests as us.
///
/// A proof that has to be asked for (an access token, a session) is asked for once, however many requests wait for it,
/// and held until shortly before it expires. Where the source refuses it, it is renewed once and the request repeated
/// once. It stays in memory and is masked in every text.
actor RestIdentity {
    /// A proof, and which one it is.
    private struct Held {
        var proof: RestProof
        var until: Instant?
    }

    /// A request for a proof that is under way.
    private struct Renewal {
        var number: Int
        var task: Task<Void, any Error>
        var waiting: Int
    }

    /// Every secret in use.
    nonisolated let known: RestSecrets
    /// The secrets of `auth`, for the error that the source refuses them.
    nonisolated let secretName: String?
    /// `headers` of the connection, for requests to its own host.
    nonisolated let headers: [HTTPHeader]
    private nonisolated let base: HTTPURL
    private nonisolated let source: RestProofSource
    private nonisolated let requests: ProofRequests
    private let clock: any WallClock
    private var held: Held?
    /// Counts proofs, so that a refusal of an older one costs no renewal.
    private var generation = 0
    /// True after a renewal that a refusal asked for, until the source accepts a request.
    private var isUnproven = false
    private var renewal: Renewal?
    private var renewals = 0
    private var newestRefreshToken: Secret?
    /// Credentials that were refused are not sent again by this run: too many attempts lock accounts.
    private var refusal: ConnectorError?

    /// The identity that `connection` describes; its secrets are looked up here, once.
    init(
        _ configuration: RestConnector.Configuration, written: JSONValue, base: HTTPURL, known: RestSecrets,
        requests: ProofRequests, clock: any WallClock = SystemClock()
    ) throws {
        self.known = known
        self.base = base
        self.requests = requests
        self.clock = clock
        headers = try configuredHeaders(configuration.headers, known)
        source = try RestProofSource(
            configuration.auth, written: written["auth"], base: base, headers: headers, known: known)
        let names = source.secretNames
        secretName = names.isEmpty ? nil : names.joined(separator: "', '")
    }

    /// The name of the query parameter that carries the proof, if there is one.
    nonisolated var queryParameter: String? {
        source.placement.flatMap { $0.place == .query ? $0.name : nil }
    }

    /// Requests that wait for the proof which is being asked for.
    var nrWaiting: Int { renewal?.waiting ?? 0 }

    /// Sends a request as us; where the source refuses a proof that can be renewed, once more with a new one.
    /// - Parameter isRefusal: What the metadata say of an answer; nil leaves it to its status.
    /// - Throws: `HTTPError` without an answer; `ConnectorError` where there is no proof, or also a new one is refused.
    nonisolated func send(
        _ request: HTTPRequest, over client: HTTPClient, isRefusal: (HTTPResponse) -> Bool? = { _ in nil }
    ) async throws -> HTTPResponse {
        var authorized = request
        var number = try await authorize(&authorized)
        var response = try await client.send(authorized)
        guard isRefusal(response) ?? source.renewsOn(response.status) else {
            await accept(number)
            return response
        }
        guard try await refuse(number) else { throw refused(request, response) }
        authorized = request
        number = try await authorize(&authorized)
        response = try await client.send(authorized)
        guard !(isRefusal(response) ?? source.renewsOn(response.status)) else { throw refused(request, response) }
        await accept(number)
        return response
    }

    /// Adds what proves who we are, asking for it first where there is none that holds.
    /// - Returns: The number of the proof, for `accept` and `refuse`.
    func authorize(_ request: inout HTTPRequest) async throws -> Int {
        guard request.url.isSameOrigin(as: base) else {
            throw ConnectorError(
                "\(request.description): credentials go to \(base.origin) only",
                hint: "set connection.base_url to the address that serves every request")
        }
        switch source {
        case .fixed(let proof, _): try proof?.add(to: &request)
        case .aws(let signer): signer.sign(&request)
        case .oauth2, .session, .jwt: try await proof().add(to: &request)
        }
        return generation
    }

    /// Notes that the source took a proof.
    func accept(_ number: Int) {
        if number == generation { isUnproven = false }
    }

    /// Renews a proof that the source refused; false where a new one would not help.
    func refuse(_ number: Int) async throws -> Bool {
        guard source.canRenew else { return false }
        if number < generation { return true }
        guard !isUnproven else { return false }
        try await renew(afterRefusal: true)
        return true
    }

    /// Gives the proof back, where the metadata say how. Never fails: the server forgets it in its own time, too.
    func close() async {
        guard case .session(let session) = source, let proof = held?.proof else { return }
        held = nil
        var requests = self.requests
        requests.retry.attempts = 1
        let (once, logger) = (requests, self.requests.logger)
        // A task of its own, because a cancelled run logs out as well.
        await Task {
            do {
                try await session.release(proof, once)
            } catch {
                logger.warning("the logout failed", metadata: ["error": "\(error)"])
            }
        }.value
    }

    private func proof() async throws -> RestProof {
        if let held, held.until.map({ clock.now() < $0 }) ?? true { return held.proof }
        try await renew(afterRefusal: false)
        guard let held else { preconditionFailure("a renewal that succeeds leaves a proof behind") }
        return held.proof
    }

    // MARK: One renewal for all

    private func renew(afterRefusal: Bool) async throws {
        try Task.checkCancellation()
        if let refusal { throw refusal }
        if renewal?.task.isCancelled ?? true {
            renewals += 1
            let number = renewals
            let task = Task { try await obtain(number, afterRefusal: afterRefusal) }
            renewal = Renewal(number: number, task: task, waiting: 0)
        }
        guard let running = renewal else { return }
        renewal?.waiting += 1
        let outcome = await withTaskCancellationHandler {
            await running.task.result
        } onCancel: {
            Task { await leave(running.number) }
        }
        try Task.checkCancellation()
        try outcome.get()
    }

    /// The last one who leaves ends the request: nobody needs its answer, unless it may replace a refresh token, which
    /// the server then knows and nobody else.
    private func leave(_ number: Int) {
        guard renewal?.number == number else { return }
        if case .oauth2(let grant) = source, grant.refreshReference != nil { return }
        renewal?.waiting -= 1
        if renewal?.waiting == 0 { renewal?.task.cancel() }
    }

    private func obtain(_ number: Int, afterRefusal: Bool) async throws {
        defer { if renewal?.number == number { renewal = nil } }
        do {
            guard let new = try await source.obtain(refreshToken: newestRefreshToken, at: clock.now(), requests) else {
                return
            }
            held = Held(proof: new.proof, until: new.lifetime.map(expiry))
            generation += 1
            isUnproven = afterRefusal
            if let token = new.refreshToken { await keep(token) }
        } catch let error as ConnectorError {
            if error.kind == .auth, !error.isTransient { refusal = error }
            throw error
        }
    }

    /// Some seconds early, so that no proof expires on its way.
    private func expiry(of lifetime: Double) -> Instant {
        let usable = max(0, lifetime - min(30, lifetime / 2))
        return clock.now().advanced(byMicroseconds: Int64(min(usable, 1e9) * 1_000_000))
    }

    /// A server that rotates refresh tokens takes each of them once; what it gave instead must not be lost.
    private func keep(_ token: Secret) async {
        guard case .oauth2(let grant) = source, let reference = grant.refreshReference else { return }
        let isNew = !token.reveal().utf8.elementsEqual(
            (newestRefreshToken ?? grant.initialRefreshToken)?.reveal().utf8 ?? "".utf8)
        guard isNew else { return }
        newestRefreshToken = token
        var reason = "it cannot be written to"
        do {
            if try await known.replace(reference, by: token) { return }
        } catch {
            reason = known.mask("\(error)")
        }
        // The run can go on: it has the token in memory.
        requests.logger.warning(
            "the server replaced the refresh token and the secret store cannot keep it: the next run may need a new one",
            metadata: ["secret": "\(reference.secret)", "error": "\(reason)"])
    }

    private nonisolated func refused(_ request: HTTPRequest, _ response: HTTPResponse) -> ConnectorError {
        let says = response.headers["WWW-Authenticate"].map { ": \(ServerWords.line($0, known))" }
        let names = secretName.map { " (secret '\($0)')" } ?? ""
        return ConnectorError(
            known.mask(
                "\(request.description): the source refused \(source.noun) with \(response.status)"
                    + "\(source.canRenew ? ", a new one as well" : "")\(says ?? "")\(names)"), kind: .auth,
            hint: "check what it allows this client or user: scope, audience, rights")
    }
}

extension RestIdentity: CustomReflectable {
    /// Shows no children, so that `dump` prints no secret.
    nonisolated var customMirror: Mirror { Mirror(self, children: []) }
}
