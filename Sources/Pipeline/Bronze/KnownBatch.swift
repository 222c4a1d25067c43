internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// A full batch of an entity whose documents were all accepted by today's metadata: most of its records are what they
/// were, and those are neither read as a whole nor sent to the server.
///
/// One reading takes each record's key and its document's hash, while the server sends those of the last changes; both
/// meet in memory, partition by partition. A second reading takes only the records that are new, changed or unreadable.
/// It holds for batches without duplicate keys and with few rejects; any other goes the long way, from the start.
struct KnownBatch {
    let stage: BatchStage
    /// Takes the typed changes along for silver; nil where silver is not to follow.
    let companion: CompanionMerge?
    private var table: BronzeTable { stage.table }
    private var batch: Batch { stage.batch }
    private var source: BatchSource { stage.source }
    private var entity: Entity { stage.source.entity }

    /// So many records that cannot be read are looked at one by one; more go the long way.
    private static let heldRejects = 10_000

    /// A way for this batch; nil where its entity needs the long one.
    init?(
        _ stage: BatchStage, _ companion: CompanionMerge?, _ accepted: AcceptedDocuments,
        on connection: PostgresConnection
    ) async throws {
        let entity = stage.source.entity
        guard stage.parents == nil, entity.effectiveTimeColumn == nil, entity.fullScope == nil,
            !entity.keyColumns.isEmpty, stage.batch.loadType == .full,
            try await accepted.areCurrent(on: connection)
        else { return nil }
        self.stage = stage
        self.companion = companion
    }

    /// Writes the changes; nil where that was undone for the long way, also where a guard is going to object.
    func write(on connection: PostgresConnection, step: Step) async throws -> DetectedBatch? {
        try await connection.execute("SAVEPOINT known_batch")
        if let batch = try await compare(on: connection, step: step) { return batch }
        await companion?.abandon()
        try await connection.execute("ROLLBACK TO SAVEPOINT known_batch")
        return nil
    }

    private func compare(on connection: PostgresConnection, step: Step) async throws -> DetectedBatch? {
        async let lastChanges = KeyScan.lastChanges(of: table, expecting: batch.records, on: connection)
        let scan = try KeyScan(of: source, expecting: batch.records, heldUnread: Self.heldRejects, step: step)
        let known = try await lastChanges
        guard let scan else { return nil }
        var comparison = try KeyComparison(records: scan.records)
        for ordinal in scan.unread { comparison.addUnread(ordinal) }
        guard try comparison.compare(scan.keys, with: known) else { return nil }
        return try await copy(scan, comparison, on: connection, step: step)
    }

