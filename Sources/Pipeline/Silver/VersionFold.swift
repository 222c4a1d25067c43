internal import Primitives

/// Folds one key's changes, oldest first, into versions: the rules of history in one place, without SQL.
///
/// Changes come in the order in which they count: by the instant from which they apply, then `order_by`, then arrival.
/// Whatever the order in which they arrived, the same changes give the same versions.
struct VersionFold {
    /// One change of the key.
    struct Event {
        var isDelete: Bool
        /// From when it counts.
        var position: Instant
        /// The batch that brought it.
        var run: RunIdentity
        /// It belongs to the batch at hand, so its effect is counted.
        var isCounted: Bool
        /// It was older than what was known when it came.
        var isLate: Bool
        /// For the one reject of silver.
        var place: Place
        /// Its values; empty for a delete.
        var row: TypedRow
        var overwritten = UUIDValue.zero
        var versioned = UUIDValue.zero
        /// Of the columns that never change; nil where the batch lacked one of them.
        var fixed: UUIDValue?
    }

    /// Where a record was landed: its raw file within the batch, and its number there.
    struct Place {
        var file: Int
        var record: Int
    }

    /// One version of the key.
    struct Version {
        var from: Instant
        var to: Instant?
        var isDeleted = false
        /// The change that opened it: its values count, but for the columns that are overwritten.
        var opening: Event
        /// The last change within it: its overwritten columns count.
        var latest: Event
    }

    /// What the counted changes came to.
    struct Effects {
        var counts = RowCounts()
        /// Changes of a fixed column, left out.
        var rejected: [Place] = []
        /// Changes that came late and are left out by metadata.
        var leftOut: [Place] = []
    }

    /// False where the key's state before its first change is not known here: SQL then counts that one.
    let countsFirst: Bool
    /// True where changes that came late are left out.
    let leavesOutLate: Bool
    private(set) var effects = Effects()
    private var open: Version?
    private var end: Instant?
    /// What waits for another change of the same place in time: an upsert and a delete at most, in their order.
    private var pending: [Event] = []
    private var isFirst = true
    /// A delete in front of all versions of the key: where the row that the table holds has to end.
    private(set) var headDelete: Instant?

    init(countsFirst: Bool, leavesOutLate: Bool) {
        self.countsFirst = countsFirst
        self.leavesOutLate = leavesOutLate
    }

    /// Begins the next key.
    private mutating func begin() {
        open = nil
        end = nil
        pending.removeAll(keepingCapacity: true)
        isFirst = true
        headDelete = nil
    }

    /// The values that count now: what a column that a batch lacked keeps. nil where the key is deleted.
    var values: TypedRow? {
        guard let last = pending.last else { return open?.latest.row }
        return last.isDelete ? nil : last.row
    }

    /// Takes the next change; versions that it ends go to `emit`.
    mutating func add(_ event: Event, _ emit: (Version) throws -> Void) rethrows {
        if event.isLate, leavesOutLate {
            if event.isCounted {
                effects.counts.late += 1
                effects.leftOut.append(event.place)
            }
            return
        }
        if let first = pending.first, first.position != event.position { try applyPending(emit) }
        guard let index = pending.firstIndex(where: { $0.isDelete == event.isDelete }) else {
            return pending.append(event)
        }
        // The same place in time: of two upserts and of two deletes the later one counts.
        let earlier = pending[index]
        let isLast = index == pending.count - 1
        if isLast, earlier.overwritten == event.overwritten, earlier.versioned == event.versioned {
            // Said once more: the row stays as the earlier one made it.
            guard event.isCounted else { return }
            if event.isLate { effects.counts.late += 1 } else { effects.counts.unchanged += 1 }
            return
        }
        pending.remove(at: index)
        if earlier.isCounted {
            if earlier.isLate { effects.counts.late += 1 } else { effects.counts.unchanged += 1 }
        }
        var event = event
        // One that comes behind its opposite undoes that, and counts as what it does.
        if isLast, event.isCounted {
            if event.isLate { effects.counts.late += 1 } else { effects.counts.updated += 1 }
            event.isCounted = false
        }
        pending.append(event)
    }

    /// Leaves out a change of a column that never changes.
    mutating func reject(_ event: Event) {
        guard event.isCounted else { return }
        effects.counts.rejected += 1
        effects.rejected.append(event.place)
    }

    private mutating func applyPending(_ emit: (Version) throws -> Void) rethrows {
        let events = pending
        pending.removeAll(keepingCapacity: true)
        for event in events { try apply(event, emit) }
    }

    /// Ends the key: its last version goes to `emit`.
    /// - Returns: The instant of a delete in front of all versions, where the row that the table holds has to end.
    mutating func finish(_ emit: (Version) throws -> Void) rethrows -> Instant? {
        try applyPending(emit)
        if let open { try emit(open) }
        let head = headDelete
        begin()
        return head
    }

    private mutating func apply(_ event: Event, _ emit: (Version) throws -> Void) rethrows {
        let counts = event.isCounted && (countsFirst || !isFirst)
        if event.isLate, event.isCounted { effects.counts.late += 1 }
        func count(_ counter: WritableKeyPath<RowCounts, Int>) {
            if counts, !event.isLate { effects.counts[keyPath: counter] += 1 }
        }
        defer { isFirst = false }
        guard !event.isDelete else {
            guard var closing = open else {
                count(\.unchanged)
                if isFirst { (headDelete, end) = (event.position, event.position) }
                return
            }
            count(\.deleted)
            closing.to = max(event.position, closing.from.advanced(byMicroseconds: 1))
            closing.isDeleted = true
            end = closing.to
            open = nil
            return try emit(closing)
        }
        guard var current = open else {
            count(\.inserted)
            open = Version(from: max(event.position, end ?? event.position), opening: event, latest: event)
            return
        }
        if current.latest.versioned == event.versioned {
            count(current.latest.overwritten == event.overwritten ? \.unchanged : \.updated)
            current.latest = event
            open = current
            return
        }
        count(\.updated)
        guard event.position > current.from else {
            // The row could begin only where the one before it ended: what came there is corrected in place.
            current.opening = event
            current.latest = event
            open = current
            return
        }
        current.to = event.position
        end = event.position
        try emit(current)
        open = Version(from: event.position, opening: event, latest: event)
    }
}
