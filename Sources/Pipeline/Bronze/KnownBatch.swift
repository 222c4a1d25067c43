internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// A full batch of an entity whose documents were all accepted by today's metadata: most of its records are what they
/// were, and those are neither read as a whole nor sent to the server.
///
/// One reading takes each record's key and its document's hash, while the server sends those of the last changes; both
/// meet in memory, partition by partition. A second reading takes only the records that are new, changed or unreadable; with an
/// effective time it stages them, and those that turn out to be changes are read once more.
/// It holds for batches without duplicate keys and with few rejects, and with scopes where the keys tell these (`BatchScopes`); any
/// other goes the long way, from the start.
struct KnownBatch {
    let stage: BatchStage
    /// Takes the typed changes along for silver; nil where silver is not to follow.
    let companion: CompanionMerge?
    /// Has perhaps read the keys while the batch landed.
    let follower: KeyFollower?

    private var table: BronzeTable { stage.table }
    private var batch: Batch { stage.batch }
    private var source: BatchSource { stage.source }
    private var entity: Entity { stage.source.entity }
    /// Writes the changes; nil where a key stands twice in the batch, too many records are rejected, or a guard is going to
    /// object.
    func write(on connection: PostgresConnection, step: Step) async throws -> DetectedBatch? {
        if try await KeyScan.isInVain(of: source) { return nil }
        let expected = try await expectedKeys(on: connection)
        let compared =
            table.isLastInLog
            ? try await readBoth(expecting: expected, on: connection, step: step)
            : try await readScopes(expecting: expected, on: connection, step: step)
        guard let (keys, known) = compared, !known.haveTimes else { return nil }
        var comparison = KeyComparison(records: keys.records, collectsNew: entity.fullScope != nil)
        guard try await comparison.compare(keys.keys, with: known) else { return nil }
        for ordinal in keys.unread { comparison.addUnread(ordinal) }
        return try await copy(keys, comparison, on: connection, step: step)
    }

    /// Of the batch, or of the last changes where there are more.
    private func expectedKeys(on connection: PostgresConnection) async throws -> Int {
        if let follower { return follower.expected }
        return try await max(stage.expected, LastChanges(table: table).estimatedCount(on: connection))
    }

    private func lastChanges(expecting expected: Int, on connection: PostgresConnection) async throws -> KnownKeys {
        if let known = await follower?.lastChanges() { return known }
        return try await KnownKeys(stage.last, of: table, expecting: expected, on: connection)
    }

    private func keys(expecting expected: Int, step: Step) async throws -> KeyScan? {
        if let scanned = await follower?.scan(of: source, step: step) { return scanned.keys }
        return try await KeyScan(of: source, expecting: expected) { step.progress(records: $0) }
    }

    /// What the batch is compared with; nil where it must go the long way.
    private typealias Compared = (keys: KeyScan, known: KnownKeys)

    /// The batch's keys, and meanwhile those of the last changes.
    private func readBoth(
        expecting expected: Int, on connection: PostgresConnection, step: Step
    ) async throws -> Compared? {
        async let lastChanges = lastChanges(expecting: expected, on: connection)
        let keys = try await keys(expecting: expected, step: step)
        let known = try await lastChanges
        return keys.map { ($0, known) }
    }

    /// The batch's keys, and then those of the last changes within its scopes: the others may be many more.
    private func readScopes(
        expecting expected: Int, on connection: PostgresConnection, step: Step
    ) async throws -> Compared? {
        guard let keys = try await keys(expecting: expected, step: step),
            let condition = try await keys.scopes?.condition(stage.parents, on: connection)
        else { return nil }
        return try await (
            keys, KnownKeys(stage.last, of: table, where: condition, expecting: expected, on: connection)
        )
    }

    /// What the second reading came to; its COPY into the log is still open where it has begun.
    private struct Reading {
        var survey: BatchStage.Survey
        var findings = ChangeDetection.Findings()
        /// Rows for the stage.
        var staged: ByteSpool
        var feed: MergeFeed
        /// True where silver has been told of the absent keys.
        let isAbsenceFed: Bool
        /// True where a record that is not what its key was last is a change.
        let isDecided: Bool
        /// False where the scopes may not be those that the keys have shown: a rejected record tells none, and the parent of an item
        /// without a key is none.
        var tellsScopes = true
        var log: LogCopy?
    }

