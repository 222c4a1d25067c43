internal import ConnectorKit
internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The first batch of an entity: nothing is there to compare with, so its documents go into the log in one reading, where
/// any other batch is staged and compared first.
///
/// It holds for batches without duplicate keys; with an effective time a key may change several times, but not twice at one
/// time. Duplicates are found when the keys are sorted, and undone together with everything else; the batch then goes the
/// long way. Rejected records are staged as ever. The files may still be on their way: see `LandingFollower`.
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

    /// False where neither the log nor a row tells a key's last change: the newest one counts, in its scope.
    static func suits(_ entity: Entity) -> Bool {
        BatchShortcut.suits(entity) && (entity.fullScope == nil || entity.effectiveTimeColumn == nil)
    }

    /// Writes the log, and the last changes where it does not tell them; nil where something stands twice in the batch, too
    /// many records are rejected, or a guard is going to object.
    /// - Parameter report: Hears how many records have been read.
    func write(
        on connection: PostgresConnection, report: (_ records: Int) -> Void
    ) async throws -> DetectedBatch? {
        // Bronze's tables first, all that are to be changed: who reads both layers takes them in that order.
        let last: SQLText = LastChanges(table: table).canStayInLog ? "" : ", \(fragment: table.last)"
        try await connection.execute(
            "LOCK TABLE \(fragment: table.log)\(fragment: last) IN ACCESS EXCLUSIVE MODE")
        async let begun = MergeFeed(
            companion, batch, of: entity, expecting: expected, opensHistory: true, at: step.now)
        try await EmptyTable.clear(table.log, on: connection)
        for statement in table.openForFirstRows(of: batch) { try await connection.execute(statement) }
        return try await copy(feeding: begun, on: connection, report: report)
    }

    /// Builds the log's key; false where something stands twice.
    private func finish(_ identities: Identities, on connection: PostgresConnection) async throws -> Bool {
        async let indexed: Void = index(identities.count, on: connection)
        let isDistinct = try identities.areDistinct()
        try await indexed
        return isDistinct
    }

    private func index(_ rows: Int, on connection: PostgresConnection) async throws {
        for statement in table.closeAfterFirstRows(rows) { try await connection.execute(statement) }
    }

    /// What the reading came to; its COPY into the log is open.
    private struct Reading {
        var survey = BatchStage.Survey()
        var findings = ChangeDetection.Findings()
        var identities: Identities
        /// Of a parent that stands twice, only one record counts.
        var parentsAreDistinct = true
        /// nil where the log tells the last changes.
        var lastChanges: ScopedKeys?
        /// Rows for the stage.
        var rejects = CopyBuffer()
        var feed: MergeFeed
        var copy: CopyQueue
        /// Rows for the log that are still to be sent.
        var log = CopyBuffer()
    }

    private func copy(
        feeding begun: MergeFeed, on connection: PostgresConnection, report: (_ records: Int) -> Void
    ) async throws -> DetectedBatch? {
        // Of files on their way, the first one may be all.
        let common = CommonValues(
            run: batch.run, change: entity.deleteMarker == nil ? .upsert : nil,
            file: source.isArriving || source.manifest.files.count == 1 ? 1 : nil)
        let row = LogRow(entity, run: batch.run, filledIn: common)
        let defaults = table.logDefaults(common)
        try await connection.execute(defaults.set)
        var reading = try await Reading(
            identities: Identities(entity, expecting: expected),
            lastChanges: table.isLastInLog ? nil : ScopedKeys(table, of: batch), feed: begun,
            copy: CopyQueue(table.copyToLog(row.columns), on: connection))
        do {
            try await read(into: &reading, row, common, on: connection, report: report)
            // A key that changes within the batch has several versions: silver makes them from the log.
            if reading.feed.isFed, try reading.identities.repeatKeys() { reading.feed.giveUp() }
        } catch {
            await reading.copy.stop()
            throw error
        }
        let survey = reading.survey
        guard survey.rejected <= BatchShortcut.heldRejects, reading.parentsAreDistinct,
            Guard.objection(to: batch, of: entity, survey, reading.findings) == nil
        else {
            try await reading.copy.abort("the batch goes another way")
            return nil
        }
        // Each layer ends its COPY and builds its indexes on its own connection, at the same time.
        let feed = reading.feed
        async let handedOver: Void = feed.ended()
        try await reading.copy.end()
        let isWhole = try await finish(reading.identities, on: connection)
        try await handedOver
        guard isWhole else { return nil }
        try await connection.execute(defaults.drop)
        if survey.rejected > 0 {
            try await connection.beginCopyIn(stage.copyToStage)
            reading.rejects.finish()
            try await connection.putCopyData(&reading.rejects)
            try await connection.endCopyIn()
        }
        let detection = ChangeDetection(
            entity: entity, table: table, batch: batch, detectsAbsence: false, last: .new)
        let findings = try await keepLast(&reading, detection, on: connection)
        return DetectedBatch(
            stage: stage, survey: survey, detection: detection, duplicates: 0, marks: nil, findings: findings,
            isFirst: true)
    }

    /// Brings the last changes into their table where the log alone may not tell them; they show which of a key's changes is
    /// the newest one.
    private func keepLast(
        _ reading: inout Reading, _ detection: ChangeDetection, on connection: PostgresConnection
    ) async throws -> ChangeDetection.Findings {
        let findings = reading.findings
        guard !LastChanges(table: table).canStayInLog, findings.changes > 0 else { return findings }
        try await EmptyTable.clear(table.last, on: connection)
        guard reading.lastChanges == nil else {
            try await reading.lastChanges?.copy(on: connection)
            return findings
        }
        try await detection.apply(findings, on: connection)
        var found = findings
        found.inserted = try await connection.query(
            "SELECT count(*) FROM \(fragment: table.last) WHERE NOT _is_deleted")[0].get(0)
        found.updated = findings.inserted - found.inserted
        return found
    }

    /// Reads the batch to its end, or to the record that makes too many rejected ones.
    private func read(
        into reading: inout Reading, _ first: LogRow, _ values: CommonValues, on connection: PostgresConnection,
        report: (_ records: Int) -> Void
    ) async throws {
        var (row, common) = (first, values)
        var columns = SeenColumns(of: entity)
        var records = try source.reader()
        var reader = source.documentReader()
        // The items of an exploded entity are those of the parents within the window.
        let filter = entity.explosion == nil ? CursorFilter(entity, source.manifest, reader: &reader) : nil
        var staged = StageRow(entity: entity, masking: step.known)
        while try await records.nextArrived() {
            if common.file != nil, records.fileNumber > 1 {
                // From here on each row says which.
                reading.log.finish()
                try await reading.copy.add(&reading.log)
                try await reading.copy.end()
                common.file = nil
                (row, reading.log) = (LogRow(entity, run: batch.run, filledIn: common), CopyBuffer())
                reading.copy = try await CopyQueue(table.copyToLog(row.columns), on: connection)
            }
            for index in 0..<records.window.count {
                let verdict = reader.read(records, index)
                columns.see(records.window, index)
                defer { reading.survey.records += 1 }
                if let filter, filter.excludes(reader) { continue }
                if case .rejected(_, _, let keyIsKnown) = verdict {
                    reading.survey.rejected += 1
                    if !keyIsKnown { reading.survey.keyless += 1 }
                    guard reading.survey.rejected <= BatchShortcut.heldRejects else { return }
                    staged.append(
                        verdict, key: keyIsKnown ? reader.keyHash() : .zero, ordinal: reading.survey.records, records,
                        index, reader, to: &reading.rejects)
                    continue
                }
                let change: LogRow.Change = reader.isDelete ? .delete : .upsert
                let key = reader.keyHash()
                row.append(change, records, index, key: key, reader, to: &reading.log)
                try reading.identities.add(key, reader)
                try reading.lastChanges?.add(key, records, index, reader)
                if reader.isDelete { reading.findings.marked += 1 } else { reading.findings.inserted += 1 }
                reading.feed.add(change, records, index, key: key, &reader)
            }
            if reading.identities.showRepeatedKeys { reading.feed.giveUp() }
            if reading.log.needsFlush {
                try await reading.feed.send()
                try await reading.copy.add(&reading.log)
                report(reading.survey.records)
                try Task.checkCancellation()
            }
        }
        reading.parentsAreDistinct = try records.areParentsDistinct()
        reading.survey.missingColumns = columns.missing
        reading.survey.unknownFields = records.unknownNames
        reading.log.finish()
        try await reading.copy.add(&reading.log)
    }
}

