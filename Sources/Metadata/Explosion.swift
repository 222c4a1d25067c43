import JSON

/// How the documents of an entity are made of lists within another entity's records: `bronze` with the patterns
/// `explode` and `map_entries`.
///
/// Such an entity lands nothing. It reads its parent's batches, and each item becomes a document: the fields of an
/// element that is an object, else `{"value": element}`; of a map's entry `{"key": name, "value": value}`. To that come
/// `_position`, from 1, and `_parent`, an object with the parent's columns.
public struct Explosion: Sendable, Hashable {
    /// What the items are.
    public enum Pattern: String, Sendable, CaseIterable {
        /// The elements of a list.
        case explode
        /// The members of an object that is used as a map.
        case mapEntries = "map_entries"
    }

    /// `pattern`.
    public var pattern: Pattern
    /// `from`: the entity of the same system whose batches are read.
    public var parent: EntityID
    /// `path` of the list or map within the parent's records, as unescaped reference tokens.
    public var path: [String]
    /// `parent_columns`: the parent's whole key.
    public var parentColumns: [String]

    /// The member of an item's document that holds the parent's columns.
    public static let parentMember = "_parent"
    /// The member of an item's document that holds its place in the list, from 1.
    public static let positionMember = "_position"

    /// A way to explode.
    public init(pattern: Pattern, parent: EntityID, path: [String], parentColumns: [String]) {
        self.pattern = pattern
        self.parent = parent
        self.path = path
        self.parentColumns = parentColumns
    }

    /// `path` as a JSON pointer, for messages.
    public var pointer: String { JSONPointer(path).description }
}

extension Entity {
    /// The entity that must be loaded before this one: whose batches it is made of, or for whose rows it is asked.
    public var parent: EntityID? { explosion?.parent ?? forEach?.entity }

    /// The columns that hold the parent's, with the name of that one; empty where nothing is exploded.
    public var parentColumns: [(column: Column, parent: String)] {
        columns.compactMap { column in
            guard let explosion, column.path.count == 2, column.path[0] == Explosion.parentMember,
                let name = explosion.parentColumns.first(where: { $0 == column.path[1] })
            else { return nil }
            return (column, name)
        }
    }

    /// The entity with columns that read the parent's values as the parent reads them.
    func reading(_ parent: Entity) -> Entity {
        var entity = self
        for (column, name) in parentColumns {
            guard let source = parent.columns.first(where: { $0.name == name }) else { continue }
            for index in entity.columns.indices where entity.columns[index].name == column.name {
                entity.columns[index].format = source.format
                entity.columns[index].trims = source.trims
                entity.columns[index].nullValues = source.nullValues
                entity.columns[index].timezone =
                    source.type == .timestamptz ? source.timezone ?? parent.timezone : nil
            }
        }
        return entity
    }
}
