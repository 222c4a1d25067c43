import ConnectorKit

/// The secrets that one system's requests use, those included that its servers give us.
///
/// Each is registered with the process's mask before it is first sent, so that no error text is made without it.
struct RestSecrets: Sendable {
    private let store: any SecretStore
    private let known: KnownSecrets

    init(_ store: any SecretStore) {
        self.store = store
        known = store.known
    }

    /// The mask over all that is known by now.
    var mask: SecretMask { known.mask }

    /// The text with every known secret replaced.
    func mask(_ text: String) -> String { known.mask(text) }

    /// Looks up a secret and masks it from now on.
    /// - Throws: `ConnectorError` of kind auth, naming the secret and how to set it.
    func resolve(_ reference: SecretReference) throws -> Secret {
        register(try store.secret(named: reference.secret))
    }

    /// The text itself, or the secret behind it.
    func resolve(_ value: TextOrSecret) throws -> Secret {
        switch value {
        case .text(let text): Secret(text)
        case .secret(let reference): try resolve(reference)
        }
    }

    /// Masks a secret from now on: one that was derived from others, or that a server gave us.
    @discardableResult
    func register(_ secret: Secret) -> Secret {
        known.register(secret)
        return secret
    }

    /// Keeps a new value of a secret beyond this run; false where the store cannot.
    func replace(_ reference: SecretReference, by value: Secret) async throws -> Bool {
        guard let store = store as? any WritableSecretStore else { return false }
        return try await store.replace(value, named: reference.secret)
    }
}

extension RestSecrets: CustomReflectable {
    /// Shows no children, so that `dump` prints no secret.
    var customMirror: Mirror { Mirror(self, children: []) }
}
