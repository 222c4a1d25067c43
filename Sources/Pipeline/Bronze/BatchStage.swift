internal import ConnectorKit
internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Fills the bronze stage from a batch's files, and later the log from the records that turned out to be changes.
///
/// The batch is read twice, the second time only where something changed, so that memory never holds a batch.
struct BatchStage {
    /// What the first reading saw.
    struct Survey {
        var records = 0
        var rejected = 0
        /// Rejected records whose key could not be read: deletion by absence is suspended then.
        var keyless = 0
        /// True where thousands of parents were read.
        var hasManyParents = false
        /// Columns that no record had.
        var missingColumns: [String] = []
        /// Top-level fields that no column reads.
        var unknownFields: [String] = []
    }

    let source: BatchSource
    let table: BronzeTable
    let batch: Batch
    /// Takes the parents of an exploded entity's items; nil for any other.
    let parents: ParentScopes?
    /// Where the last changes are.
    var last: LastChanges.State
    /// True where nothing is known of the entity yet.
    var isFirst: Bool { last == .new }

    /// About so many documents: of items, no more is known beforehand than their parents' bytes.
    var expected: Int { parents == nil ? batch.records : max(batch.records, batch.bytes / 256) }

    private var entity: Entity { source.entity }

    /// Stages (key hash, document hash, order) of every record, and why some are rejected.
    func fill(on connection: PostgresConnection, step: Step) async throws -> Survey {
        var survey = Survey()
        var columns = SeenColumns(of: entity)
        var records = try source.reader(keepsParents: true)
        var reader = source.documentReader()
        // The items of an exploded entity are those of the parents within the window.
        let filter = parents == nil ? CursorFilter(entity, source.manifest, reader: &reader) : nil
        let hasKey = !entity.keyColumns.isEmpty
        try await connection.beginCopyIn(copyToStage)
        var buffer = CopyBuffer()
        var row = StageRow(entity: entity, masking: step.known)
        while try records.next() {
            for index in 0..<records.window.count {
                let place = (file: records.fileNumber, record: records.firstRecord + index)
                let verdict = reader.read(records, index)
                columns.see(records.window, index)
                if let filter, filter.excludes(reader) {
                    survey.records += 1
                    continue
                }
                var key = UUIDValue.zero
                switch verdict {
                case .accepted:
                    key =
                        hasKey
                        ? reader.keyHash()
                        : reader.placeHash(run: batch.run.id, file: place.file, record: place.record)
                case .rejected(_, _, let keyIsKnown):
                    if keyIsKnown { key = reader.keyHash() }
                    survey.rejected += 1
                    if !keyIsKnown { survey.keyless += 1 }
                }
                row.append(verdict, key: key, ordinal: survey.records, records, index, reader, to: &buffer)
                survey.records += 1
            }
            if buffer.needsFlush {
                try await connection.putCopyData(&buffer)
                step.progress(records: survey.records)
                try Task.checkCancellation()
            }
            // A connection copies into one table at a time.
            if let rows = records.takeParents(isLast: false) {
                try await end(&buffer, on: connection)
                try await parents?.copy(rows, on: connection)
                survey.hasManyParents = true
                try await connection.beginCopyIn(copyToStage)
            }
        }
        try await end(&buffer, on: connection)
        if let rows = records.takeParents(isLast: true) { try await parents?.copy(rows, on: connection) }
        survey.missingColumns = columns.missing
        survey.unknownFields = records.unknownNames
        return survey
    }

    /// Takes rows of `StageRow`.
    var copyToStage: SQLText { "COPY \(fragment: table.stage) FROM STDIN (FORMAT binary)" }

    /// Ends the COPY at hand; the buffer is fit for another one.
    private func end(_ buffer: inout CopyBuffer, on connection: PostgresConnection) async throws {
        buffer.finish()
        try await connection.putCopyData(&buffer)
        try await connection.endCopyIn()
        buffer = CopyBuffer()
    }

    /// Sends the documents of the marked records to the log, and hands them to silver.
    /// - Returns: The COPY, which is still to be ended.
    func log(
        _ marks: ChangeMarks, feeding feed: inout MergeFeed, on connection: PostgresConnection, step: Step
    ) async throws -> LogCopy {
        var row = LogRow(entity, run: batch.run)
        var log = try await LogCopy(into: table, row.columns, rows: marks.count, on: connection)
        do { try await read(marks, &row, into: &log, feeding: &feed, step: step) } catch {
            await log.stop()
            throw error
        }
        return log
    }

    private func read(
        _ marks: ChangeMarks, _ row: inout LogRow, into log: inout LogCopy, feeding feed: inout MergeFeed, step: Step
    ) async throws {
        var records = try source.reader(of: marks)
        var reader = source.documentReader()
        let hasKey = !entity.keyColumns.isEmpty
        var buffer = CopyBuffer(continues: true)
        var ordinal = 0
        while try records.next() {
            for index in 0..<records.window.count {
                defer { ordinal += 1 }
                guard marks.isChanged(ordinal) else { continue }
                _ = reader.read(records.window, index)
                let key =
                    hasKey
                    ? reader.keyHash()
                    : reader.placeHash(
                        run: batch.run.id, file: records.fileNumber, record: records.firstRecord + index)
                let change: LogRow.Change =
                    reader.isDelete ? .delete : marks.isRestored(ordinal) ? .restore : .upsert
                row.append(change, records, index, key: key, reader, to: &buffer)
                feed.add(change, records, index, key: key, &reader)
            }
            if buffer.needsFlush {
                try await log.add(&buffer, feeding: &feed)
                step.progress(records: ordinal)
                try Task.checkCancellation()
            }
        }
        log.finish(&buffer)
    }
}
