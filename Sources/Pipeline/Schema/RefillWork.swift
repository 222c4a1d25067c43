internal import Metadata

/// What the open rows of an entity need because its definitions changed: nil where they need nothing.
struct RefillWork {
    /// Columns whose values are read again from the documents, in the metadata's order.
    let refilled: [Column]
    /// Of them, those that stood elsewhere in the documents before.
    let moved: Set<String>

    init?(from recorded: EntityShape, to entity: Entity, _ wanted: EntityShape) {
        guard recorded != wanted else { return nil }
        var refilled: [Column] = []
        var moved: Set<String> = []
        for column in entity.storedColumns where !column.isKey {
            guard let now = wanted[column.name] else { continue }
            var before = recorded[column.name]
            if before == nil, let former = column.renamedFrom { before = recorded[former] }
            guard let before, before.isStored else {
                refilled.append(column)
                continue
            }
            if before.path != now.path { moved.insert(column.name) }
            let isStale = before.role == ColumnRole.ignore.rawValue && now.role != before.role
            if before.path != now.path || before.reading != now.reading || isStale
                || !TypeWidening.keepsValues(from: before.kind, to: now.kind)
            {
                refilled.append(column)
            }
        }
        self.refilled = refilled
        self.moved = moved
    }

    /// Rows are hashed anew, though no value changes.
    init(refilled: [Column], moved: Set<String>) {
        self.refilled = refilled
        self.moved = moved
    }

    var columnNames: String { refilled.map(\.name).joined(separator: ", ") }

    var title: String { refilled.isEmpty ? "hashed anew" : "read again and hashed anew" }
}
