internal import Primitives

/// Finds entries of one partition by their keys: open addressing over their places. Its memory serves one partition after
/// the other.
struct KeyTable {
    private var slots: [Int32] = []
    private var taken: [Bool] = []
    private var mask = 0

    /// Forgets all, and makes room for so many keys.
    mutating func empty(for count: Int) {
        var size = 16
        while size < count * 2 { size *= 2 }
        mask = size - 1
        slots.removeAll(keepingCapacity: true)
        slots.append(contentsOf: repeatElement(-1, count: size))
        taken.removeAll(keepingCapacity: true)
        taken.append(contentsOf: repeatElement(false, count: count))
    }

    /// Notes the entry at a place. Returns the place of the one with the same key that was noted before, and stays.
    mutating func note(_ place: Int, of entries: [KeyEntry]) -> Int? {
        let slot = slot(of: entries[place].key, in: entries)
        guard slots[slot] < 0 else { return Int(slots[slot]) }
        slots[slot] = Int32(place)
        return nil
    }

    /// The place of the key's entry, which counts as taken from now on.
    mutating func take(_ key: UUIDValue, of entries: [KeyEntry]) -> Int? {
        let place = Int(slots[slot(of: key, in: entries)])
        guard place >= 0 else { return nil }
        taken[place] = true
        return place
    }

    func isTaken(_ place: Int) -> Bool { taken[place] }

    /// The slot that has the key's place, or is free for it.
    private func slot(of key: UUIDValue, in entries: [KeyEntry]) -> Int {
        var slot = Int(truncatingIfNeeded: key.low) & mask
        while slots[slot] >= 0, entries[Int(slots[slot])].key != key { slot = (slot + 1) & mask }
        return slot
    }
}
