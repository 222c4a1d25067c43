public import Metadata
internal import Primitives

/// A table that somebody named: its entity, and the system that the entity belongs to.
public struct NamedTable: Sendable {
    /// The entity whose history it holds.
    public let entity: Entity
    /// The entity's system.
    public let system: SourceSystem
    /// The entity that landed what the table was made from, where it is another one.
    let parent: Entity?

    /// The history in silver, qualified: `silver.shop_customers`.
    public var silver: String { "\(system.schemas.silver).\(entity.id.table)" }
    /// The log of changes in bronze, qualified.
    public var bronze: String { "\(system.schemas.bronze).\(entity.id.table)" }

    /// Finds `silver.shop_customers`, the view or function beside it, `bronze.shop_customers` or `shop.customers`.
    /// - Throws: `UsageError` with the nearest name; where `gold` is given, with what a gold view is made from.
    public init(_ text: String, in catalog: Catalog, gold: GoldGraph? = nil) throws {
        let tables = catalog.entities.compactMap { entity in
            catalog.system(entity.id.system).map {
                NamedTable(
                    entity: entity, system: $0, parent: entity.explosion.flatMap { catalog.entity($0.parent) })
            }
        }
        if let found = tables.first(where: { $0.names.contains { $0.utf8.elementsEqual(text.utf8) } }) {
            self = found
            return
        }
        let parts = text.split(separator: ".", maxSplits: 1)
        if parts.count == 2, parts[0] == "gold", let script = gold?[String(parts[1])] {
            let inputs = script.inputs.map(\.description).sorted().joined(separator: ", ")
            throw UsageError("'\(text)' is made by \(script.file) from \(inputs); name one of these")
        }
        let known = tables.flatMap { [$0.silver, $0.entity.id.description] }
        let hint = nearestName(to: text, among: known).map { "did you mean '\($0)'?" }
        throw UsageError(
            "no table '\(text)' in the metadata; "
                + (hint ?? "a table is named silver.TABLE or system.entity, see medallion status"))
    }

    init(entity: Entity, system: SourceSystem, parent: Entity? = nil) {
        self.entity = entity
        self.system = system
        self.parent = parent
    }

    private var names: [String] {
        [silver, silver + "_current", silver + "_asof", bronze, entity.id.description]
    }

    /// The column of that name.
    /// - Throws: `UsageError` with the nearest name.
    func column(_ name: String) throws -> Column {
        if let column = entity.columns.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) { return column }
        let known = entity.columns.map(\.name)
        let hint = nearestName(to: name, among: known).map { "did you mean '\($0)'?" }
        throw UsageError(
            "\(entity.id) has no column '\(name)'; " + (hint ?? "it has \(known.joined(separator: ", "))"))
    }
}
