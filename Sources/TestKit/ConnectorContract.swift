import Authoring
public import ConnectorKit
import JSON
import Metadata
import Primitives

/// The contract of a connector over a subject of the tests. A check returns, or throws what was broken.
public struct ConnectorContract: Sendable {
    private let subject: ConnectorSubject
    private let registry: ConnectorRegistry

    /// The contract for one subject, whose connector is in the registry.
    public init(_ subject: ConnectorSubject, registry: ConnectorRegistry) {
        self.subject = subject
        self.registry = registry
    }

    /// The connector's own example is metadata that loads, with every attribute known and typed.
    public func exampleLoads() throws {
        guard let description = registry.descriptions.first(where: { $0.name == subject.name }) else {
            throw ContractViolation("no connector '\(subject.name)' is registered")
        }
        let folder = try TemporaryFolder()
        let objects = try ExampleObjects(description.example)
        try folder.write(objects.system, to: "metadata/systems.json")
        try folder.write(objects.entity, to: "metadata/entities.json")
        let catalog = try CatalogLoader.load(project: folder.path, connectors: registry.descriptions)
        guard let system = catalog.systems.first, let entity = catalog.entities.first else {
            throw ContractViolation("the example of '\(subject.name)' has no system or no entity")
        }
        let secrets = Dictionary(uniqueKeysWithValues: objects.secretNames.map { ($0, subject.canary) })
        let context = ConnectorContext.test(system: system.id.rawValue, project: folder.path, secrets: secrets)
        _ = try registry.make(for: system, context: context).shape(of: entity)
    }

    /// See `LandingContract`.
    public func lands() async throws { try await contract().lands() }

    /// See `LandingContract`.
    public func landsNothingTwice() async throws { try await contract().landsNothingTwice() }

    /// See `LandingContract`.
    public func resumesFromItsState() async throws { _ = try await contract().resumesFromItsState() }

    /// See `LandingContract`.
    public func failsWithItsOwnError() async throws { try await contract().failsWithItsOwnError() }

    /// See `LandingContract`.
    public func stopsWhenCancelled() async throws { try await contract().stopsWhenCancelled() }

    /// See `LandingContract`.
    public func neverPrintsASecret() async throws { try await contract().neverPrintsASecret() }

    /// See `LandingContract`.
    public func missesSecretsByName() async throws { try await contract().missesSecretsByName() }

    private func contract() throws -> LandingContract {
        let project = try TemporaryFolder()
        let (system, entity) = try load(subject.entity, in: project)
        let refused = try load(subject.refusedEntity, in: project).entity
        let names = subject.secretNames
        let canary = subject.canary
        return LandingContract(
            ContractScene(
                connectors: registry, system: system, entity: entity, refused: refused, records: subject.records,
                secretNames: names, canaries: [Secret(canary)]
            ) { log, hasSecrets in
                let values = hasSecrets ? Dictionary(uniqueKeysWithValues: names.map { ($0, canary) }) : [:]
                var context = ConnectorContext.test(
                    system: system.id.rawValue, project: project.path, secrets: values)
                context.logger = log.logger
                return context
            })
    }

    private func load(_ entity: String, in project: TemporaryFolder) throws -> (system: SourceSystem, entity: Entity) {
        try project.write("[\(subject.system)]", to: "metadata/systems.json")
        try project.write("[\(entity)]", to: "metadata/entities.json")
        let catalog = try CatalogLoader.load(project: project.path, connectors: registry.descriptions)
        guard let system = catalog.systems.first, let entity = catalog.entities.first else {
            throw ContractViolation("\(subject.name): the subject has no system or no entity")
        }
        return (system, entity)
    }
}
