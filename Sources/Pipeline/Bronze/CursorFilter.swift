internal import ConnectorKit
internal import Metadata

/// Leaves out what a delta load did not ask for, where its source can only give everything: files.
///
/// A record whose cursor is NULL or cannot be read is kept.
struct CursorFilter {
    private let column: Int
    private let bound: [UInt8]

    /// nil where the batch holds only what was asked for.
    init?(_ entity: Entity, _ manifest: Manifest, reader: inout DocumentReader) {
        guard manifest.isUnfiltered == true, manifest.loadType == .delta, let from = manifest.cursorFrom,
            let column = entity.cursorIndex,
            let bound = reader.sortKey(of: column, cursor: from)
        else { return nil }
        self.column = column
        self.bound = bound
    }

    /// True for the record just read when it is older than the window.
    func excludes(_ reader: borrowing DocumentReader) -> Bool {
        var key: [UInt8] = []
        reader.appendSortKey(of: column, to: &key)
        return key != [0] && key.lexicographicallyPrecedes(bound)
    }
}
