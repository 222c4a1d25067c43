import JSON
import Primitives

/// What holds between an exploded entity and its parent.
extension CatalogRules {
    mutating func checkExplosions() {
        for child in entities {
            guard let entity = child.entity, let explosion = entity.explosion else { continue }
            let place = child.object.pointer.appending("bronze").appending("from")
            let siblings = entities.filter { $0.system == child.system }
            guard let parent = siblings.first(where: { $0.name == explosion.parent.name }) else {
                let known = siblings.compactMap(\.name).filter { $0 != child.name }
                report(
                    child.object, place, "unknown entity \(quoted(explosion.parent.name))",
                    expected: anyOf(known, none: "an entity of the same system, of which there are none"),
                    nearest: nearestName(to: explosion.parent.name, among: known))
                continue
            }
            // A faulty parent has been reported.
            guard let source = parent.entity else { continue }
            if source.explosion != nil {
                report(
                    child.object, place, "\(source.id) is exploded itself", expected: "an entity that lands its batches"
                )
                continue
            }
            if parent.isTabular {
                report(
                    child.object, place, "\(source.id) is read from CSV, which has no lists",
                    expected: "an entity of JSON records")
            }
            if source.effectiveTimeColumn != nil {
                report(
                    child.object, place, "\(source.id) has an effective time",
                    expected: "an entity without: this version takes items as of the parent's batch")
            }
            if source.loadType != entity.loadType {
                report(
                    child.object, child.object.pointer.appending("load_type"),
                    "\(entity.loadType.rawValue), but \(source.id) is loaded \(source.loadType.rawValue)",
                    expected: source.loadType.rawValue)
            }
            checkParentColumns(of: child, entity, explosion, source)
        }
    }

    /// The parent's columns are its whole key, and are read as the parent reads them.
    private mutating func checkParentColumns(
        of child: ReadEntity, _ entity: Entity, _ explosion: Explosion, _ parent: Entity
    ) {
        let place = child.object.pointer.appending("bronze").appending("parent_columns")
        let key = parent.keyColumns.map(\.name)
        guard !key.isEmpty else {
            return report(
                child.object, child.object.pointer.appending("bronze").appending("from"),
                "\(parent.id) has no key", expected: "an entity with key columns")
        }
        for (index, name) in explosion.parentColumns.enumerated() where !key.contains(name) {
            report(
                child.object, place.appending(index), "\(quoted(name)) is no key column of \(parent.id)",
                expected: anyOf(key, none: ""), nearest: nearestName(to: name, among: key))
        }
        let lacking = key.filter { !explosion.parentColumns.contains($0) }
        if !lacking.isEmpty, explosion.parentColumns.allSatisfy(key.contains) {
            report(
                child.object, place, "lacks \(lacking.joined(separator: ", ")) of the key of \(parent.id)",
                expected: key.joined(separator: ", "))
        }
        for (column, name) in entity.parentColumns {
            guard let source = parent.columns.first(where: { $0.name == name }), source.type != column.type,
                let index = child.columnNames.firstIndex(where: { $0.name == column.name })
            else { continue }
            report(
                child.object, child.object.pointer.appending("columns").appending(index).appending("type"),
                "\(column.type.name) differs from '\(name)' of \(parent.id)",
                expected: "\(source.type.name) with the same length, precision and scale")
        }
    }
}
