internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// By which `order_by` the changes of one key and one effective time stand in bronze: `metadata.entity_shape.orders_by` keeps it.
///
/// The log has each change's place in the order as bytes. Under another definition they cannot be compared with those that come, and a
/// correction would be lost behind what it corrects. So another definition is refused as soon as there is one.
struct OrderDefinition {
    private let entity: EntityID
    /// As it is kept; nil where the log needs no order.
    private let text: String?
    /// That of an entity without `order_by`, which any other may follow: what has no place is the oldest.
    private static let none = "[]"

    init(_ entity: Entity, timezone: String) {
        self.entity = entity.id
        guard entity.effectiveTimeColumn != nil else {
            text = nil
            return
        }
        let columns = entity.orderBy.compactMap { EntityShape.column(named: $0, of: entity, timezone: timezone) }
        text = JSONValue.array(columns.map { .object($0.definition) }).text()
    }

    /// Why the entity cannot go on under this definition; nil where it can.
    func objection(to recorded: String?) -> String? {
        guard let text, let recorded, recorded != text, recorded != Self.none else { return nil }
        return
            "changes of \(entity) of one effective time are ordered by \(Self.title(recorded)), the metadata says "
            + "\(Self.title(text)): what comes could not be compared with them; set order_by back, or build the tables again from "
            + "raw: medallion rebuild \(entity) --from raw"
    }

    /// `/seq (integer), /sent (timestamptz)`, or nothing.
    private static func title(_ recorded: String) -> String {
        let columns = (try? JSONReader.parse(recorded))?.arrayValue ?? []
        return columns.isEmpty ? "nothing" : columns.map(EntityShape.Column.title).joined(separator: ", ")
    }

    /// Notes that the changes of bronze are ordered by this definition, in the transaction that has logged them.
    func note(on connection: PostgresConnection) async throws {
        guard let text else { return }
        try await connection.execute(
            """
            UPDATE metadata.entity_shape SET orders_by = \(text)
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                AND orders_by IS DISTINCT FROM \(text)
            """)
    }
}
