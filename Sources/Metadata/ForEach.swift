public import JSON

/// `for_each`: an entity that is asked for once for each row of another one, or for each of some listed values.
///
/// What one request brings belongs to that row: every document of it gets the member `_parent`, an object with the
/// named columns of the row, so that a column with the path `/_parent/<name>` keeps where it came from. Expressions of
/// the source know the same object as `parent`.
public enum ForEach: Sendable, Hashable {
    /// For each current row of an entity of the same system, by these of its columns. A delta load asks for the rows
    /// that changed since the last batch only, where `changedOnly` is true.
    case entity(EntityID, columns: [String], changedOnly: Bool)
    /// For each of these objects.
    case values([JSONValue])

    /// The entity whose rows are taken; nil for listed values.
    public var entity: EntityID? {
        guard case .entity(let id, _, _) = self else { return nil }
        return id
    }

    /// What `_parent` has.
    public var names: [String] {
        switch self {
        case .entity(_, let columns, _): columns
        case .values(let values): values.first?.objectValue?.map(\.name) ?? []
        }
    }
}