/// What must not stand twice in a first batch: a key, with an effective time a key's change.
private struct Identities {
    private var keys: HashPartitions<KeyPrefix>
    /// With an effective time.
    private var changes: HashPartitions<KeyPrefix>?
    private var input = ByteWriter()
    private var first = FirstKeys()

    /// Nothing yet of about `expected`.
    init(_ entity: Entity, expecting expected: Int) {
        keys = HashPartitions(expecting: expected)
        changes = entity.effectiveTimeColumn == nil ? nil : HashPartitions(expecting: expected)
    }

    var count: Int { keys.count }

    /// Adds the record that the reader read last.
    mutating func add(_ key: UUIDValue, _ reader: borrowing DocumentReader) throws {
        try keys.add(KeyPrefix(key))
        guard changes != nil else { return }
        first.see(key)
        input.removeAll()
        input.append(bigEndian: reader.countsFrom.microseconds, key)
        input.append(byte: reader.isDelete ? 1 : 0)
        try changes?.add(KeyPrefix(input.withBytes { XXH3.hash128($0) }))
    }

    func areDistinct() throws -> Bool { try changes?.areDistinct() ?? keys.areDistinct() }

    /// True where a key was seen to change several times.
    var showRepeatedKeys: Bool { first.repeats }

    /// True where some key changes several times.
    func repeatKeys() throws -> Bool { try first.repeats || changes != nil && !keys.areDistinct() }
}
