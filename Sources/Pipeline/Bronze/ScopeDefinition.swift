internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Where the scope of a key is read, and how: `metadata.entity_shape.scopes_by` keeps by which definition those of the keys in
/// bronze were.
///
/// A key's scope is that of its last document, taken when that document came. Under another definition each of them would
/// have to be read again, also those of keys that never change; until then what is absent would be deleted wrongly or not
/// at all. So another definition is refused as soon as a batch is in bronze.
struct ScopeDefinition {
    private let entity: EntityID
    /// As it is kept; empty where scopes decide nothing.
    private let text: String

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        guard Self.matters(to: entity),
            let column = EntityShape.column(named: entity.fullScope, of: entity, timezone: timezone)
        else {
            text = ""
            return
        }
        text = JSONValue.object(column.definition + [JSONMember("version", .string("\(RowHash.version)"))]).text()
    }

    /// False where absence means nothing, whatever the scope.
    static func matters(to entity: Entity) -> Bool { entity.deleteMode == .close && entity.history != .append }

    /// Why the entity cannot go on under this definition; nil where it can.
    /// - Parameter recorded: By which one the scopes were taken; nil where that was never noted.
    func objection(to recorded: String?, on connection: PostgresConnection) async throws -> String? {
        guard !text.isEmpty, recorded != text else { return nil }
        let batches = try await connection.query(
            """
            SELECT 1 FROM audit.raw_batch WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                AND state IN ('normalized', 'merged') LIMIT 1
            """)
        guard !batches.isEmpty else { return nil }
        return
            "keys of \(entity) have their full_scope from \(Self.title(recorded)), the metadata says \(Self.title(text)): "
            + "those that do not change would keep it, and be deleted wrongly or not at all; set full_scope back, or build the "
            + "tables again from raw: medallion rebuild \(entity) --from raw"
    }

    /// `/region (text)`, or nowhere.
    private static func title(_ recorded: String?) -> String {
        // What was never noted, and the note that there are none, are no JSON.
        guard let recorded, let kept = try? JSONReader.parse(recorded) else { return "nowhere" }
        return EntityShape.Column.title(of: kept)
    }

    /// Notes that the scopes of all keys are by this definition, in the transaction that has filled them.
    func note(on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE metadata.entity_shape SET scopes_by = \(text)
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                AND scopes_by IS DISTINCT FROM \(text)
            """)
    }
}
