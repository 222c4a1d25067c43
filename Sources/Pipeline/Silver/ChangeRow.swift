internal import Metadata
internal import Postgres
internal import Primitives

/// Writes typed changes as COPY takes them: for the stage, or for an empty history itself.
enum ChangeRow {
    /// The stage: the stored columns at these places, hashes, change and place.
    case staged([Int])
    /// An empty history, which deletes are no part of.
    case opening(HistoryRow)

    /// Rows for the stage.
    static func staged(of entity: Entity) -> ChangeRow {
        .staged(entity.columns.indices.filter { entity.columns[$0].isStored })
    }

    /// Appends the change whose document the reader read last.
    func append(
        _ change: String, _ reader: inout DocumentReader, key: UUIDValue, file: Int, record: Int,
        to buffer: inout CopyBuffer
    ) {
        switch self {
        case .opening(let row): row.append(&reader, key: key, to: &buffer)
        case .staged(let stored):
            buffer.beginRow(columns: stored.count + 6)
            reader.appendValues(of: stored, to: &buffer)
            buffer.append(uuid: key)
            buffer.append(uuid: reader.overwrittenHash())
            buffer.append(uuid: reader.versionedHash())
            buffer.append(text: change)
            buffer.append(int32: Int32(file))
            buffer.append(int32: Int32(record))
        }
    }

    /// Appends the delete of a key.
    func appendDelete(of key: UUIDValue, to buffer: inout CopyBuffer) {
        guard case .staged(let stored) = self else { return }
        buffer.beginRow(columns: stored.count + 6)
        for _ in stored { buffer.appendNull() }
        buffer.append(uuid: key)
        buffer.append(uuid: .zero)
        buffer.append(uuid: .zero)
        buffer.append(text: "delete")
        buffer.append(int32: 0)
        buffer.append(int32: 0)
    }
}
