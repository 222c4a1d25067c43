internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The merge of an entity's first batch, prepared while bronze reads it: the typed rows go into the empty history on a
/// connection of their own, in silver's own transaction, which commits behind bronze's or not at all.
///
/// So one reading feeds two layers, each durable and audited on its own. What bronze cannot promise (duplicates, a batch
/// that is blocked, a value that the log would show in another notation) ends it, and silver merges from the log as
/// ever. Only silver's step may bring it to an end that counts.
actor FirstMerge {
    private let table: SilverTable
    private let database: PostgresConfiguration
    /// Smaller batches are not worth a connection.
    private let smallest: Int
    private var connection: PostgresConnection?
    private var held: (run: UUIDValue, changes: Int, opened: Int)?

    /// A merge into the entity's history that nothing has been done for yet.
    init(
        _ entity: Entity, of system: SourceSystem, in database: PostgresConfiguration, _ shortcuts: Shortcuts
    ) {
        smallest = shortcuts == .always ? 0 : 5_000
        table = SilverTable(entity, schema: system.schemas.silver)
        self.database = database
    }

    /// Begins for a batch; false where it goes from the log as ever.
    func begin(_ batch: Batch) async throws -> Bool {
        await abandon()
        // A check that reads other tables could wait for one whose own check waits for this.
        let looksElsewhere = table.entity.checks.contains { $0.readsOtherTables }
        guard batch.records >= smallest, !table.folds, !looksElsewhere else { return false }
        return try await attempt { [table] connection in
            try await connection.begin()
            try await connection.execute("SET LOCAL lock_timeout = '2s'")
            for statement in table.dropIndexes { try await connection.execute(statement) }
            guard try await connection.query("SELECT 1 FROM \(fragment: table.history) LIMIT 1").isEmpty else {
                return false
            }
            try await connection.beginCopyIn(HistoryRow.copy(into: table))
            return true
        }
    }

    private func attempt(_ body: (PostgresConnection) async throws -> Bool) async throws -> Bool {
        do {
            let connection = try await PostgresConnection.connect(
                database, applicationName: "medallion first merge")
            self.connection = connection
            if try await body(connection) { return true }
        } catch is PostgresError {
            // No connection to spare, or somebody reads the table: the long way needs neither.
        }
        await abandon()
        return false
    }

    /// Takes rows of `HistoryRow`.
    func put(_ rows: [UInt8]) async throws {
        guard let connection else { return }
        do { try await connection.putCopyData(rows) } catch is PostgresError {
            // The long way will meet the same fault, and tell it.
            await abandon()
        }
    }

    /// Bronze has read the batch to its end: builds the indexes.
    func end(_ batch: Batch, changes: Int, opened: Int) async throws {
        guard let connection else { return }
        do {
            try await connection.endCopyIn()
            for statement in table.addIndexes { try await connection.execute(statement) }
            held = (batch.run.id, changes, opened)
        } catch is PostgresError {
            await abandon()
        }
    }

    /// Nothing of it counts.
    func abandon() async {
        held = nil
        let closing = connection
        connection = nil
        // The server rolls back what is open.
        await closing?.close()
    }

    /// Does the steps that may use it; what they leave open is undone.
    nonisolated func closing(_ steps: () async throws -> Void) async throws {
        do { try await steps() } catch {
            await abandon()
            throw error
        }
        await abandon()
    }

    /// The connection that holds the batch's rows, and what they are; nil where silver has to merge it itself.
    func take(_ batch: Batch) -> (connection: PostgresConnection, counts: RowCounts)? {
        guard let connection, let held, held.run == batch.run.id else { return nil }
        self.held = nil
        var counts = RowCounts()
        counts.input = held.changes
        counts.inserted = held.opened
        counts.unchanged = held.changes - held.opened
        return (connection, counts)
    }

    /// True where the log may show the record's values in another notation than the source did: jsonb knows neither
    /// exponents nor a negative zero.
    static func mayDiffer(_ window: borrowing RecordWindow, _ record: Int, _ columns: Range<Int>) -> Bool {
        for column in columns where window.kind(record, column) == .number {
            let isOdd = window.withCell(record, column) { cell in
                if cell.count > 1, cell[0] == UInt8(ascii: "-"), cell[1] == UInt8(ascii: "0") { return true }
                for index in 0..<cell.count where cell[index] | 0x20 == UInt8(ascii: "e") { return true }
                return false
            }
            if isOdd { return true }
        }
        return false
    }
}
