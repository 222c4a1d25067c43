public import ConnectorKit
import Metadata
import Primitives

/// What every connector must do, whatever it reads. A check returns, or throws a `ContractViolation`.
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

    /// A landing brings every record, in files that are what the writer says of them.
    public func lands() async throws {
        let landing = try await land(subject.entity)
        try demand(!landing.files.isEmpty, "no file was landed")
        let records = landing.files.reduce(0) { $0 + $1.records }
        try demand(records == subject.records, "\(records) records were landed, the source has \(subject.records)")
        try demand(landing.request?.isEmpty == false, "the request is not noted")
        let names = try landing.folder.names()
        try demand(names == landing.files.map(\.name), "the folder holds \(names)")
        for file in landing.files {
            let bytes = try landing.folder.bytes(of: file.name)
            try demand(bytes.count == file.bytes, "\(file.name) has \(bytes.count) bytes, not \(file.bytes)")
        }
    }

    /// A second landing of an unchanged source gives the same bytes in the same order.
    public func landsNothingTwice() async throws {
        let first = try await land(subject.entity).files
        let second = try await land(subject.entity).files
        try demand(first == second, "two landings of an unchanged source differ")
    }

    /// A refusal is the connector's own error, one line long, and leaves no half-written file.
    public func failsWithItsOwnError() async throws {
        let folder = try TemporaryFolder()
        let error = try await refusal(into: folder).error
        try demand(error is ConnectorError, "a refusal threw \(type(of: error)): \(error)")
        let text = "\(error)"
        try demand(!text.isEmpty && !text.contains { $0.isNewline }, "the error is not one line: \(text)")
        let parts = try folder.names().filter { $0.hasSuffix(".part") }
        try demand(parts.isEmpty, "half-written files stayed: \(parts)")
    }

    /// A cancelled landing ends as cancelled, not as failed and not as complete.
    public func stopsWhenCancelled() async throws {
        let error = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            do {
                _ = try await land(subject.entity)
                return nil as (any Error)?
            } catch {
                return error
            }
        }.value
        guard let error else { throw ContractViolation("\(subject.name): a cancelled landing went on") }
        try demand(error is CancellationError, "a cancelled landing threw \(type(of: error)): \(error)")
    }

    /// Neither errors nor logs nor the noted request nor a dump of the connector show a secret.
    public func neverPrintsASecret() async throws {
        let landing = try await land(subject.entity)
        let refusal = try await refusal(into: TemporaryFolder())
        var texts = [landing.request ?? "", landing.log.text, refusal.log.text]
        texts += ["\(refusal.error)", String(reflecting: refusal.error)]
        for connector in [landing.connector, refusal.connector] {
            var text = ""
            dump(connector, to: &text)
            texts += [text, "\(connector)", String(reflecting: connector)]
        }
        let mask = SecretMask(values: [Secret(subject.canary)])
        for text in texts where mask.mask(text) != text {
            throw ContractViolation("\(subject.name): a secret is shown in: \(mask.mask(text))")
        }
    }

    /// A secret that is not set is an error of kind auth that names it.
    public func missesSecretsByName() async throws {
        guard let name = subject.secretNames.first else { return }
        do {
            _ = try await land(subject.entity, secrets: [:])
        } catch let error as ConnectorError {
            try demand(error.kind == .auth, "a missing secret is an error of kind \(error.kind)")
            return try demand("\(error)".contains(name), "the error does not name the secret '\(name)': \(error)")
        }
        throw ContractViolation("\(subject.name): a missing secret went unnoticed")
    }
}

/// How a connector broke the contract.
public struct ContractViolation: Error, CustomStringConvertible {
    /// One line.
    public let description: String

    init(_ description: String) { self.description = description }
}

// MARK: The scenes that the checks look at
extension ConnectorContract {
    private struct Landing {
        var connector: AnyConnector
        var folder: TemporaryFolder
        var files: [Manifest.File]
        var request: String?
        var log: LogRecord
    }

    private struct Refusal {
        var connector: AnyConnector
        var error: any Error
        var log: LogRecord
    }

    private func demand(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
        if !condition { throw ContractViolation("\(subject.name): \(otherwise())") }
    }

    private func make(
        _ entity: String, secrets: [String: String]?, log: LogRecord
    ) throws -> (connector: AnyConnector, entity: Entity) {
        let project = try TemporaryFolder()
        try project.write("[\(subject.system)]", to: "metadata/systems.json")
        try project.write("[\(entity)]", to: "metadata/entities.json")
        let catalog = try CatalogLoader.load(project: project.path, connectors: registry.descriptions)
        guard let system = catalog.systems.first, let entity = catalog.entities.first else {
            throw ContractViolation("\(subject.name): the subject has no system or no entity")
        }
        let values = secrets ?? Dictionary(uniqueKeysWithValues: subject.secretNames.map { ($0, subject.canary) })
        let context = ConnectorContext.test(
            system: system.id.rawValue, project: project.path, secrets: values, log: log)
        return (try registry.make(for: system, context: context), entity)
    }

    private func land(_ entity: String, secrets: [String: String]? = nil) async throws -> Landing {
        let log = LogRecord()
        let (connector, entity) = try make(entity, secrets: secrets, log: log)
        let folder = try TemporaryFolder()
        var writer = RawWriter(folder: folder.path, shape: try connector.shape(of: entity))
        try await connector.land(entity, window: Self.window, into: &writer)
        return Landing(connector: connector, folder: folder, files: writer.files, request: writer.request, log: log)
    }

    private func refusal(into folder: TemporaryFolder) async throws -> Refusal {
        let log = LogRecord()
        let (connector, entity) = try make(subject.refusedEntity, secrets: nil, log: log)
        var writer = RawWriter(folder: folder.path, shape: try connector.shape(of: entity))
        do {
            try await connector.land(entity, window: Self.window, into: &writer)
        } catch {
            return Refusal(connector: connector, error: error, log: log)
        }
        throw ContractViolation("\(subject.name): the refused entity was landed")
    }

    private static var window: LoadWindow {
        LoadWindow(loadType: .full, until: Instant(microseconds: 1_800_000_000_000_000))
    }
}
