public import ConnectorKit
import Foundation
public import Metadata
import Primitives

/// How a connector broke the contract.
public struct ContractViolation: Error, CustomStringConvertible {
    /// One line.
    public let description: String

    /// A violation, in one line.
    public init(_ description: String) { self.description = description }
}

/// A system and an entity of it to hold a connector to its contract.
public struct ContractScene: Sendable {
    /// What is told of the connector: its context, with secrets or without any.
    public typealias Context = @Sendable (_ log: RecordedLog, _ hasSecrets: Bool) throws -> ConnectorContext

    /// The types of sources.
    public var connectors: ConnectorRegistry
    /// The system.
    public var system: SourceSystem
    /// An entity that lands.
    public var entity: Entity
    /// The same entity, asking for what the source refuses; nil where nobody knows how to be refused.
    public var refused: Entity?
    /// The row of `for_each` to ask with.
    public var parents: ParentRows?
    /// The records that the entity has, where that is known.
    public var records: Int?
    /// The secrets that the system names.
    public var secretNames: [String]
    /// Values that must never be shown beside those that the secret store knows.
    public var canaries: [Secret]
    /// Makes the context of one visit.
    public var context: Context

    /// A scene.
    public init(
        connectors: ConnectorRegistry, system: SourceSystem, entity: Entity, refused: Entity?, records: Int? = nil,
        secretNames: [String], canaries: [Secret] = [], context: @escaping Context
    ) {
        self.connectors = connectors
        self.system = system
        self.entity = entity
        self.refused = refused
        self.records = records
        self.secretNames = secretNames
        self.canaries = canaries
        self.context = context
    }
}

/// What every connector must do, whatever it reads, built in or a program of somebody else: the tests of this house and
/// `medallion connectors test` hold it to the same. A check returns, or throws a `ContractViolation`.
public struct LandingContract: Sendable {
    private let scene: ContractScene

    /// The contract in one scene.
    public init(_ scene: ContractScene) { self.scene = scene }

    /// A landing brings every record, in files that are what the writer says of them.
    /// - Returns: The number of records.
    @discardableResult
    public func lands() async throws -> Int {
        let landing = try await land(scene.entity)
        try demand(!landing.sample.files.isEmpty || scene.records == nil, "no file was landed")
        let records = landing.sample.recordCount
        if let expected = scene.records {
            try demand(records == expected, "\(records) records were landed, the source has \(expected)")
        }
        try demand(landing.sample.request?.isEmpty == false, "the request is not noted")
        let names = try names(in: landing.sample.folder)
        try demand(names == landing.sample.files.map(\.name), "the folder holds \(names)")
        for file in landing.sample.files {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(landing.sample.folder)/\(file.name)")).count
            try demand(bytes == file.bytes, "\(file.name) has \(bytes) bytes, not \(file.bytes)")
        }
        return records
    }

    /// A second landing of an unchanged source gives the same bytes in the same order.
    public func landsNothingTwice() async throws {
        let first = try await land(scene.entity).sample.files
        let second = try await land(scene.entity).sample.files
        try demand(first == second, "two landings of an unchanged source differ")
    }

    /// A delta load goes on from the state that a full load left: it brings no more than that did, and fails neither.
    /// - Returns: The records of the second load; nil where the connector keeps no state, or left none.
    public func resumesFromItsState() async throws -> Int? {
        let first = try await land(scene.entity)
        guard first.keepsState, let state = first.sample.state else {
            let mustKeep = first.keepsState && scene.entity.loadType == .delta && scene.entity.delta?.mode == .all
            try demand(!mustKeep, "a load of an entity with mode all left no state to go on from")
            return nil
        }
        var window = Self.window
        (window.loadType, window.state) = (.delta, state)
        let second = try await land(scene.entity, window)
        let (before, after) = (first.sample.recordCount, second.sample.recordCount)
        try demand(after <= before, "from its own state it brought \(after) records, more than the \(before) before")
        try demand(before < 2 || after < before, "from its own state it brought all \(before) records again")
        return after
    }

    /// A refusal is the connector's own error, one line long, and leaves no half-written file.
    public func failsWithItsOwnError() async throws {
        let refusal = try await refusal()
        try demand(refusal.error is ConnectorError, "a refusal threw \(type(of: refusal.error)): \(refusal.error)")
        let text = "\(refusal.error)"
        try demand(!text.isEmpty && !text.contains { $0.isNewline }, "the error is not one line: \(text)")
        try demand(refusal.parts.isEmpty, "half-written files stayed: \(refusal.parts)")
    }

