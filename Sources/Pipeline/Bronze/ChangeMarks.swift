/// One bit per record of a batch for "becomes a change", one for "restores its key": 2.5 MB for ten million.
struct ChangeMarks {
    private var changed: [UInt64]
    private var restored: [UInt64]
    /// Records that become changes.
    private(set) var count = 0

    init(records: Int) {
        changed = Array(repeating: 0, count: records / 64 + 1)
        restored = Array(repeating: 0, count: records / 64 + 1)
    }

    mutating func mark(_ ordinal: Int, isRestore: Bool) {
        changed[ordinal / 64] |= 1 << UInt64(ordinal % 64)
        if isRestore { restored[ordinal / 64] |= 1 << UInt64(ordinal % 64) }
        count += 1
    }

    func isChanged(_ ordinal: Int) -> Bool { changed[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1 }

    func isRestored(_ ordinal: Int) -> Bool { restored[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1 }
}
