internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The first batch of an entity: nothing is there to compare with, so its documents go into the log in one reading, where
/// any other batch is staged and compared first.
///
/// It holds for batches without duplicate keys. Duplicates are found when the keys are sorted, and undone together with
/// everything else; the batch then goes the long way. Rejected records are staged as ever. The files may still be on their
/// way: see `LandingFollower`.
struct FirstBatch {
    let stage: BatchStage
    /// Takes the typed rows along for silver; nil where silver is not to follow.
    let companion: CompanionMerge?
    let step: Step
    /// How many records may come: it tells how finely their keys are shared out.
    let expected: Int
    private var table: BronzeTable { stage.table }
    private var batch: Batch { stage.batch }
    private var source: BatchSource { stage.source }
    private var entity: Entity { stage.source.entity }

    /// Writes the log, which tells the last changes; nil where a key stands twice in the batch, too many records are
    /// rejected, or a guard is going to object.
    /// - Parameter report: Hears how many records have been read.
    func write(
        on connection: PostgresConnection, report: (_ records: Int) -> Void
    ) async throws -> DetectedBatch? {
        // Bronze's table first: who reads both layers takes them in that order.
        try await connection.execute("LOCK TABLE \(fragment: table.log) IN ACCESS EXCLUSIVE MODE")
        async let begun = MergeFeed(
            companion, batch, of: entity, expecting: expected, opensHistory: true, at: step.now)
        try await EmptyTable.clear(table.log, on: connection)
        for statement in table.openForFirstRows(of: batch) { try await connection.execute(statement) }
        return try await copy(feeding: begun, on: connection, report: report)
    }

    /// Builds the log's key; false where a key stands twice.
    private func finish(_ keys: HashPartitions<KeyPrefix>, on connection: PostgresConnection) async throws -> Bool {
        async let indexed: Void = index(keys.count, on: connection)
        let isDistinct = try keys.areDistinct()
        try await indexed
        return isDistinct
    }

    private func index(_ rows: Int, on connection: PostgresConnection) async throws {
        for statement in table.closeAfterFirstRows(rows) { try await connection.execute(statement) }
    }

    private func copy(
        feeding begun: MergeFeed, on connection: PostgresConnection, report: (_ records: Int) -> Void
    ) async throws -> DetectedBatch? {
        var survey = BatchStage.Survey()
        var findings = ChangeDetection.Findings()
        var columns = SeenColumns(of: entity)
        var records = try source.reader()
        var reader = source.documentReader()
        let filter = CursorFilter(entity, source.manifest, reader: &reader)
        var (log, rejects) = (CopyBuffer(), CopyBuffer())
        var staged = StageRow(entity: entity, masking: step.known)
        var feed = begun
        // Of files on their way, the first one may be all.
        var common = CommonValues(
            run: batch.run, change: entity.deleteMarker == nil ? .upsert : nil,
            file: source.isArriving || source.manifest.files.count == 1 ? 1 : nil)
        var row = LogRow(entity, run: batch.run, filledIn: common)
        var keys = try HashPartitions<KeyPrefix>(expecting: expected)
        let defaults = table.logDefaults(common)
        try await connection.execute(defaults.set)
        try await connection.beginCopyIn(table.copyToLog(row.columns))
        while try await records.nextArrived() {
            if common.file != nil, records.fileNumber > 1 {
                // From here on each row says which.
                log.finish()
                try await feed.send(&log, on: connection)
                try await connection.endCopyIn()
                common.file = nil
                (row, log) = (LogRow(entity, run: batch.run, filledIn: common), CopyBuffer())
                try await connection.beginCopyIn(table.copyToLog(row.columns))
            }
            for index in 0..<records.window.count {
                let verdict = reader.read(records, index)
                columns.see(records.window, index)
                defer { survey.records += 1 }
                if case .rejected(_, _, let keyIsKnown) = verdict {
                    survey.rejected += 1
                    if !keyIsKnown { survey.keyless += 1 }
                    guard survey.rejected <= BatchShortcut.heldRejects else {
                        await connection.abortCopyIn("too many rejected records")
                        return nil
                    }
                    staged.append(
                        verdict, key: keyIsKnown ? reader.keyHash() : .zero, ordinal: survey.records, records, index,
                        reader, to: &rejects)
                    continue
                }
                if let filter, filter.excludes(reader) { continue }
                let change: LogRow.Change = reader.isDelete ? .delete : .upsert
                let key = reader.keyHash()
                row.append(change, records, index, key: key, reader, to: &log)
                try keys.add(KeyPrefix(key))
                if reader.isDelete { findings.marked += 1 } else { findings.inserted += 1 }
                feed.add(change, records, index, key: key, &reader)
            }
            if log.needsFlush {
                try await feed.send(&log, on: connection)
                report(survey.records)
                try Task.checkCancellation()
            }
        }
        log.finish()
        survey.missingColumns = columns.missing
        survey.unknownFields = records.window.unknownNames
        guard Guard.objection(to: batch, of: entity, survey, findings) == nil else {
            await connection.abortCopyIn("a guard objects")
            return nil
        }
        // Each layer ends its COPY and builds its indexes on its own connection, at the same time.
        let whole = feed
        async let handedOver: Void = whole.ended()
        try await connection.putCopyData(&log)
        try await connection.endCopyIn()
        let isWhole = try await finish(keys, on: connection)
        try await handedOver
        guard isWhole else { return nil }
        try await connection.execute(defaults.drop)
        if survey.rejected > 0 {
            try await connection.beginCopyIn(stage.copyToStage)
            rejects.finish()
            try await connection.putCopyData(&rejects)
            try await connection.endCopyIn()
        }
        return DetectedBatch(
            stage: stage, survey: survey,
            detection: ChangeDetection(entity: entity, table: table, batch: batch, detectsAbsence: false, last: .new),
            duplicates: 0, marks: nil, findings: findings, isFirst: true)
    }
}
