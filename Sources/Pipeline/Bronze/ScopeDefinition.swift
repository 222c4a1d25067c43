internal import JSON
internal import Metadata
internal import Postgres

/// Where the scope of a key is read, and how: `metadata.entity_shape.scopes_by` keeps by which definition those of the live keys
/// were.
///
/// A key's scope is that of its last document, taken when that document came. Under another definition each of them would
/// have to be read again, also those of keys that never change; until then what is absent would be deleted wrongly or not
/// at all. So another definition is refused as long as there are keys.
struct ScopeDefinition {
    /// As it is kept; empty where the entity has no scope.
    let text: String

    init(_ entity: Entity, timezone: String) {
        text = EntityShape.scope(of: entity, timezone: timezone)?.definition.text() ?? ""
    }

    /// Why the entity's tables cannot go on under this definition; nil where they can.
    /// - Parameter recorded: By which one the scopes were taken; nil where that was never noted.
    func objection(
        to recorded: String?, of table: BronzeTable, on connection: PostgresConnection
    ) async throws -> String? {
        guard !text.isEmpty, recorded != text else { return nil }
        // What an earlier version has filled it has not noted: then a key without a scope tells that there was none.
        let isOther: SQLText = recorded == nil ? "_scope IS NULL AND NOT _is_deleted" : "NOT _is_deleted"
        let found = try await connection.query(
            "SELECT 1 FROM \(fragment: table.last) WHERE \(fragment: isOther) LIMIT 1")
        guard !found.isEmpty else { return nil }
        return
            "keys of \(table.entity.id) have their full_scope from \(Self.title(recorded)), the metadata says "
            + "\(Self.title(text)): those that do not change would keep it, and be deleted wrongly or not at all, so the tables "
            + "must be built again from raw: medallion rebuild \(table.entity.id) --from raw"
    }

    /// `/region`, or nowhere.
    private static func title(_ recorded: String?) -> String {
        guard let recorded, let kept = try? JSONReader.parse(recorded) else { return "nowhere" }
        return "/" + (kept["path"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: "/")
    }
}