    /// A cancelled landing ends as cancelled, not as failed and not as complete.
    public func stopsWhenCancelled() async throws {
        let error = await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            do {
                _ = try await land(scene.entity)
                return nil as (any Error)?
            } catch {
                return error
            }
        }.value
        guard let error else { throw violation("a cancelled landing went on") }
        try demand(error is CancellationError, "a cancelled landing threw \(type(of: error)): \(error)")
    }

    /// Neither errors nor logs nor what is noted nor a dump of the connector show a secret.
    public func neverPrintsASecret() async throws {
        let landing = try await land(scene.entity)
        var texts = [landing.sample.request ?? "", landing.sample.state ?? "", landing.log.text]
        var connectors = [landing.connector]
        var known = landing.known
        if scene.refused != nil {
            let refusal = try await refusal()
            texts += [refusal.log.text, "\(refusal.error)", String(reflecting: refusal.error)]
            connectors.append(refusal.connector)
            known += refusal.known
        }
        for connector in connectors {
            var text = ""
            dump(connector, to: &text)
            texts += [text, "\(connector)", String(reflecting: connector)]
        }
        let masks = [SecretMask(values: scene.canaries)] + known.map(\.mask)
        for text in texts {
            let masked = masks.reduce(text) { $1.mask($0) }
            try demand(masked.utf8.elementsEqual(text.utf8), "a secret is shown in: \(masked)")
        }
    }

    /// A secret that is not set is an error of kind auth that names it.
    public func missesSecretsByName() async throws {
        guard let name = scene.secretNames.first else { return }
        do {
            _ = try await land(scene.entity, hasSecrets: false)
        } catch let error as ConnectorError {
            try demand(error.kind == .auth, "a missing secret is an error of kind \(error.kind)")
            return try demand("\(error)".contains(name), "the error does not name the secret '\(name)': \(error)")
        }
        throw violation("a missing secret went unnoticed")
    }
}

// MARK: The visits that the checks look at
extension LandingContract {
    private struct Landing {
        var connector: AnyConnector
        var keepsState: Bool
        /// Holds the files for as long as they are looked at.
        var folder: SampleFolder
        var sample: LandedSample
        var log: RecordedLog
        var known: [KnownSecrets]
    }

    private struct Refusal {
        var connector: AnyConnector
        var error: any Error
        var parts: [String]
        var log: RecordedLog
        var known: [KnownSecrets]
    }

    private func violation(_ text: String) -> ContractViolation { ContractViolation("\(scene.system.type): \(text)") }

    private func demand(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
        if !condition { throw violation(otherwise()) }
    }

    private func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private func connect(
        _ entity: Entity, _ log: RecordedLog, hasSecrets: Bool
    ) async throws -> (connector: AnyConnector, context: ConnectorContext) {
        let context = try scene.context(log, hasSecrets)
        return (try await scene.connectors.connect(to: scene.system, sources: [entity], context: context), context)
    }

    private func land(
        _ entity: Entity, _ window: LoadWindow = Self.window, hasSecrets: Bool = true
    ) async throws -> Landing {
        let log = RecordedLog()
        let (connector, context) = try await connect(entity, log, hasSecrets: hasSecrets)
        let folder = try SampleFolder(environment: context.environment)
        var window = window
        window.parents = scene.parents
        do {
            let sample = try await SourceAccess.sample(
                entity, with: connector, window: window, limit: nil, into: folder)
            await connector.close()
            return Landing(
                connector: connector, keepsState: connector.keepsState, folder: folder, sample: sample, log: log,
                known: [context.secrets.known])
        } catch {
            await connector.close()
            throw error
        }
    }

    private func refusal() async throws -> Refusal {
        guard let refused = scene.refused else { throw violation("nothing is known that it would refuse") }
        let log = RecordedLog()
        let (connector, context) = try await connect(refused, log, hasSecrets: true)
        let path = try SampleFolder(environment: context.environment)
        var window = Self.window
        window.parents = scene.parents
        do {
            _ = try await SourceAccess.sample(refused, with: connector, window: window, limit: nil, into: path)
        } catch {
            await connector.close()
            let parts = try names(in: path.path).flatMap { folder in
                try names(in: "\(path.path)/\(folder)").filter { $0.hasSuffix(".part") }
            }
            return Refusal(connector: connector, error: error, parts: parts, log: log, known: [context.secrets.known])
        }
        await connector.close()
        throw violation("the refused entity was landed")
    }

    private static var window: LoadWindow {
        LoadWindow(loadType: .full, until: Instant(microseconds: 1_800_000_000_000_000))
    }
}
