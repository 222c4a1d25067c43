internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// What all rows of a first batch have in common: see `BronzeTable.logDefaults`.
struct CommonValues {
    let run: RunIdentity
    /// What every row says of its key, where that can be told before they are read.
    let change: LogRow.Change?
    /// The number of the file that all records come from; nil where there are more.
    var file: Int?
}

/// Writes rows of a bronze log as COPY takes them: `BronzeTable.copyToLog`.
struct LogRow {
    /// What the row says of its key.
    enum Change: String {
        case upsert, restore, delete
    }

    /// The columns of the log, in the order in which `append` writes them.
    let columns: [String]
    private let run: RunIdentity
    private let common: CommonValues?
    private let hasEffectiveTime: Bool
    private let isBinary: Bool
    private let upsert = Array("upsert".utf8)
    private let restore = Array("restore".utf8)
    private let delete = Array("delete".utf8)
    private var order: [UInt8] = []

    /// Rows of one batch.
    /// - Parameter common: What the log itself fills in.
    init(_ entity: Entity, run: RunIdentity, filledIn common: CommonValues? = nil) {
        self.run = run
        self.common = common
        hasEffectiveTime = entity.effectiveTimeColumn != nil
        isBinary = entity.documentStorage == .jsonb
        columns =
            ["_key_hash", "_doc_hash"] + (common?.change == nil ? ["_change"] : [])
            + (common == nil ? ["_run_id", "_run_timestamp"] : []) + (common?.file == nil ? ["_raw_file"] : [])
            + ["_record_no", "doc"] + (hasEffectiveTime ? ["_effective_at", "_applies_at", "_order"] : [])
    }

    /// Appends the record's row; what the reader read last is the record.
    mutating func append(
        _ change: Change, _ records: borrowing BatchReader, _ index: Int, key: UUIDValue,
        _ reader: borrowing DocumentReader, to buffer: inout CopyBuffer
    ) {
        buffer.beginRow(columns: columns.count)
        buffer.append(uuid: key)
        records.window.withRecord(index) { record in
            buffer.append(uuid: XXH3.hash128(record))
            if common?.change == nil { append(change, to: &buffer) }
            if common == nil {
                buffer.append(uuid: run.id)
                buffer.append(instant: run.timestamp)
            }
            if common?.file == nil { buffer.append(int32: Int32(records.fileNumber)) }
            buffer.append(int32: Int32(records.firstRecord + index))
            if !isBinary { buffer.append(text: record) }
        }
        if isBinary { records.window.withSortedRecord(index) { buffer.append(jsonb: $0) } }
        guard hasEffectiveTime else { return }
        buffer.append(instant: reader.countsFrom)
        buffer.append(instant: reader.countsFrom)
        order.removeAll(keepingCapacity: true)
        reader.appendSortKey(to: &order)
        if order.isEmpty { buffer.appendNull() } else { buffer.append(bytea: order.span) }
    }

    private func append(_ change: Change, to buffer: inout CopyBuffer) {
        switch change {
        case .upsert: buffer.append(text: upsert.span)
        case .restore: buffer.append(text: restore.span)
        case .delete: buffer.append(text: delete.span)
        }
    }
}
