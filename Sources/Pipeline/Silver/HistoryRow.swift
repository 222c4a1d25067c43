internal import Metadata
internal import Postgres
internal import Primitives

/// Writes rows of an empty history as COPY takes them: each change opens its key's first version.
struct HistoryRow {
    private let stored: [Int]
    private let run: RunIdentity
    private let now: Instant

    /// Rows of one batch; `now` is the wall clock, for `_created_at` and `_updated_at` only.
    init(_ entity: Entity, run: RunIdentity, now: Instant) {
        stored = entity.columns.indices.filter { entity.columns[$0].isStored }
        self.run = run
        self.now = now
    }

    /// The statement that takes them.
    static func copy(into table: SilverTable) -> SQLText {
        let columns = table.entity.storedColumns.map(\.name) + SilverTable.copiedColumns
        return "COPY \(fragment: table.history) (\(identifiers: columns)) FROM STDIN (FORMAT binary)"
    }

    /// Appends the row of the record that the reader read last.
    func append(_ reader: inout DocumentReader, key: UUIDValue, to buffer: inout CopyBuffer) {
        buffer.beginRow(columns: stored.count + SilverTable.copiedColumns.count)
        reader.appendValues(of: stored, to: &buffer)
        buffer.append(uuid: key)
        buffer.append(uuid: reader.overwrittenHash())
        buffer.append(uuid: reader.versionedHash())
        buffer.append(instant: run.timestamp)
        buffer.append(bool: false)
        buffer.append(uuid: run.id)
        buffer.append(instant: run.timestamp)
        buffer.append(uuid: run.id)
        buffer.append(instant: now)
        buffer.append(instant: now)
    }
}
