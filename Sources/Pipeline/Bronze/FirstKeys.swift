internal import Primitives

/// The first keys of a batch: where keys stand several times in it, some of these mostly do.
struct FirstKeys {
    /// So many are looked at.
    static let most = 10_000
    private var keys: Set<UInt64> = []
    /// True where one of them was seen again.
    private(set) var repeats = false

    /// Looks at the key of the next record.
    mutating func see(_ key: UUIDValue) {
        guard !repeats else { return }
        repeats = keys.count < Self.most ? !keys.insert(key.high).inserted : keys.contains(key.high)
    }
}
