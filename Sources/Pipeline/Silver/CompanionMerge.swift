internal import Metadata
internal import Postgres
internal import Primitives

/// The merge of a batch, prepared while bronze writes its log: the typed changes go to silver on a connection of their own,
/// in silver's own transaction, which commits behind bronze's or not at all.
///
/// So one reading feeds two layers, each durable and audited on its own. What bronze cannot promise (a batch that is
/// blocked, a value that the log would show in another notation) ends it, and silver merges from the log as ever. Only
/// silver's step may bring it to an end that counts.
actor CompanionMerge {
    private nonisolated let table: SilverTable
    private nonisolated let pool: PostgresPool
    /// Fewer changes are not worth a connection.
    nonisolated let smallest: Int
    private var connection: PostgresConnection?
    private var opensHistory = false
    /// The deletes that are applied, while other changes come.
    private var deletes: Deletes?
    /// Rows that deletes ended before any other change was staged.
    private var deleted = 0

    private struct Deletes {
        let work: Task<Int?, Never>
        var isDone = false
        /// What came meanwhile.
        var waiting = ByteSpool()
    }

    /// So many bytes may wait.
    private static let mostWaiting = 64 << 20

    /// What silver does with a batch once it has all of it; nil comes of it where the long way has to be gone.
    private var ending: (run: UUIDValue, work: Task<RowCounts?, Never>)?

    /// A merge into the entity's history that nothing has been done for yet.
    init(
        _ entity: Entity, of system: SourceSystem, on pool: PostgresPool, _ shortcuts: Shortcuts
    ) {
        smallest = shortcuts == .always ? 0 : 2_000
        table = SilverTable(entity, schema: system.schemas.silver)
        self.pool = pool
    }

    /// A batch is about to come that may be worth it: a connection is opened meanwhile.
    nonisolated func expect(records: Int, opensHistory: Bool = false) async {
        if canMerge(opensHistory: opensHistory), records >= smallest { await pool.connectAhead() }
    }

    /// False where silver goes from the log as ever: changes are folded there, but for those that a key begins with, and a
    /// check that reads other tables could wait for one whose own check waits for this.
    private nonisolated func canMerge(opensHistory: Bool) -> Bool {
        (opensHistory || !table.folds) && !table.entity.checks.contains { $0.readsOtherTables }
    }

    /// Begins for a batch, `opensHistory` for the first one; false where it goes from the log as ever.
    func begin(_ batch: Batch, opensHistory: Bool, at now: Instant) async throws -> Bool {
        await abandon()
        guard canMerge(opensHistory: opensHistory) else { return false }
        self.opensHistory = opensHistory
        return try await attempt { [table] connection in
            try await connection.begin()
            try await connection.execute("SET LOCAL lock_timeout = '2s'")
            if opensHistory {
                for statement in table.openForFirstRows(of: batch, at: now) {
                    try await connection.execute(statement)
                }
                guard try await connection.query("SELECT 1 FROM \(fragment: table.history) LIMIT 1").isEmpty else {
                    return false
                }
                try await EmptyTable.clear(table.history, on: connection)
                try await connection.beginCopyIn(HistoryRow.copy(into: table))
                return true
            }
            // What silver has not merged yet comes first.
            let waiting = try await BatchLedger.batches(of: table.entity.id, in: ["normalized"], on: connection)
            guard waiting.isEmpty else { return false }
            try await EmptyTable.make(table.stage, on: connection)
            try await connection.beginCopyIn(table.copyToStage)
            return true
        }
    }

    private func attempt(_ body: (PostgresConnection) async throws -> Bool) async throws -> Bool {
        do {
            let connection = try await pool.detached(applicationName: "\(pool.applicationName) companion merge")
            self.connection = connection
            if try await body(connection) { return true }
        } catch is PostgresError {
            // No connection to spare, or somebody holds the table: the long way needs neither.
        }
        await abandon()
        return false
    }

    /// Takes rows of `ChangeRow`.
    func put(_ rows: CopyBuffer) async throws {
        guard let connection else { return }
        do {
            if isKept(rows) { return }
            try await release(to: connection)
            try await connection.putCopyData(rows)
        } catch let error where error is PostgresError || error is StepError {
            // The long way will meet the same fault, and tell it.
            await abandon()
        }
    }

    /// Has the rows wait, where the server is busy with deletes; false where they are to be sent.
    private func isKept(_ rows: CopyBuffer) -> Bool {
        guard deletes?.isDone == false, let held = deletes?.waiting.byteCount, held < Self.mostWaiting else {
            return false
        }
        var rows = rows
        // Where the disk of temporary files is full, they are sent behind the deletes.
        do { try deletes?.waiting.append(rows.takeBytes()) } catch { return false }
        return true
    }

    /// All that was put are deletes, and no other ones are likely: applies them, while what else changed is read.
    func applyDeletes(_ batch: Batch, count: Int, at now: Instant) {
        guard let connection else { return }
        let work = Task { [table] () -> Int? in
            defer { deletes?.isDone = true }
            do {
                try await connection.endCopyIn()
                let merge = StagedMerge(table: table, batch: batch, now: now)
                let ended = try await merge.applyDeletes(count, on: connection)
                try await connection.beginCopyIn(table.copyToStage)
                return ended
            } catch {
                // The long way will meet the same fault, and tell it.
                return nil
            }
        }
        deletes = Deletes(work: work)
    }

    /// Sends what waited for the deletes.
    private func release(to connection: PostgresConnection) async throws {
        guard let work = deletes?.work else { return }
        guard let ended = await work.endingValue, let deletes else {
            throw PostgresError(.usage, "the deletes could not be applied")
        }
        let waiting = deletes.waiting
        self.deletes = nil
        deleted = ended
        for piece in waiting.pieces { try await connection.putCopyData(waiting.read(piece)) }
    }

    /// Bronze has sent the batch to its end: builds the indexes of a new history, or merges what is staged, while bronze goes
    /// on and commits.
    /// - Parameter bringsDeletes: False where none came behind `applyDeletes`.
    func end(_ batch: Batch, changes: Int, opened: Int, bringsDeletes: Bool, at now: Instant) {
        guard let connection else { return }
        let work = Task { [table, opensHistory] () -> RowCounts? in
            do {
                try await release(to: connection)
                try await connection.endCopyIn()
                guard opensHistory else {
                    return try await StagedMerge(table: table, batch: batch, now: now).run(
                        changes, applied: deleted, bringsDeletes: bringsDeletes, on: connection)
                }
                for statement in table.closeAfterFirstRows(opened, of: batch, at: now) {
                    try await connection.execute(statement)
                }
                var counts = RowCounts()
                (counts.input, counts.inserted, counts.unchanged) = (changes, opened, changes - opened)
                return counts
            } catch {
                // The long way will meet the same fault, and tell it.
                return nil
            }
        }
        ending = (batch.run.id, work)
    }

    /// The transaction that was taken has been ended.
    func giveBack() async {
        let connection = self.connection
        self.connection = nil
        if let connection { await pool.takeBack(connection) }
    }

    /// Nothing of it counts.
    func abandon() async {
        let (last, deleting, closing) = (ending?.work, deletes?.work, connection)
        (ending, deletes, connection, deleted) = (nil, nil, nil, 0)
        last?.cancel()
        deleting?.cancel()
        _ = await (last?.value, deleting?.value)
        // The server rolls back what is open.
        await closing?.close()
    }

    /// The connection that has merged the batch, once it has, and what came of it; nil where silver has to do it itself.
    func take(_ batch: Batch) async throws -> (connection: PostgresConnection, counts: RowCounts)? {
        guard let connection, let (run, work) = ending, run == batch.run.id else { return nil }
        ending = nil
        let counts = try await pool.flushingEarly(if: batch.records >= BronzeLayer.largeBatch) {
            await work.endingValue
        }
        // It waited for bronze, and may have been lost meanwhile.
        guard let counts, await connection.isUsable else { return nil }
        return (connection, counts)
    }
}
