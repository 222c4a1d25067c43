internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// What bronze sends to `CompanionMerge` besides its log, as long as silver would read the same from the log.
struct MergeFeed {
    private let merge: CompanionMerge?
    private let batch: Batch
    private let row: ChangeRow
    private let now: Instant
    private let isBinary: Bool
    private var rows = CopyBuffer()
    /// What was added before, oldest first.
    private var waiting: [CopyBuffer] = []
    /// More bytes of memory are not held by that.
    private let mostHeld: Int
    private var isGivenUp = false
    private var changes = 0
    private var opened = 0
    /// True where there are deletes that silver was not told to apply already.
    private var bringsDeletes = false

    /// Begins; feeds nobody where there is no `merge`, or it cannot take the batch.
    /// - Parameter changes: How many are expected at least.
    init(
        _ merge: CompanionMerge?, _ batch: Batch, of entity: Entity, expecting changes: Int, opensHistory: Bool,
        at now: Instant
    ) async throws {
        let isWorth = merge.map { changes >= $0.smallest } ?? false
        let begun = isWorth ? try await merge?.begin(batch, opensHistory: opensHistory, at: now) == true : false
        self.merge = begun ? merge : nil
        self.batch = batch
        self.now = now
        row = opensHistory ? .opening(HistoryRow(entity)) : .staged(of: entity)
        isBinary = entity.documentStorage == .jsonb
        // Of a first batch silver was done first, and one processor idle until the log was: its documents cost the server
        // more. Silver stays a little behind, so that both end together.
        mostHeld = opensHistory ? 6 << 20 : 0
    }

    /// Adds the change of the record that the reader read last.
    mutating func add(
        _ change: LogRow.Change, _ records: borrowing BatchReader, _ index: Int, key: UUIDValue,
        _ reader: inout DocumentReader
    ) {
        guard isFed else { return }
        guard change != .delete else { return addDelete(of: key) }
        // jsonb knows neither exponents nor a negative zero: the log may show the values in another notation.
        if isBinary, records.window.hasOddNumber(index) {
            return giveUp()
        }
        changes += 1
        opened += 1
        row.append(
            change.rawValue, &reader, key: key, file: records.fileNumber, record: records.firstRecord + index, to: &rows
        )
    }

    /// Adds the delete of a key.
    mutating func addDelete(of key: UUIDValue) {
        guard isFed else { return }
        changes += 1
        bringsDeletes = true
        row.appendDelete(of: key, to: &rows)
    }

    /// Nothing of it is to count: silver merges from the log.
    mutating func giveUp() { isGivenUp = true }

    /// True where somebody takes the rows.
    var isFed: Bool { merge != nil && !isGivenUp }

    /// Fewer deletes are not worth statements of their own.
    var fewestDeletes: Int { merge.map { $0.smallest == 0 ? 1 : 200 } ?? .max }

    /// True where rows should be sent although the log's buffer is not full.
    var needsFlush: Bool { rows.needsFlush }

    /// Sends what was added, or what has waited longest.
    mutating func send() async throws {
        let merge = try await current()
        guard rows.byteCount > 0 else { return }
        waiting.append(rows)
        var empty: CopyBuffer?
        while waiting.reduce(0, { $0 + $1.capacity }) > mostHeld {
            var oldest = waiting.removeFirst()
            try await merge?.put(oldest)
            oldest.clear()
            // One that grew far is not kept: nothing would be held any more.
            if oldest.capacity <= 2 << 20 { empty = oldest }
        }
        rows = empty ?? CopyBuffer(continues: true)
    }

    /// Nothing but deletes was added: silver applies them, while other changes are read.
    mutating func applyDeletes() async throws {
        guard isFed, let merge else { return }
        rows.finish()
        try await send()
        rows = CopyBuffer()
        bringsDeletes = false
        await merge.applyDeletes(batch, count: changes, at: now)
    }

    /// The last change was added: silver does its part, while bronze goes on with its own and commits.
    func ended() async throws {
        var last = rows
        last.finish()
        let merge = try await current()
        for rows in waiting + [last] { try await merge?.put(rows) }
        await merge?.end(
            batch, changes: changes, opened: opened, bringsDeletes: bringsDeletes, at: now)
    }

    private func current() async throws -> CompanionMerge? {
        guard isGivenUp else { return merge }
        await merge?.abandon()
        return nil
    }
}
