import JSON
import Primitives

/// What holds between an entity and the one for whose rows it is asked.
extension CatalogRules {
    mutating func checkForEach() {
        var needs: [EntityID: EntityID] = [:]
        for child in entities {
            guard let entity = child.entity, case .entity(let id, let columns, let changedOnly)? = entity.forEach else {
                continue
            }
            needs[entity.id] = id
            let place = child.object.pointer.appending("for_each")
            let siblings = entities.filter { $0.system == child.system }
            guard let parent = siblings.first(where: { $0.name == id.name }) else {
                let known = siblings.compactMap(\.name).filter { $0 != child.name }
                report(
                    child.object, place.appending("entity"), "unknown entity \(quoted(id.name))",
                    expected: anyOf(known, none: "an entity of the same system, of which there are none"),
                    nearest: nearestName(to: id.name, among: known))
                continue
            }
            // A faulty parent has been reported.
            guard let source = parent.entity else { continue }
            let known = source.storedColumns.map(\.name)
            for (index, name) in columns.enumerated() where !known.contains(name) {
                report(
                    child.object, place.appending("columns").appending(index),
                    "\(quoted(name)) is no stored column of \(id)", expected: anyOf(known, none: "a column"),
                    nearest: nearestName(to: name, among: known))
            }
            if source.history == .append {
                report(
                    child.object, place.appending("entity"), "\(id) keeps every document and has no current rows",
                    expected: "an entity with another history")
            }
            if changedOnly, entity.delta == nil {
                report(
                    child.object, place.appending("changed_only"), "given for an entity that is loaded in full only",
                    expected: "an entity with delta: rows that are not asked for must not look deleted")
            }
        }
        checkCircles(needs)
    }

    private mutating func checkCircles(_ needs: [EntityID: EntityID]) {
        let names = Dictionary(uniqueKeysWithValues: needs.map { ($0.key.description, [$0.value.description]) })
        let ends = Dictionary(
            needs.values.map { ($0.description, [String]()) }, uniquingKeysWith: { first, _ in first })
        for cycle in DependencyOrder(names.merging(ends) { first, _ in first }).cycles {
            guard let child = entities.first(where: { $0.entity?.id.description == cycle[0] }) else { continue }
            report(
                child.object, child.object.pointer.appending("for_each"),
                "a cycle: \((cycle + [cycle[0]]).joined(separator: " → "))", expected: "an entity that needs no other")
        }
    }
}
