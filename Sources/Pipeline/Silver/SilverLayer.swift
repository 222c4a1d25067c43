internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// silver: merges bronze changes into typed tables with history.
///
/// Silver is a function of the bronze log and the metadata. A batch is one transaction: its changes, its state, its
/// counts.
struct SilverLayer: Sendable {
    let pool: PostgresPool
    let catalog: Catalog
    /// An operator accepted what checks find, for the batches of this run.
    let acceptsChecks: Bool
    /// A preview merges changes that its own transaction has written; a run those that are committed.
    var readsOwnChanges = false
    /// A rebuild merges into a history of its own transaction; nobody else writes to that of a run.
    var readsOwnHistory = false

    /// Merges the entity's normalized batches, oldest first, each in one transaction.
    /// - Parameter companion: Has perhaps merged the batch already, in a transaction of its own that is still open.
    func merge(_ entity: Entity, of system: SourceSystem, companion: CompanionMerge? = nil, step: Step) async throws {
        // Before anything is compared: rows that were hashed by other definitions would all look changed.
        let refill = Refill(entity, of: system, pool: pool)
        if try await refill.isDue() {
            await companion?.abandon()
            try await refill.apply(step: step)
        }
        let pending = try await pool.withConnection { connection in
            try await BatchLedger.batches(of: entity.id, in: ["normalized"], on: connection)
        }.map(\.batch)
        guard !pending.isEmpty else {
            return try await pool.withConnection { try await step.skip(.noInput, on: $0) }
        }
        let gate = CheckGate(
            subject: CheckSubject(entity, schema: system.schemas.silver, catalog: catalog), accepts: acceptsChecks)
        for (position, batch) in pending.enumerated() {
            let isLast = position == pending.count - 1
            if let (writer, counts) = try await companion?.take(batch) {
                try await finish(counts, of: batch, gate, closes: isLast, step, on: writer)
                await companion?.giveBack()
                continue
            }
            await companion?.abandon()
            try await pool.withConnection { writer in
                try await BatchLedger.refuseOlder(batch, than: ["merged"], on: writer)
                try await gate.guarding(batch.run, step: step, on: writer) {
                    try await writer.transaction {
                        var counts = RowCounts()
                        if batch.sameAs == nil {
                            counts = try await merge(
                                batch, of: system, from: BronzeTable(entity, schema: system.schemas.bronze),
                                into: SilverTable(entity, schema: system.schemas.silver), step: step, on: writer)
                        }
                        try await gate.check(batch.run, changed: counts.changed, step: step, on: writer)
                        try await BatchLedger.advance(
                            batch, to: "merged", by: step.run.id, rejected: counts.rejected,
                            on: writer)
                        try await step.commit(counts, load: (batch.loadType, nil, nil), closes: isLast, on: writer)
                    }
                }
            }
        }
    }

    /// Ends the transaction in which the batch was merged while bronze wrote its log.
    private func finish(
        _ counts: RowCounts, of batch: Batch, _ gate: CheckGate, closes: Bool, _ step: Step,
        on writer: PostgresConnection
    ) async throws {
        try await gate.guarding(batch.run, step: step, on: writer) {
            try await writer.committing {
                try await writer.execute("SET LOCAL lock_timeout TO DEFAULT")
                try await BatchLedger.refuseOlder(batch, than: ["merged"], on: writer)
                try await gate.check(batch.run, changed: counts.changed, step: step, on: writer)
                try await BatchLedger.advance(
                    batch, to: "merged", by: step.run.id, rejected: counts.rejected, on: writer)
                try await step.commit(counts, load: (batch.loadType, nil, nil), closes: closes, on: writer)
            }
        }
    }