    private func copy(
        _ scan: KeyScan, _ comparison: KeyComparison, on connection: PostgresConnection, step: Step
    ) async throws -> DetectedBatch? {
        let isDecided = try await isDecided(comparison, on: connection)
        // Silver must know which columns to carry over before it merges.
        var feed = try await MergeFeed(
            isDecided && scan.missingColumns.isEmpty ? companion : nil, batch, of: entity,
            expecting: comparison.candidates.count + comparison.absent.count, opensHistory: false, at: step.now)
        var survey = BatchStage.Survey()
        survey.records = scan.records
        survey.missingColumns = scan.missingColumns
        let found = try await findings(of: comparison, on: connection)
        let isAbsenceFed = try await applyAbsence(
            of: comparison, found, survey, keysAreRead: scan.unread.isEmpty, &feed)
        var reading = Reading(
            survey: survey, staged: ByteSpool(), feed: feed, isAbsenceFed: isAbsenceFed, isDecided: isDecided)
        do { return try await copy(&reading, comparison, found, of: scan, on: connection, step: step) } catch {
            await reading.log?.stop()
            throw error
        }
    }

    private func copy(
        _ reading: inout Reading, _ comparison: KeyComparison, _ found: ChangeDetection.Findings, of scan: KeyScan,
        on connection: PostgresConnection, step: Step
    ) async throws -> DetectedBatch? {
        if comparison.candidates.count > 0 {
            try await read(comparison, of: scan, into: &reading, on: connection, step: step)
        }
        for name in scan.unknownFields where !reading.survey.unknownFields.contains(name) {
            reading.survey.unknownFields.append(name)
        }
        let detection = ChangeDetection(
            entity: entity, table: table, batch: batch,
            detectsAbsence: reading.survey.tellsAbsence(in: batch, of: entity), last: stage.last,
            absentIsStaged: true, looksUp: comparison.candidates.count < comparison.live / 20)
        if detection.detectsAbsence {
            (reading.findings.live, reading.findings.absent) = (found.live, found.absent)
            reading.findings.orphaned = found.orphaned
        }
        guard reading.survey.rejected <= BatchShortcut.heldRejects, reading.tellsScopes,
            detection.detectsAbsence || !reading.isAbsenceFed,
            Guard.objection(to: batch, of: entity, reading.survey, reading.findings) == nil
        else {
            await reading.log?.abort("the batch goes another way")
            return nil
        }
        guard reading.isDecided else { return try await decide(reading, comparison, detection, on: connection) }
        return try await finish(&reading, comparison, detection, on: connection)
    }

    /// False where the server has to look further: with an effective time, or for keys that have come from another scope.
    private func isDecided(_ comparison: KeyComparison, on connection: PostgresConnection) async throws -> Bool {
        guard entity.effectiveTimeColumn == nil else { return false }
        guard entity.fullScope != nil, !comparison.new.isEmpty else { return true }
        guard comparison.new.count <= KeyComparison.mostNew else { return false }
        return try await connection.query(
            "SELECT 1 FROM \(fragment: table.last) WHERE _key_hash = ANY (\(comparison.new)) LIMIT 1"
        ).isEmpty
    }

    /// What is known before any record is read as a whole.
    private func findings(
        of comparison: KeyComparison, on connection: PostgresConnection
    ) async throws -> ChangeDetection.Findings {
        var findings = ChangeDetection.Findings()
        (findings.live, findings.absent) = (comparison.live, comparison.absent.count)
        if findings.absent > 0, let parents = stage.parents {
            findings.orphaned = try await parents.countOrphaned(on: connection)
        }
        return findings
    }

    /// Has silver end the rows of many absent keys, which are known already, while what changed is read.
    /// - Parameter keysAreRead: Every record's key could be read: absence will not be suspended.
    private func applyAbsence(
        of comparison: KeyComparison, _ findings: ChangeDetection.Findings, _ survey: BatchStage.Survey,
        keysAreRead: Bool, _ feed: inout MergeFeed
    ) async throws -> Bool {
        guard findings.absent >= feed.fewestDeletes, keysAreRead, survey.tellsAbsence(in: batch, of: entity),
            Guard.objection(to: batch, of: entity, survey, findings) == nil
        else { return false }
        try await addAbsent(comparison.absent, to: &feed)
        try await feed.applyDeletes()
        return true
    }

    private func addAbsent(_ absent: KeyPartitions, to feed: inout MergeFeed) async throws {
        for partition in absent.indices {
            for entry in try absent.entries(of: partition) {
                feed.addDelete(of: entry.key)
                if feed.needsFlush { try await feed.send() }
            }
        }
    }

