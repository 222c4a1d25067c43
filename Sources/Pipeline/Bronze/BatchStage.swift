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

    private var entity: Entity { source.entity }

    /// Stages (key hash, document hash, order) of every record, and why some are rejected.
    func fill(on connection: PostgresConnection, step: Step) async throws -> Survey {
        var survey = Survey()
        var present = [Bool](repeating: false, count: entity.columns.count)
        var records = try source.reader(keepsParents: true)
        var reader = source.documentReader()
        // The items of an exploded entity are those of the parents within the window.
        let filter = parents == nil ? CursorFilter(entity, source.manifest, reader: &reader) : nil
        let hasKey = !entity.keyColumns.isEmpty
        try await connection.beginCopyIn(copyToStage)
        var buffer = CopyBuffer()
        var order: [UInt8] = []
        let mask = step.known.mask
        while try records.next() {
            for index in 0..<records.window.count {
                let place = (file: records.fileNumber, record: records.firstRecord + index)
                var verdict = reader.read(records.window, index)
                if let problem = records.problem(at: index) {
                    verdict = .rejected(column: problem.column, reason: problem.reason, keyIsKnown: false)
                }
                for column in present.indices where !present[column] {
                    present[column] = records.window.kind(index, column) != .missing
                }
                if let filter, case .accepted = verdict, filter.excludes(reader) {
                    survey.records += 1
                    continue
                }
                buffer.beginRow(columns: 12)
                switch verdict {
                case .accepted:
                    buffer.append(
                        uuid: hasKey
                            ? reader.keyHash()
                            : reader.placeHash(run: batch.run.id, file: place.file, record: place.record))
                case .rejected(_, _, let keyIsKnown):
                    buffer.append(uuid: keyIsKnown ? reader.keyHash() : .zero)
                    survey.rejected += 1
                    if !keyIsKnown { survey.keyless += 1 }
                }
                buffer.append(int64: Int64(survey.records))
                buffer.append(uuid: records.window.withRecord(index) { XXH3.hash128($0) })
                order.removeAll(keepingCapacity: true)
                if case .accepted = verdict { reader.appendSortKey(to: &order) }
                if order.isEmpty { buffer.appendNull() } else { buffer.append(bytea: order.span) }
                buffer.append(int32: Int32(place.file))
                buffer.append(int32: Int32(place.record))
                append(facts: reader, of: verdict, in: records.scope(at: index), to: &buffer)
                append(verdict, of: index, in: records, masking: mask, to: &buffer)
                survey.records += 1
            }
            if buffer.needsFlush {
                try await connection.putCopyData(buffer.takeBytes())
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
        survey.missingColumns = entity.columns.indices.filter { !present[$0] }.map { entity.columns[$0].name }
        survey.unknownFields = records.window.unknownNames.filter { parents == nil || $0 != Explosion.positionMember }
        return survey
    }

    private var copyToStage: SQLText { "COPY \(fragment: table.stage) FROM STDIN (FORMAT binary)" }

    /// Ends the COPY at hand; the buffer is fit for another one.
    private func end(_ buffer: inout CopyBuffer, on connection: PostgresConnection) async throws {
        buffer.finish()
        try await connection.putCopyData(buffer.takeBytes())
        try await connection.endCopyIn()
        buffer = CopyBuffer()
    }

    /// Appends the documents of the marked records to the log.
    func log(_ marks: ChangeMarks, on connection: PostgresConnection, step: Step) async throws {
        var records = try source.reader()
        var reader = source.documentReader()
        let hasKey = !entity.keyColumns.isEmpty
        let isBinary = entity.documentStorage == .jsonb
        try await connection.beginCopyIn(
            """
            COPY \(fragment: table.log) (_key_hash, _doc_hash, _change, _run_id, _run_timestamp, _raw_file, _record_no,
                doc, _effective_at, _applies_at, _order) FROM STDIN (FORMAT binary)
            """)
        var buffer = CopyBuffer()
        var ordinal = 0
        var order: [UInt8] = []
        let (upsert, restore, delete) = (Array("upsert".utf8), Array("restore".utf8), Array("delete".utf8))
        while try records.next() {
            for index in 0..<records.window.count {
                defer { ordinal += 1 }
                guard marks.isChanged(ordinal) else { continue }
                let place = (file: records.fileNumber, record: records.firstRecord + index)
                _ = reader.read(records.window, index)
                buffer.beginRow(columns: 11)
                buffer.append(
                    uuid: hasKey
                        ? reader.keyHash()
                        : reader.placeHash(run: batch.run.id, file: place.file, record: place.record))
                records.window.withRecord(index) { record in
                    buffer.append(uuid: XXH3.hash128(record))
                    let change = reader.isDelete ? delete : marks.isRestored(ordinal) ? restore : upsert
                    buffer.append(text: change.span)
                    buffer.append(uuid: batch.run.id)
                    buffer.append(instant: batch.run.timestamp)
                    buffer.append(int32: Int32(place.file))
                    buffer.append(int32: Int32(place.record))
                    if isBinary { buffer.append(jsonb: record) } else { buffer.append(text: record) }
                }
                guard let instant = reader.effectiveTime else {
                    for _ in 0..<3 { buffer.appendNull() }
                    continue
                }
                buffer.append(instant: instant)
                buffer.append(instant: instant)
                order.removeAll(keepingCapacity: true)
                reader.appendSortKey(to: &order)
                if order.isEmpty { buffer.appendNull() } else { buffer.append(bytea: order.span) }
            }
            if buffer.needsFlush {
                try await connection.putCopyData(buffer.takeBytes())
                step.progress(records: ordinal)
                try Task.checkCancellation()
            }
        }
        try await end(&buffer, on: connection)
    }

    /// Whether the record deletes its key, from when it is valid, and its scope.
    private func append(
        facts reader: borrowing DocumentReader, of verdict: DocumentReader.Verdict, in parent: UUIDValue?,
        to buffer: inout CopyBuffer
    ) {
        guard case .accepted = verdict else {
            buffer.append(bool: false)
            buffer.appendNull()
            if let parent { buffer.append(uuid: parent) } else { buffer.appendNull() }
            return
        }
        buffer.append(bool: reader.isDelete)
        if let instant = reader.effectiveTime { buffer.append(instant: instant) } else { buffer.appendNull() }
        if let scope = parent ?? reader.scope { buffer.append(uuid: scope) } else { buffer.appendNull() }
    }

    /// The three columns that say why a record is rejected, NULL where it is not.
    private func append(
        _ verdict: DocumentReader.Verdict, of index: Int, in records: borrowing BatchReader, masking mask: SecretMask,
        to buffer: inout CopyBuffer
    ) {
        guard case .rejected(let name, let reason, _) = verdict else {
            for _ in 0..<3 { buffer.appendNull() }
            return
        }
        if let name { buffer.append(text: name) } else { buffer.appendNull() }
        buffer.append(text: mask.mask(reason))
        let column = entity.columns.firstIndex { $0.name == name }
        let excerpt: String? =
            if let column {
                entity.columns[column].pii == .none
                    ? records.window.withCell(index, column) { Excerpt.of($0, masking: mask) } : "‹personal data›"
            } else if entity.columns.allSatisfy({ $0.pii == .none }) {
                records.window.withRecord(index) { Excerpt.of($0, masking: mask) }
            } else {
                "‹personal data›"
            }
        if let excerpt { buffer.append(text: excerpt) } else { buffer.appendNull() }
    }
}

/// The beginning of a value, fit for a table and a terminal: at most 80 bytes and the secrets in them replaced, control
/// characters shown as U+FFFD.
enum Excerpt {
    static func of(_ bytes: Span<UInt8>, masking mask: SecretMask) -> String {
        // So much more is looked at that a secret which the end would cut in two is seen as a whole.
        let seen = bytes.extracting(first: min(80 + mask.longest, bytes.count))
        let masked = Array(mask.mask(String(decoding: seen)).utf8)
        let text = String(decoding: masked.span.extracting(first: min(80, masked.count)))
        let shown = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? "\u{FFFD}" : $0 }))
        return masked.count > 80 || seen.count < bytes.count ? shown + "…" : shown
    }
}
