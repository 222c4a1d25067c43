internal import Postgres
internal import Primitives

/// The last change of every key, as the server tells them: from their table, or from a log that has hardly more to read.
struct KnownKeys: Sendable {
    private var entries: KeyPartitions
    /// When the changes came.
    private var instant: Instant?
    /// True where some are of a time when the entity had an effective time: then the last to come need not be the one that counts.
    private(set) var haveTimes = false
    /// True where they came at different times: a key may then have several.
    private var hasSeveral = false

    /// Reads them; about `expected` of them.
    init(_ last: LastChanges.State, of table: BronzeTable, expecting expected: Int, on connection: PostgresConnection)
        async throws
    {
        entries = try KeyPartitions(expecting: expected)
        // A delete is told by the file that it came from, 0 for one by absence: most rows have none to tell.
        let inLog: SQLText = """
            SELECT _key_hash, _doc_hash,
                CASE WHEN _applies_at IS NOT NULL THEN -1 WHEN _change = 'delete' THEN _raw_file END, _run_timestamp
            FROM \(fragment: table.log)
            """
        let kept: SQLText = """
            SELECT _key_hash, _doc_hash, CASE WHEN _by_absence THEN 0 WHEN _is_deleted THEN 1 END
            FROM \(fragment: table.last)
            """
        try await connection.beginCopyOut("COPY (\(fragment: last == .inLog ? inLog : kept)) TO STDOUT (FORMAT binary)")
        while let chunk = try await connection.nextCopyChunk() {
            var rows = BinaryRowReader(chunk)
            while rows.next() {
                guard let key = rows.uuid(0) else { continue }
                let document = rows.uuid(1)
                var mark: UInt64 = document == nil ? 0 : LastChange.hasDocument
                if let file = rows.int64(2) {
                    mark |= file == 0 ? LastChange.deletedByAbsence : LastChange.isDeleted
                    if file < 0 { haveTimes = true }
                }
                if last == .inLog, let instant = rows.instant(3) {
                    mark |= LastChange.order(instant)
                    if instant != self.instant { note(instant) }
                }
                try entries.add(KeyEntry(key: key, document: document ?? .zero, mark: mark))
            }
        }
    }

    private mutating func note(_ instant: Instant) {
        hasSeveral = self.instant != nil
        self.instant = instant
    }

    /// The last change of each key of a partition; marks are those of `LastChange`.
    func last(of partition: Int) throws -> [KeyEntry] {
        // A batch without duplicates changes each key once.
        guard hasSeveral else { return try entries.entries(of: partition) }
        let changes = try entries.sortedEntries(of: partition)
        var last: [KeyEntry] = []
        last.reserveCapacity(changes.count)
        for change in changes {
            guard let known = last.last, known.key == change.key else {
                last.append(change)
                continue
            }
            if known.mark < change.mark { last[last.count - 1] = change }
        }
        return last
    }
}
