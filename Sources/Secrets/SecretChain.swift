public import ConnectorKit
public import Primitives
internal import Synchronization

/// The secrets of a project: providers in order, each answer kept for the life of the process.
public final class SecretChain: WritableSecretStore {
    /// A secret and the provider that answered.
    public struct Answer: Sendable {
        /// The secret.
        public var secret: Secret
        /// The provider's title.
        public var provider: String
    }

    /// What was handed out.
    public let known: KnownSecrets
    /// In the order in which they are asked.
    public let providers: [any SecretProvider]
    private let clock: any WallClock
    private let answers = Mutex<[String: Result<Answer, ConnectorError>]>([:])

    /// A chain of providers that registers what it learns.
    public init(_ providers: [any SecretProvider], known: KnownSecrets, clock: any WallClock) {
        self.providers = providers
        self.clock = clock
        self.known = known
    }

    /// Asks for each name that has no answer yet.
    /// - Throws: `CancellationError` only; failures wait for whoever asks for the name.
    public func prepare(_ names: Set<String>) async throws {
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if case .success = answers.withLock({ $0[name] }) { continue }
            let answer = try await ask(name)
            answers.withLock { $0[name] = answer }
        }
    }

    /// The secret; local providers answer without preparation.
    /// - Throws: `ConnectorError` of kind auth, naming the secret and how to set it.
    public func secret(named name: String) throws -> Secret {
        if let answer = answers.withLock({ $0[name] }) { return try answer.get().secret }
        try Self.check(name)
        for provider in providers {
            guard let local = provider as? any LocalSecretProvider else {
                throw ConnectorError(
                    "the secret '\(name)' was not fetched before the system's connector was made", kind: .auth,
                    hint: "name it as {\"secret\": \"\(name)\"} in the system's connection or the entity's source")
            }
            guard let secret = try local.localValue(of: name) else { continue }
            known.register(secret)
            answers.withLock { $0[name] = .success(Answer(secret: secret, provider: provider.title)) }
            return secret
        }
        throw missing(name)
    }

    /// The secret with the provider that answers, asked for anew unless it is known.
    /// - Throws: `ConnectorError`; `CancellationError`.
    public func answer(for name: String) async throws -> Answer {
        try await prepare([name])
        guard let answer = answers.withLock({ $0[name] }) else { throw missing(name) }
        return try answer.get()
    }

    /// Keeps a new value where the old one comes from; false where that is not the encrypted store, which alone can.
    /// - Throws: `ConnectorError`, `CancellationError`.
    public func replace(_ value: Secret, named name: String) async throws -> Bool {
        known.register(value)
        for provider in providers {
            guard try await provider.value(of: name) != nil else { continue }
            guard let stored = provider as? StoredSecrets else { return false }
            do { try stored.store.set(name, to: value, at: clock.now()) } catch let error as DurableFileError {
                throw ConnectorError("the secret '\(name)' cannot be kept: \(error)", kind: .auth)
            }
            answers.withLock { $0[name] = .success(Answer(secret: value, provider: provider.title)) }
            return true
        }
        throw missing(name)
    }

    private func ask(_ name: String) async throws -> Result<Answer, ConnectorError> {
        do {
            try Self.check(name)
            for provider in providers {
                try Task.checkCancellation()
                guard let secret = try await provider.value(of: name) else { continue }
                known.register(secret)
                return .success(Answer(secret: secret, provider: provider.title))
            }
            return .failure(missing(name))
        } catch let error as ConnectorError {
            return .failure(error)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .failure(ConnectorError("the secret '\(name)': \(error)", kind: .auth))
        }
    }

    private func missing(_ name: String) -> ConnectorError {
        ConnectorError(
            "the secret '\(name)' is not set", kind: .auth,
            hint: providers.map { $0.remedy(for: name) }.joined(separator: ", or "))
    }

    /// A name becomes part of a file's name, a URL and an argument.
    /// - Throws: `ConnectorError` of kind auth.
    public static func check(_ name: String) throws {
        let isLegal = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "_-.".utf8.contains(byte)
            }
        }
        guard isLegal, (1...128).contains(name.utf8.count), !name.hasPrefix("-"), !name.hasPrefix(".") else {
            throw ConnectorError(
                "'\(name)' is no name of a secret", kind: .auth,
                hint: "use letters, digits, '_', '-' and '.', at most 128, a letter or digit first")
        }
    }
}
