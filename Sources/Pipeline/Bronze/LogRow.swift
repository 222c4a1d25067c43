internal import Hashing
internal import JSON
internal import Postgres
internal import Primitives

/// Writes rows of a bronze log as COPY takes them: `BronzeTable.copyToLog`.
struct LogRow {
    /// What the row says of its key.
    enum Change: String {
        case upsert, restore, delete
    }

    private let run: RunIdentity
    /// True where documents are jsonb.
    let isBinary: Bool
    private let upsert = Array("upsert".utf8)
    private let restore = Array("restore".utf8)
    private let delete = Array("delete".utf8)
    private var order: [UInt8] = []

    /// Rows of one batch; `isBinary` where documents are jsonb.
    init(run: RunIdentity, isBinary: Bool) {
        self.run = run
        self.isBinary = isBinary
    }

    /// Appends the record's row; what the reader read last is the record. Returns the document's hash.
    @discardableResult
    mutating func append(
        _ change: Change, _ records: borrowing BatchReader, _ index: Int, key: UUIDValue,
        _ reader: borrowing DocumentReader, to buffer: inout CopyBuffer
    ) -> UUIDValue {
        buffer.beginRow(columns: 11)
        buffer.append(uuid: key)
        var document = UUIDValue.zero
        records.window.withRecord(index) { record in
            document = XXH3.hash128(record)
            buffer.append(uuid: document)
            switch change {
            case .upsert: buffer.append(text: upsert.span)
            case .restore: buffer.append(text: restore.span)
            case .delete: buffer.append(text: delete.span)
            }
            buffer.append(uuid: run.id)
            buffer.append(instant: run.timestamp)
            buffer.append(int32: Int32(records.fileNumber))
            buffer.append(int32: Int32(records.firstRecord + index))
            if isBinary { buffer.append(jsonb: record) } else { buffer.append(text: record) }
        }
        guard let instant = reader.effectiveTime else {
            for _ in 0..<3 { buffer.appendNull() }
            return document
        }
        buffer.append(instant: instant)
        buffer.append(instant: instant)
        order.removeAll(keepingCapacity: true)
        reader.appendSortKey(to: &order)
        if order.isEmpty { buffer.appendNull() } else { buffer.append(bytea: order.span) }
        return document
    }
}