    /// Merges one batch's changes into a table, within the writer's transaction.
    func merge(
        _ batch: Batch, of system: SourceSystem, from bronze: BronzeTable, into table: SilverTable, step: Step,
        on writer: PostgresConnection
    ) async throws -> RowCounts {
        let entity = table.entity
        if table.folds {
            let merge = FoldedMerge(
                batch: batch, bronze: bronze, table: table, timezone: system.timezone, step: step)
            guard !readsOwnChanges else { return try await merge.run(from: writer, on: writer) }
            return try await pool.withConnection { source in
                try await source.transaction { try await merge.run(from: source, on: writer) }
            }
        }
        if try await writer.query("SELECT 1 FROM \(fragment: table.history) LIMIT 1").isEmpty {
            return try await fill(table, from: bronze, with: batch, system, step: step, on: writer)
        }
        try await EmptyTable.make(table.stage, on: writer)
        let changes = try await copy(
            batch, system, from: bronze, CarriedColumns(batch, of: table), into: table.copyToStage,
            as: .staged(of: entity), step: step, on: writer
        ).changes
        return try await StagedMerge(table: table, batch: batch, now: step.now).run(changes, on: writer)
    }

    /// The first batch: nothing is there to compare with, so the rows go straight into the history.
    private func fill(
        _ table: SilverTable, from bronze: BronzeTable, with batch: Batch, _ system: SourceSystem, step: Step,
        on writer: PostgresConnection
    ) async throws -> RowCounts {
        try await EmptyTable.clear(table.history, on: writer)
        for statement in table.openForFirstRows(of: batch, at: step.now) { try await writer.execute(statement) }
        let (changes, opened) = try await copy(
            batch, system, from: bronze, into: HistoryRow.copy(into: table),
            as: .opening(HistoryRow(table.entity)), step: step, on: writer)
        for statement in table.closeAfterFirstRows(opened, of: batch, at: step.now) {
            try await writer.execute(statement)
        }
        var counts = RowCounts()
        counts.input = changes
        counts.inserted = opened
        counts.unchanged = changes - opened
        return counts
    }

    /// Types the batch's changes and copies them to where they go; documents stream through, never held.
    ///
    /// Bronze is read on a second connection where what it reads is committed: COPY out and in cannot share one.
    private func copy(
        _ batch: Batch, _ system: SourceSystem, from bronze: BronzeTable, _ carried: CarriedColumns? = nil,
        into statement: SQLText, as row: ChangeRow, step: Step, on writer: PostgresConnection
    ) async throws -> (changes: Int, opened: Int) {
        let query: SQLText = """
            COPY (SELECT b._key_hash, b._change, b._raw_file, b._record_no, b.doc::text\(fragment: carried?.selected ?? "")
                FROM \(fragment: bronze.log) b \(fragment: carried?.join ?? "")
                WHERE b._run_timestamp = \(literal: batch.run.timestamp))
            TO STDOUT (FORMAT binary)
            """
        func copy(from source: PostgresConnection) async throws -> (changes: Int, opened: Int) {
            let stager = ChangeStager(
                bronze.entity, timezone: system.timezone, carrying: carried?.places ?? [], into: row)
            return try await send(query, stager, into: statement, step: step, from: source, on: writer)
        }
        let readsOwn = readsOwnChanges || readsOwnHistory && carried?.places.isEmpty == false
        return readsOwn ? try await copy(from: writer) : try await pool.withConnection(copy)
    }

    private func send(
        _ query: SQLText, _ empty: consuming ChangeStager, into statement: SQLText, step: Step,
        from source: PostgresConnection, on writer: PostgresConnection
    ) async throws -> (changes: Int, opened: Int) {
        var stager = empty
        var changes = try await ChangeReader(query, from: source, besides: writer)
        try await writer.beginCopyIn(statement)
        while let chunk = try await changes.next() {
            try stager.add(chunk)
            if stager.buffer.needsFlush {
                try await writer.putCopyData(&stager.buffer)
                step.progress(records: stager.changes)
                try Task.checkCancellation()
            }
        }
        stager.buffer.finish()
        try await writer.putCopyData(&stager.buffer)
        try await writer.endCopyIn()
        return (stager.changes, stager.opened)
    }
}
