import Hashing
import JSON
import Primitives

/// Reads and checks a project's metadata; the only way to a `Catalog`.
public enum CatalogLoader {
    /// Reads `metadata/systems.json`, `metadata/entities.json` and every `metadata/systems/*.json` and
    /// `metadata/entities/*.json` of a project.
    /// - Parameters:
    ///   - folder: The project's folder.
    ///   - connectors: The connector types that systems may name.
    /// - Throws: `MetadataError` with every problem of every file, once.
    public static func load(project folder: String, connectors: [ConnectorDescription]) throws -> Catalog {
        let files = MetadataFolder(project: folder)
        var problems = files.problems

        var systemReading = SystemReading(connectors: connectors)
        let systems = (files.objects[.systems] ?? []).map { systemReading.read($0) }
        var connectorOf: [String: ConnectorDescription] = [:]
        for system in systems {
            if let id = system.id, let connector = system.connector { connectorOf[id.rawValue] = connector }
        }
        var entityReading = EntityReading(connectors: connectorOf)
        let entities = (files.objects[.entities] ?? []).map { entityReading.read($0) }
        problems += systemReading.problems + entityReading.problems

        var rules = CatalogRules(
            systems: systems, entities: entities, knowsAllSystems: !files.unreadable.contains(.systems))
        rules.check()
        problems += rules.problems
        guard problems.isEmpty else { throw MetadataError(inFileOrder(problems)) }
        return catalog(of: systems, entities)
    }

    /// By file, then in the order in which places were read; what rules found comes behind what reading found.
    private static func inFileOrder(_ problems: [MetadataProblem]) -> [MetadataProblem] {
        problems.enumerated().sorted { left, right in
            left.element.file == right.element.file
                ? left.offset < right.offset
                : left.element.file.utf8.lexicographicallyPrecedes(right.element.file.utf8)
        }.map(\.element)
    }

    private static func catalog(of systems: [ReadSystem], _ entities: [ReadEntity]) -> Catalog {
        var after: [String: [String]] = [:]
        var byID: [String: SourceSystem] = [:]
        for system in systems.compactMap(\.system) {
            after[system.id.rawValue] = system.after.map(\.rawValue)
            byID[system.id.rawValue] = system
        }
        let known = entities.compactMap(\.entity)
        let ordered = known.map { entity in
            let parent = known.first { $0.id == entity.explosion?.parent }
            return parent.map(entity.reading) ?? entity
        }.sorted { left, right in
            if left.id.system != right.id.system { return left.id.system < right.id.system }
            return left.order != right.order ? left.order < right.order : left.id < right.id
        }
        return Catalog(
            systems: DependencyOrder(after).order.compactMap { byID[$0] }, entities: parentsFirst(ordered),
            hash: hash(systems.map(\.object), entities.map(\.object)))
    }

    /// An entity comes behind the one that it is made of or asked for.
    private static func parentsFirst(_ entities: [Entity]) -> [Entity] {
        var ordered: [Entity] = []
        for entity in entities
        where entity.parent == nil || !entities.contains(where: { $0.id == entity.parent }) {
            ordered.append(entity)
        }
        var rest = Array(entities.filter { !ordered.map(\.id).contains($0.id) }.reversed())
        while !rest.isEmpty {
            let before = rest.count
            rest.removeAll { entity in
                guard let place = ordered.firstIndex(where: { $0.id == entity.parent }) else { return false }
                ordered.insert(entity, at: place + 1)
                return true
            }
            // A cycle has been reported, and no catalogue is made of it.
            guard rest.count < before else { return ordered + rest }
        }
        return ordered
    }

    /// Over the objects as written, keys sorted, objects sorted: neither white space nor the distribution over files
    /// changes it.
    private static func hash(_ systems: [LocatedObject], _ entities: [LocatedObject]) -> UUIDValue {
        func canonical(_ objects: [LocatedObject]) -> JSONValue {
            let texts = objects.map { $0.value.text(sortedKeys: true) }
            return .array(texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map(JSONValue.string))
        }
        let content = JSONValue.array([.string("1"), canonical(systems), canonical(entities)]).serialized()
        var sha = SHA256()
        sha.update(content.span)
        return sha.finishTruncated()
    }
}
