public import Primitives

/// Every system and entity, already valid and linked. `CatalogLoader.load` is the only way to get one outside of tests.
public struct Catalog: Sendable {
    /// Systems by id, in dependency order (`after`), then by id.
    public let systems: [SourceSystem]
    /// Entities by system, `order`, then name.
    public let entities: [Entity]
    /// A hash of every metadata file's canonical content: the same for the same metadata, however it is formatted.
    public let hash: UUIDValue

    package init(systems: [SourceSystem], entities: [Entity], hash: UUIDValue) {
        self.systems = systems
        self.entities = entities
        self.hash = hash
    }

    /// The system with that id.
    public func system(_ id: SystemID) -> SourceSystem? { systems.first { $0.id == id } }

    /// The entities of a system, in the order in which they run.
    public func entities(of system: SystemID) -> [Entity] { entities.filter { $0.id.system == system } }

    /// The entity with that id.
    public func entity(_ id: EntityID) -> Entity? { entities.first { $0.id == id } }
}
