internal import Metadata
internal import Postgres

/// Columns that no record of a full batch had: the merge keeps their values, so that a source that forgets a column
/// for a day makes no versions.
///
/// They come along with the documents, out of the open rows of the same keys, and are hashed with what the documents say.
struct CarriedColumns {
    /// Their places among the entity's columns.
    let places: [Int]
    private let table: SilverTable

    init(_ batch: Batch, of table: SilverTable) {
        self.table = table
        let columns = table.entity.columns
        places = columns.indices.filter {
            columns[$0].isStored && !columns[$0].isKey && batch.missingColumns.contains(columns[$0].name)
        }
    }

    /// What a query of changes `b` selects besides: whether the key has an open row, and that row's values.
    var selected: SQLText {
        guard !places.isEmpty else { return "" }
        let values = places.map { "t.\(identifier: table.entity.columns[$0].name)" as SQLText }
        return ", t._key_hash IS NOT NULL, \(fragment: values.joined(separator: ", "))"
    }

    /// Where it has them from.
    var join: SQLText {
        guard !places.isEmpty else { return "" }
        return """
            LEFT JOIN \(fragment: table.history) t ON t._key_hash = b._key_hash AND \(fragment: table.isOpen("t"))
            """
    }
}
