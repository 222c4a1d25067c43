import JSON
import Primitives

/// The rules that hold across all systems and entities.
struct CatalogRules {
    let systems: [ReadSystem]
    let entities: [ReadEntity]
    /// False when a file of systems could not be read: then nothing is said about unknown systems.
    let knowsAllSystems: Bool
    private(set) var problems: [MetadataProblem] = []

    init(systems: [ReadSystem], entities: [ReadEntity], knowsAllSystems: Bool) {
        self.systems = systems
        self.entities = entities
        self.knowsAllSystems = knowsAllSystems
    }

    mutating func check() {
        checkSystemIDs()
        checkReferencesToSystems()
        checkCycles()
        checkTables()
        checkFormerNames()
        checkReferences()
        checkExplosions()
        checkForEach()
    }

    private var ids: [String] { systems.compactMap(\.id?.rawValue) }

    // MARK: Systems

    private mutating func checkSystemIDs() {
        var seen: [SystemID: LocatedObject] = [:]
        for system in systems {
            guard let id = system.id else { continue }
            if let first = seen[id] {
                report(
                    system.object, system.object.pointer.appending("id"),
                    "'\(id)' is already the id of \(first.origin)",
                    expected: "each id once")
            } else {
                seen[id] = system.object
            }
        }
    }

    private mutating func checkReferencesToSystems() {
        // Where a system's own id is wrong, it may be the one that is meant.
        guard knowsAllSystems, ids.count == systems.count else { return }
        for system in systems {
            for (index, name) in system.after.enumerated() where !ids.contains(name) {
                reportUnknown(name, system.object, system.object.pointer.appending("after").appending(index))
            }
        }
        for entity in entities {
            if let name = entity.system, !ids.contains(name) {
                reportUnknown(name, entity.object, entity.object.pointer.appending("system_id"))
            }
        }
    }

    private mutating func reportUnknown(_ name: String, _ object: LocatedObject, _ place: JSONPointer) {
        report(
            object, place, "unknown system \(quoted(name))",
            expected: anyOf(ids, none: "a system, of which there are none"),
            nearest: nearestName(to: name, among: ids))
    }

    private mutating func checkCycles() {
        var after: [String: [String]] = [:]
        for system in systems { system.id.map { after[$0.rawValue, default: []] += system.after } }
        for cycle in DependencyOrder(after).cycles {
            guard let system = systems.first(where: { $0.id?.rawValue == cycle[0] }) else { continue }
            report(
                system.object, system.object.pointer.appending("after"),
                "a cycle: \((cycle + [cycle[0]]).joined(separator: " → "))", expected: "an order that can begin")
        }
    }

    // MARK: Tables

    /// No two entities may have one table, nor one entity's table the name of what stands beside another's.
    private mutating func checkTables() {
        var owners: [String: ReadEntity] = [:]
        for entity in entities {
            guard let table = entity.table else { continue }
            if let first = owners[table] {
                let isSame = first.system == entity.system
                report(
                    entity.object, entity.object.pointer.appending("name"),
                    isSame
                        ? "'\(entity.name ?? "")' is already the name of \(first.object.origin)"
                        : "table '\(table)' is already that of \(first.id) (\(first.object.origin))",
                    expected: isSame ? "each name once in a system" : "tables <system>_<entity> that differ")
            } else {
                owners[table] = entity
            }
        }
        for entity in entities {
            for suffix in ReservedNames.tableSuffixes {
                guard let table = entity.table, table.hasSuffix(suffix),
                    let owner = owners[String(table.dropLast(suffix.count))]
                else { continue }
                report(
                    entity.object, entity.object.pointer.appending("name"),
                    "table '\(table)' is a name that belongs to \(owner.id) (\(owner.object.origin))",
                    expected: "a name that does not end in \(suffix)")
            }
        }
    }

    /// An entity that was renamed left its former name free, and no other took it.
    private mutating func checkFormerNames() {
        var seen: [String: ReadEntity] = [:]
        for entity in entities {
            guard let system = entity.system, let former = entity.renamedFrom else { continue }
            let place = entity.object.pointer.appending("renamed_from")
            let id = "\(system).\(former)"
            if let owner = entities.first(where: { $0.system == system && $0.name == former }) {
                report(
                    entity.object, place, "'\(former)' is the name of \(owner.object.origin)",
                    expected: "a name that no entity of the system has any more")
            } else if let first = seen[id] {
                report(
                    entity.object, place, "'\(former)' is already the former name of \(first.object.origin)",
                    expected: "each name once")
            } else {
                seen[id] = entity
            }
        }
    }

    // MARK: References of columns

    private mutating func checkReferences() {
        for entity in entities {
            for reference in entity.references + entity.checkReferences {
                let parts = reference.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                guard (2...3).contains(parts.count), !parts.contains("") else {
                    report(
                        entity.object, reference.place, "\(quoted(reference.text)) is no reference",
                        expected: "entity.column, or system.entity.column")
                    continue
                }
                checkTarget(parts.count == 3 ? parts : [entity.system ?? ""] + parts, reference.place, of: entity)
            }
        }
    }

    private mutating func checkTarget(_ parts: [String], _ place: JSONPointer, of entity: ReadEntity) {
        let siblings = entities.filter { $0.system == parts[0] }
        let targets = siblings.filter { $0.name == parts[1] }
        guard let target = targets.first else {
            let known = siblings.compactMap(\.name)
            report(
                entity.object, place, "unknown entity \(quoted("\(parts[0]).\(parts[1])"))",
                expected: anyOf(known, none: "an entity of a known system"),
                nearest: nearestName(to: parts[1], among: known))
            return
        }
        let isOfCheck = entity.checkReferences.contains { $0.place == place }
        let stored = target.entity.flatMap { isOfCheck ? $0.storedColumns.map(\.name) : nil }
        let columns = stored ?? target.columnNames.map(\.name)
        if !columns.contains(parts[2]) {
            report(
                entity.object, place, "unknown column \(quoted(parts[2])) of \(target.id)",
                expected: anyOf(columns, none: "a column, of which there are none"),
                nearest: nearestName(to: parts[2], among: columns))
        }
    }

    mutating func report(
        _ object: LocatedObject, _ place: JSONPointer, _ what: String, expected: String, nearest: String? = nil
    ) {
        problems.append(
            MetadataProblem(file: object.file, path: place.dotted, what: what, expected: expected, nearest: nearest))
    }
}

extension ReadEntity {
    /// `system.name`, as far as known.
    var id: String { "\(system ?? "?").\(name ?? "?")" }

    /// `<system>_<name>`, nil where one of them is unknown.
    fileprivate var table: String? {
        guard let system, let name else { return nil }
        return EntityID(system: SystemID(rawValue: system), name: name).table
    }
}
