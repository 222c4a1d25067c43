public import ConnectorKit
public import Logging
public import Metadata
public import Primitives

/// All that is needed to ask a source as a run would: what the composition root knows.
public struct SourceAccess: Sendable {
    /// The types of sources.
    public var connectors: ConnectorRegistry
    /// The project's folder.
    public var projectFolder: String
    /// The process's environment.
    public var environment: [String: String]
    /// The project's secrets.
    public var secrets: any SecretStore
    /// Where "now" comes from.
    public var clock: any WallClock
    /// For how it happened.
    public var logger: Logger

    /// Access to the sources of a project.
    public init(
        connectors: ConnectorRegistry, projectFolder: String, environment: [String: String],
        secrets: any SecretStore, clock: any WallClock, logger: Logger
    ) {
        self.connectors = connectors
        self.projectFolder = projectFolder
        self.environment = environment
        self.secrets = secrets
        self.clock = clock
        self.logger = logger
    }

    /// Lends the system's connector, and closes it afterwards in any case.
    /// - Parameter entities: Those that it will be asked for.
    public func withConnector<Result>(
        of system: SourceSystem, for entities: [Entity] = [], _ body: (AnyConnector) async throws -> Result
    ) async throws -> Result {
        let context = ConnectorContext(
            system: system.id, projectFolder: projectFolder, environment: environment, secrets: secrets,
            budget: RateBudget(system.rateLimit), logger: logger)
        let connector = try await connectors.connect(to: system, sources: entities, context: context)
        do {
            let result = try await body(connector)
            await connector.close()
            return result
        } catch {
            await connector.close()
            throw error
        }
    }

    /// Lands the first `limit` records of an entity, or all, into a folder of its own.
    /// - Throws: `ConnectorError` when the source refuses, lies or breaks off.
    public static func sample(
        _ entity: Entity, with connector: AnyConnector, window: LoadWindow, limit: Int?, into folder: SampleFolder
    ) async throws -> LandedSample {
        let path = try folder.landing()
        var writer = RawWriter(folder: path, shape: try connector.shape(of: entity), recordLimit: limit)
        do {
            try await connector.land(entity, window: window, into: &writer)
        } catch {
            // A full sample ends the landing by an error of the writer's own, which the connector may have wrapped.
            guard writer.isFull, !Task.isCancelled else { throw error }
        }
        return LandedSample(
            folder: path, shape: try connector.shape(of: entity), files: writer.files, window: window,
            isFull: writer.isFull, isUnfiltered: writer.isUnfiltered, request: writer.request, state: writer.state)
    }
}

/// What came of a landing that no database knows.
public struct LandedSample: Sendable {
    /// The folder with the files.
    public var folder: String
    /// How documents lie in them.
    public var shape: DocumentShape
    /// The files, in order.
    public var files: [Manifest.File]
    /// What was asked for.
    public var window: LoadWindow
    /// True where the landing was ended because enough records had come.
    public var isFull: Bool
    /// True where the source gave more than the window asked for.
    public var isUnfiltered: Bool
    /// The request as made, secrets masked.
    public var request: String?
    /// Where the source wants to go on.
    public var state: String?

    /// Records landed.
    public var recordCount: Int { files.reduce(0) { $0 + $1.records } }
}
