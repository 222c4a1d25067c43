internal import Synchronization

/// Every secret that this process has learned, so that no text that leaves it shows one.
///
/// One for the whole process: the store registers what it hands out, a connector what it derives (an access token).
public final class KnownSecrets: Sendable {
    private struct State {
        var values: Set<[UInt8]> = []
        var mask = SecretMask(values: [])
    }

    private let state = Mutex(State())

    /// No secret yet.
    public init() {}

    /// Learns a secret; of one of several lines each line too, as in a key file that is quoted by the line.
    public func register(_ secret: Secret) {
        let lines = secret.reveal().split(whereSeparator: \.isNewline).map(String.init)
        let found = ([secret.reveal()] + lines).map { Array($0.utf8) }
        state.withLock { state in
            let fresh = found.filter { $0.count >= SecretMask.minimumLength && !state.values.contains($0) }
            guard !fresh.isEmpty else { return }
            state.values.formUnion(fresh)
            state.mask = SecretMask(values: state.values.map { Secret(String(decoding: $0, as: UTF8.self)) })
        }
    }

    /// The mask of everything learned until now.
    public var mask: SecretMask { state.withLock(\.mask) }

    /// The text with every spelling of every secret replaced.
    public func mask(_ text: String) -> String { mask.mask(text) }
}