    /// The second reading: documents into the log where they are changes for certain, rows for the stage into a `ByteSpool`.
    private func read(
        _ comparison: KeyComparison, of scan: KeyScan, into reading: inout Reading, on connection: PostgresConnection,
        step: Step
    ) async throws {
        var scopes = scan.scopes
        var (log, rows) = (CopyBuffer(continues: true), CopyBuffer())
        var stageRow = StageRow(entity: entity, masking: step.known)
        var records = try source.reader(of: comparison.candidates)
        var reader = source.documentReader()
        var row = LogRow(entity, run: batch.run)
        if reading.isDecided {
            reading.log = try await LogCopy(
                into: table, row.columns, rows: comparison.candidates.count, on: connection)
        }
        while try records.next(), reading.survey.rejected <= BatchShortcut.heldRejects, reading.tellsScopes {
            for index in 0..<records.window.count {
                let ordinal = records.firstOrdinal + index
                guard comparison.candidates.isChanged(ordinal) else { continue }
                let verdict = reader.read(records, index)
                var key = UUIDValue.zero
                switch verdict {
                case .accepted:
                    key = reader.keyHash()
                    guard reading.isDecided else { break }
                    let change = reading.findings.add(comparison.known(ordinal), isDelete: reader.isDelete)
                    row.append(change, records, index, key: key, reader, to: &log)
                    reading.feed.add(change, records, index, key: key, &reader)
                case .rejected(_, _, let keyIsKnown):
                    if keyIsKnown { key = reader.keyHash() }
                    reading.survey.rejected += 1
                    if !keyIsKnown { reading.survey.keyless += 1 }
                }
                stageRow.append(verdict, key: key, ordinal: ordinal, records, index, reader, to: &rows)
                if case .rejected(_, _, let keyIsKnown) = verdict,
                    scopes?.drop(records, index, keyIsKnown: keyIsKnown, &reader) == false
                {
                    reading.tellsScopes = false
                }
            }
            if rows.needsFlush {
                try await keep(rows.takeBytes(), in: &reading)
                step.progress(records: records.firstOrdinal)
            }
            if log.needsFlush { try await reading.log?.add(&log, feeding: &reading.feed) }
            try Task.checkCancellation()
            // Silver's deletes and other entities need this thread, too.
            await Task.yield()
        }
        try await keep(rows.takeBytes(), in: &reading)
        reading.log?.finish(&log)
        reading.survey.unknownFields = records.unknownNames
    }

    /// Keeps rows for the stage.
    private func keep(_ rows: [UInt8], in reading: inout Reading) async throws {
        do { try reading.staged.append(rows) } catch {
            // The log's rows need not take their place on the disk.
            try await reading.log?.giveDiskBack()
            try reading.staged.append(rows)
        }
    }

    /// Lets silver merge, while the log is ended and the last changes are brought up to date.
    private func finish(
        _ reading: inout Reading, _ comparison: KeyComparison, _ detection: ChangeDetection,
        on connection: PostgresConnection
    ) async throws -> DetectedBatch {
        let absent = detection.detectsAbsence ? comparison.absent : nil
        if let absent, !reading.isAbsenceFed { try await addAbsent(absent, to: &reading.feed) }
        let feed = reading.feed
        async let handedOver: Void = feed.ended()
        try await reading.log?.end()
        if reading.findings.changes + reading.survey.rejected + reading.findings.absent > 0 {
            try await fill(with: reading.staged, absent, on: connection)
        }
        if reading.findings.changes + reading.findings.absent > 0 {
            try await detection.apply(reading.findings, on: connection)
        }
        try await handedOver
        return DetectedBatch(
            stage: stage, survey: reading.survey, detection: detection, duplicates: 0, marks: nil,
            findings: reading.findings)
    }

    /// Has the server tell what the candidates change; it is written as that of any other batch.
    private func decide(
        _ reading: Reading, _ comparison: KeyComparison, _ detection: ChangeDetection,
        on connection: PostgresConnection
    ) async throws -> DetectedBatch {
        try await fill(with: reading.staged, detection.detectsAbsence ? comparison.absent : nil, on: connection)
        var (marks, findings) = try await detection.decide(of: reading.survey.records, on: connection)
        (findings.live, findings.absent) = (reading.findings.live, reading.findings.absent)
        findings.orphaned = reading.findings.orphaned
        return DetectedBatch(
            stage: stage, survey: reading.survey, detection: detection, duplicates: 0, marks: marks,
            findings: findings)
    }

    /// Brings the stage what changed, and behind it the absent keys, at ordinals below zero.
    private func fill(
        with staged: ByteSpool, _ absent: KeyPartitions?, on connection: PostgresConnection
    ) async throws {
        try await connection.beginCopyIn(stage.copyToStage)
        for place in staged.pieces { try await connection.putCopyData(staged.read(place)) }
        var rows = CopyBuffer(continues: !staged.pieces.isEmpty)
        for partition in absent?.indices ?? 0..<0 {
            for entry in try absent?.entries(of: partition) ?? [] {
                StageRow.append(absent: entry.key, to: &rows)
                if rows.needsFlush { try await connection.putCopyData(&rows) }
            }
        }
        rows.finish()
        try await connection.putCopyData(&rows)
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
