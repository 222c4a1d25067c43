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
    var columns: [DiscoveredColumn] = []
    /// The names in the source of the primary key's columns, in order.
    var key: [String] = []

    /// A column under its name in silver, with a path where that is another.
    static func column(
        _ name: String, _ type: ColumnType, isNullable: Bool, description: String = "",
        confidence: Confidence = .declared
    ) -> DiscoveredColumn {
        let plain = plainName([name])
        return DiscoveredColumn(
            name: plain, path: plain == name ? nil : JSONPointer([name]).description, type: type,
            isNullable: isNullable, description: description, confidence: confidence)
    }

    /// The draft.
    var entity: DiscoveredEntity {
        DiscoveredEntity(
            name: Self.plainName(nameParts), description: description,
            source: .object([JSONMember("table", .string(table))]), columns: columns,
            key: key.map { Self.plainName([$0]) },
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

    /// `^[a-z][a-z0-9_]*$` from any name: `OrderLines` becomes `order_lines`.
    static func plainName(_ parts: [String]) -> String {
        var plain: [UInt8] = []
        var wasLower = false
        for byte in parts.joined(separator: "_").utf8 {
            switch byte {
            case 0x41...0x5A:
                if wasLower { plain.append(0x5F) }
                plain.append(byte + 0x20)
            case 0x61...0x7A, 0x30...0x39: plain.append(byte)
            default: if plain.last != 0x5F, !plain.isEmpty { plain.append(0x5F) }
            }
            wasLower = (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
        }
        while plain.last == 0x5F { plain.removeLast() }
        let isNamed = plain.first.map { (0x61...0x7A).contains($0) } ?? false
        return (isNamed ? "" : "c_") + String(decoding: plain, as: UTF8.self)
    }
}
