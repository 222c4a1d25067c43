import ConnectorKit
import JSON
import Metadata

/// A table or view of a database's own catalogue, on its way to a draft of an entity.
struct CatalogueDraft {
    /// As `source.table` writes it.
    var table: String
    /// Words for the entity's name.
    var nameParts: [String]
    var description = ""
    /// The names in the source of the primary key's columns, in order.
    var key: [String] = []
    private var columns: [DiscoveredColumn] = []
    private var naming = ColumnNaming()
    /// The names in silver by those in the source.
    private var names: [String: String] = [:]

    init(table: String, nameParts: [String], description: String = "") {
        self.table = table
        self.nameParts = nameParts
        self.description = description
    }

    /// Adds a column under a name of its own in silver, with a path where that is another.
    mutating func add(
        _ name: String, _ type: ColumnType, isNullable: Bool, description: String = "",
        confidence: Confidence = .declared
    ) {
        let plain = naming.name(for: name)
        names[name] = plain
        columns.append(
            DiscoveredColumn(
                name: plain, path: plain == name ? nil : JSONPointer([name]).description, type: type,
                isNullable: isNullable, description: description, confidence: confidence))
    }

    /// The draft.
    var entity: DiscoveredEntity {
        DiscoveredEntity(
            name: ColumnNaming.name(for: nameParts.joined(separator: "_"), fallback: "table"), description: description,
            source: .object([JSONMember("table", .string(table))]), columns: columns,
            key: key.compactMap { names[$0] },
            cursorColumn: Self.cursor(among: columns).map { DiscoveredCursor(column: $0, confidence: .named) })
    }

    /// The column that is called like the instant of the last change; the clearest name wins.
    static func cursor(among columns: [DiscoveredColumn]) -> String? {
        let names = [
            "updated_at", "modified_at", "changed_at", "last_modified_at", "last_updated_at", "updated_on",
            "modified_on",
            "changed_on", "last_modified", "last_updated", "last_update", "last_change", "updated", "modified",
            "changed",
            "modified_date", "updated_date", "date_updated", "date_modified", "update_time", "mtime",
        ]
        let moments = columns.filter { $0.type == .timestamptz || $0.type == .timestamp }.map(\.name)
        return names.first { moments.contains($0) }
    }
}
