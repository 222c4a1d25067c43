internal import Metadata
internal import Postgres
internal import Primitives

/// The last change of every key, as the server tells them: from their table, or from a log that has hardly more to read.
struct KnownKeys: Sendable {
    /// Most of a log that is short came at one instant, and then changes no key twice.
    private var first: KeyPartitions
    /// What came at other instants.
    private var others: KeyPartitions
    /// True where some are of a time when the entity had an effective time: then the last to come need not be the one that counts.
    private(set) var haveTimes = false

    /// Reads them; about `expected` of them.
    /// - Parameter condition: Of those in their table, only these.
    init(
        _ last: LastChanges.State, of table: BronzeTable, where condition: SQLText = "true", expecting expected: Int,
        on connection: PostgresConnection
    ) async throws {
        first = KeyPartitions(expecting: expected)
        others = KeyPartitions(expecting: expected)
        // With an effective time, a document of a time when the entity had none is another one; when a delete counts, the server
        // tells.
        let document: SQLText =
            table.entity.effectiveTimeColumn == nil
            ? "_doc_hash" : "CASE WHEN _effective_at IS NOT NULL AND NOT _is_deleted THEN _doc_hash END"
        // A delete is told by the file that it came from, 0 for one by absence: most rows have none to tell.
        var source: SQLText = """
            SELECT _key_hash, \(fragment: document), CASE WHEN _by_absence THEN 0 WHEN _is_deleted THEN 1 END, NULL::timestamptz
            FROM \(fragment: table.last) WHERE \(fragment: condition)
            """
        var instant: Instant?
        if last == .inLog {
            instant = try await connection.query("SELECT _run_timestamp FROM \(fragment: table.log) LIMIT 1").first?
                .get(0)
            source = """
                SELECT _key_hash, _doc_hash,
                    CASE WHEN _applies_at IS NOT NULL THEN -1 WHEN _change = 'delete' THEN _raw_file END,
                    nullif(_run_timestamp, \(literal: instant ?? .oldest))
                FROM \(fragment: table.log)
                """
        }
        try await connection.beginCopyOut("COPY (\(fragment: source)) TO STDOUT (FORMAT binary)")
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
                let other = rows.instant(3)
                if let instant = other ?? instant { mark |= LastChange.order(instant) }
                let entry = KeyEntry(key: key, document: document ?? .zero, mark: mark)
                if other == nil { try first.add(entry) } else { try others.add(entry) }
            }
        }
    }

    /// Puts the last change of each key of a partition in the place of what is there; marks are those of `LastChange`.
    func readLast(of partition: Int, into last: inout [KeyEntry]) throws {
        try first.read(partition, into: &last)
        guard others.count > 0 else { return }
        var newest = try others.entries(of: partition)
        var table = KeyTable()
        table.empty(for: newest.count)
        var count = 0
        for place in newest.indices {
            newest[count] = newest[place]
            if let known = table.note(count, of: newest) {
                if newest[count].mark >= newest[known].mark { newest[known] = newest[count] }
            } else {
                count += 1
            }
        }
        for place in last.indices {
            guard let change = table.take(last[place].key, of: newest) else { continue }
            if newest[change].mark > last[place].mark { last[place] = newest[change] }
        }
        for place in 0..<count where !table.isTaken(place) { last.append(newest[place]) }
    }
}
