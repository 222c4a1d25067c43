internal import ConnectorKit
internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Writes rows of a bronze stage as COPY takes them: (key hash, ordinal, document hash, order, place, facts, reject).
struct StageRow {
    private let entity: Entity
    /// Asked for each reject: a landing that goes on may learn more.
    private let known: KnownSecrets
    private var order: [UInt8] = []

    /// Rows of one batch; what is shown of rejected values is masked.
    init(entity: Entity, masking known: KnownSecrets) {
        self.entity = entity
        self.known = known
    }

    /// Appends the record's row; what the reader read last is the record.
    mutating func append(
        _ verdict: DocumentReader.Verdict, key: UUIDValue, ordinal: Int, _ records: borrowing BatchReader,
        _ index: Int, _ reader: borrowing DocumentReader, to buffer: inout CopyBuffer
    ) {
        buffer.beginRow(columns: 12)
        buffer.append(uuid: key)
        buffer.append(int64: Int64(ordinal))
        buffer.append(uuid: records.window.withRecord(index) { XXH3.hash128($0) })
        order.removeAll(keepingCapacity: true)
        if case .accepted = verdict { reader.appendSortKey(to: &order) }
        if order.isEmpty { buffer.appendNull() } else { buffer.append(bytea: order.span) }
        buffer.append(int32: Int32(records.fileNumber))
        buffer.append(int32: Int32(records.firstRecord + index))
        append(facts: reader, of: verdict, in: records.scope(at: index), to: &buffer)
        append(verdict, of: index, in: records, to: &buffer)
    }

    /// Appends a row that tells a key to be absent: it has an ordinal below zero, and no record.
    static func append(absent key: UUIDValue, to buffer: inout CopyBuffer) {
        buffer.beginRow(columns: 12)
        buffer.append(uuid: key)
        buffer.append(int64: -1)
        buffer.append(uuid: .zero)
        buffer.appendNull()
        buffer.append(int32: 0)
        buffer.append(int32: 0)
        buffer.append(bool: true)
        for _ in 0..<5 { buffer.appendNull() }
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
        _ verdict: DocumentReader.Verdict, of index: Int, in records: borrowing BatchReader, to buffer: inout CopyBuffer
    ) {
        guard case .rejected(let name, let reason, _) = verdict else {
            for _ in 0..<3 { buffer.appendNull() }
            return
        }
        let mask = known.mask
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

/// Which columns any record had.
struct SeenColumns {
    private let columns: [Column]
    private var isSeen: [Bool]
    private var unseen: Int

    /// None yet of the entity's.
    init(of entity: Entity) {
        columns = entity.columns
        isSeen = [Bool](repeating: false, count: columns.count)
        unseen = columns.count
    }

    /// Looks at one record.
    mutating func see(_ window: borrowing RecordWindow, _ index: Int) {
        guard unseen > 0 else { return }
        for column in isSeen.indices where !isSeen[column] && window.kind(index, column) != .missing {
            isSeen[column] = true
            unseen -= 1
        }
    }

    /// The names of those that no record had.
    var missing: [String] { isSeen.indices.filter { !isSeen[$0] }.map { columns[$0].name } }
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
