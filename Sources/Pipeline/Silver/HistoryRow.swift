internal import Metadata
internal import Postgres
internal import Primitives

/// Writes rows of an empty history as COPY takes them: each change opens its key's first version.
struct HistoryRow {
    private let stored: [Int]
    private let hasEffectiveTime: Bool

    /// Rows of one batch.
    init(_ entity: Entity) {
        stored = entity.columns.indices.filter { entity.columns[$0].isStored }
        hasEffectiveTime = entity.effectiveTimeColumn != nil
    }

    /// The statement that takes them, once the table is open for first rows.
    static func copy(into table: SilverTable) -> SQLText {
        let columns =
            table.entity.storedColumns.map(\.name) + ["_key_hash", "_scd1_hash", "_scd2_hash"]
            + (table.entity.effectiveTimeColumn == nil ? [] : ["_valid_from"])
        return "COPY \(fragment: table.history) (\(identifiers: columns)) FROM STDIN (FORMAT binary)"
    }

    /// Appends the row of the record that the reader read last.
    func append(_ reader: inout DocumentReader, key: UUIDValue, to buffer: inout CopyBuffer) {
        buffer.beginRow(columns: stored.count + (hasEffectiveTime ? 4 : 3))
        reader.appendValues(of: stored, to: &buffer)
        buffer.append(uuid: key)
        buffer.append(uuid: reader.overwrittenHash())
        buffer.append(uuid: reader.versionedHash())
        if hasEffectiveTime { buffer.append(instant: reader.countsFrom) }
    }
}
