public import JSON

/// A project's metadata as far as it can be read, for the author who is still writing it.
///
/// `CatalogLoader.load` refuses all of it for one fault; a survey keeps what has none of its own and lists the faults.
public struct CatalogSurvey: Sendable {
    /// The systems without a fault of their own, in the order of the files.
    public let systems: [SourceSystem]
    /// The entities without a fault of their own whose system is among them, in the order of the files.
    public let entities: [Entity]
    /// Everything that `CatalogLoader.load` would refuse.
    public let problems: [MetadataProblem]
    private let connectors: [ConnectorDescription]

    init(
        systems: [SourceSystem], entities: [Entity], problems: [MetadataProblem], connectors: [ConnectorDescription]
    ) {
        self.systems = systems
        self.entities = entities
        self.problems = problems
        self.connectors = connectors
    }

    /// The system with that id.
    public func system(_ id: SystemID) -> SourceSystem? { systems.first { $0.id == id } }

    /// The entity with that id.
    public func entity(_ id: EntityID) -> Entity? { entities.first { $0.id == id } }

    /// The entities of a system.
    public func entities(of system: SystemID) -> [Entity] { entities.filter { $0.id.system == system } }

    /// The type of a system, which the survey knows because the system has no fault.
    public func type(of system: SourceSystem) -> ConnectorDescription? {
        connectors.first { $0.name == system.type }
    }

    /// An entity that stands in no file: a draft, checked as one of `metadata/entities.json` would be.
    /// - Parameter origin: What faults are named after, as `--source`.
    /// - Throws: `MetadataError` with every fault of the draft.
    public func draft(_ value: JSONValue, origin: String) throws -> Entity {
        var reading = EntityReading(connectors: CatalogLoader.byID(systems, connectors))
        let read = reading.read(LocatedObject(file: origin, pointer: .root, value: value))
        guard reading.problems.isEmpty, let entity = read.entity else { throw MetadataError(reading.problems) }
        return entity
    }
}

extension CatalogLoader {
    /// Reads a project's metadata as far as it goes.
    public static func survey(project folder: String, connectors: [ConnectorDescription]) -> CatalogSurvey {
        let files = MetadataFolder(project: folder)
        var systems: [SourceSystem] = []
        for object in files.objects[.systems] ?? [] {
            var reading = SystemReading(connectors: connectors)
            if let system = reading.read(object).system, reading.problems.isEmpty { systems.append(system) }
        }
        var entities: [Entity] = []
        for object in files.objects[.entities] ?? [] {
            var reading = EntityReading(connectors: byID(systems, connectors))
            guard let entity = reading.read(object).entity, reading.problems.isEmpty else { continue }
            if systems.contains(where: { $0.id == entity.id.system }) { entities.append(entity) }
        }
        var problems: [MetadataProblem] = []
        do {
            _ = try load(project: folder, connectors: connectors)
        } catch let error as MetadataError {
            problems = error.problems
        } catch {
            problems = [MetadataProblem(file: "metadata", path: "", what: "\(error)")]
        }
        let linked = entities.map { entity in
            entities.first { $0.id == entity.explosion?.parent }.map(entity.reading) ?? entity
        }
        return CatalogSurvey(systems: systems, entities: linked, problems: problems, connectors: connectors)
    }

    fileprivate static func byID(
        _ systems: [SourceSystem], _ connectors: [ConnectorDescription]
    ) -> [String: ConnectorDescription] {
        systems.reduce(into: [:]) { types, system in
            types[system.id.rawValue] = connectors.first { $0.name == system.type }
        }
    }
}
