/// One bit per record of a batch for "is marked", and, where it is needed, one for "restores its key": 1.25 MB each for ten
/// million.
struct ChangeMarks {
    private let words: Int
    private var changed: [UInt64]
    private var restored: [UInt64] = []
    /// Marked records.
    private(set) var count = 0

    init(records: Int) {
        words = records / 64 + 1
        changed = Array(repeating: 0, count: words)
    }

    mutating func mark(_ ordinal: Int, isRestore: Bool) {
        changed[ordinal / 64] |= 1 << UInt64(ordinal % 64)
        count += 1
        guard isRestore else { return }
        if restored.isEmpty { restored = Array(repeating: 0, count: words) }
        restored[ordinal / 64] |= 1 << UInt64(ordinal % 64)
    }

    /// Adds the marks of other records of the same batch.
    mutating func add(_ others: ChangeMarks) {
        for word in 0..<words { changed[word] |= others.changed[word] }
        count += others.count
        guard !others.restored.isEmpty else { return }
        if restored.isEmpty {
            restored = others.restored
        } else {
            for word in 0..<words { restored[word] |= others.restored[word] }
        }
    }

    func isChanged(_ ordinal: Int) -> Bool { changed[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1 }

    func isRestored(_ ordinal: Int) -> Bool {
        !restored.isEmpty && restored[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1
    }
}