    /// The second reading: documents into the log, and rows for the stage behind them.
    private func copy(
        _ scan: KeyScan, _ comparison: KeyComparison, on connection: PostgresConnection, step: Step
    ) async throws -> DetectedBatch? {
        var survey = BatchStage.Survey()
        var findings = ChangeDetection.Findings()
        var staged = try ByteSpool()
        survey.records = scan.records
        survey.missingColumns = scan.missingColumns
        let changes = comparison.candidates.count + comparison.absent.count
        // Silver must know which columns to carry over before it merges.
        var feed = try await MergeFeed(
            scan.missingColumns.isEmpty ? companion : nil, batch, of: entity, expecting: changes, opensHistory: false,
            at: step.now)
        var (log, rows) = (CopyBuffer(), CopyBuffer())
        var stageRow = StageRow(entity: entity, masking: step.known.mask)
        if comparison.candidates.count > 0 {
            var records = try source.reader(of: comparison.candidates)
            var reader = source.documentReader()
            var row = LogRow(entity, run: batch.run)
            try await connection.beginCopyIn(table.copyToLog(row.columns))
            while try records.next() {
                for index in 0..<records.window.count {
                    let ordinal = records.firstOrdinal + index
                    guard comparison.candidates.isChanged(ordinal) else { continue }
                    var verdict = reader.read(records.window, index)
                    if let problem = records.problem(at: index) {
                        verdict = .rejected(column: problem.column, reason: problem.reason, keyIsKnown: false)
                    }
                    var key = UUIDValue.zero
                    switch verdict {
                    case .accepted:
                        key = reader.keyHash()
                        let change = findings.add(comparison.known(ordinal), isDelete: reader.isDelete)
                        row.append(change, records, index, key: key, reader, to: &log)
                        feed.add(change, records, index, key: key, &reader)
                    case .rejected(_, _, let keyIsKnown):
                        if keyIsKnown { key = reader.keyHash() }
                        survey.rejected += 1
                        if !keyIsKnown { survey.keyless += 1 }
                    }
                    stageRow.append(verdict, key: key, ordinal: ordinal, records, index, reader, to: &rows)
                }
                if rows.needsFlush { try staged.append(rows.takeBytes()) }
                if log.needsFlush {
                    try await feed.send(log.takeBytes(), on: connection)
                    step.progress(records: records.firstOrdinal)
                    try Task.checkCancellation()
                }
                guard survey.rejected <= Self.heldRejects else {
                    await connection.abortCopyIn("too many rejected records")
                    return nil
                }
            }
            log.finish()
            try await feed.send(log.takeBytes(), on: connection)
            try await connection.endCopyIn()
            survey.unknownFields = records.window.unknownNames
        }
        for name in scan.unknownFields where !survey.unknownFields.contains(name) {
            survey.unknownFields.append(name)
        }
        let detection = ChangeDetection(
            entity: entity, table: table, batch: batch, detectsAbsence: survey.tellsAbsence(in: batch, of: entity),
            absentIsStaged: true)
        if detection.detectsAbsence { (findings.live, findings.absent) = (comparison.live, comparison.absent.count) }
        guard Guard.objection(to: batch, of: entity, survey, findings) == nil else { return nil }
        try await fill(
            with: staged, &rows, detection.detectsAbsence ? comparison.absent : nil, feeding: &feed, on: connection)
        let whole = feed
        async let merged: Void = whole.ended()
        if findings.changes + findings.absent > 0 { try await detection.apply(on: connection, isFirst: false) }
        try await merged
        return DetectedBatch(
            stage: stage, survey: survey, detection: detection, duplicates: 0, marks: nil, findings: findings)
    }

    /// Brings the stage what changed, and behind it the absent keys, at ordinals below zero.
    private func fill(
        with staged: ByteSpool, _ rows: inout CopyBuffer, _ absent: KeyPartitions?, feeding feed: inout MergeFeed,
        on connection: PostgresConnection
    ) async throws {
        try await connection.beginCopyIn(stage.copyToStage)
        for place in staged.pieces { try await connection.putCopyData(staged.read(place)) }
        for partition in absent?.indices ?? 0..<0 {
            for entry in try absent?.entries(of: partition) ?? [] {
                StageRow.append(absent: entry.key, to: &rows)
                feed.addDelete(of: entry.key)
                if rows.needsFlush { try await feed.send(rows.takeBytes(), on: connection) }
            }
        }
        rows.finish()
        try await connection.putCopyData(rows.takeBytes())
        let count = try await connection.endCopyIn()
        if count > 1_000 {
            try await connection.execute("ANALYZE \(fragment: table.stage) (_key_hash, _reject_reason, _ordinal)")
        }
    }
}

extension ChangeDetection.Findings {
    /// Counts the change of a full batch whose key was `known` before.
    fileprivate mutating func add(_ known: KeyComparison.Known, isDelete: Bool) -> LogRow.Change {
        if isDelete {
            marked += 1
            return .delete
        }
        switch known {
        case .none:
            inserted += 1
            return .upsert
        case .live:
            updated += 1
            return .upsert
        case .deleted, .deletedByAbsence:
            inserted += 1
            return .restore
        }
    }
}
