public import Metadata

/// The connector types that a program knows: a value that the composition root makes and passes in.
public struct ConnectorRegistry: Sendable {
    private var types: [String: any Connector.Type] = [:]

    /// A registry without any type.
    public init() {}

    /// Adds a connector type under its `name`. Two types of one name are a mistake of the program.
    public mutating func register<C: Connector>(_ type: C.Type) {
        precondition(types[C.name] == nil, "two connector types are called '\(C.name)'")
        types[C.name] = type
    }

    /// What metadata and `medallion connectors` need to know of every type, by name in byte order.
    public var descriptions: [ConnectorDescription] {
        types.values.map { $0.description }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Makes the connector of a system's type from its checked `connection`.
    /// - Throws: `ConnectorError` when the type is unknown, or whatever the type's own `init` objects to.
    public func make(for system: SourceSystem, context: ConnectorContext) throws -> AnyConnector {
        guard let type = types[system.type] else {
            throw ConnectorError(
                "system '\(system.id)': no connector type '\(system.type)'",
                hint: "known types: " + descriptions.map(\.name).joined(separator: ", "))
        }
        return try open(type, system, context)
    }

    /// `make`, after the secrets that `connection` names and those of `sources` were fetched. Use it in the product.
    /// - Throws: as `make`; `CancellationError`.
    public func connect(
        to system: SourceSystem, sources: [Entity] = [], context: ConnectorContext
    ) async throws -> AnyConnector {
        let values = [system.connection] + sources.map(\.source)
        try await context.secrets.prepare(values.reduce(into: []) { $0.formUnion(SecretReference.names(in: $1)) })
        return try make(for: system, context: context)
    }

    private func open<C: Connector>(
        _ type: C.Type, _ system: SourceSystem, _ context: ConnectorContext
    ) throws -> AnyConnector {
        let configuration = try MetadataDecoding.decode(C.Configuration.self, from: system.connection)
        var context = context
        context.connection = system.connection
        return AnyConnector(try C(configuration, context: context))
    }
}

/// A connector of one system whose type the caller need not know.
public struct AnyConnector: Sendable {
    private let connector: any Connector

    /// Hides a connector's type.
    public init(_ connector: some Connector) { self.connector = connector }

    /// True where a delta load needs the state that the batch before noted.
    public var keepsState: Bool { type(of: connector).keepsState }

    /// True where it can tell that nothing changed since a state that it noted.
    public var revalidates: Bool { type(of: connector).revalidates }

    /// How documents lie in the payloads that `land` writes for this entity.
    /// - Throws: `ConnectorError` when the entity's `source` does not make sense.
    public func shape(of entity: Entity) throws -> DocumentShape { try shape(connector, entity) }

    /// What the source answers to the question whether it lets us in; nil where the type cannot ask.
    /// - Throws: `ConnectorError` when it refuses.
    public func check() async throws -> [String]? { try await connector.check() }

    /// What the source's own catalogue offers; nil where it has none.
    /// - Throws: `ConnectorError` when the source refuses.
    public func discover() async throws -> [DiscoveredEntity]? { try await connector.discover() }

    /// Gives back what the source should get back; call it once, also after a failure.
    public func close() async { await connector.close() }

    /// Lands one batch of the entity.
    /// - Throws: `ConnectorError` when the source refuses, lies or breaks off.
    public func land(_ entity: Entity, window: LoadWindow, into writer: inout RawWriter) async throws {
        try await land(connector, entity, window, &writer)
    }

    private func shape<C: Connector>(_ connector: C, _ entity: Entity) throws -> DocumentShape {
        try connector.shape(of: source(C.self, entity))
    }

    private func land<C: Connector>(
        _ connector: C, _ entity: Entity, _ window: LoadWindow, _ writer: inout RawWriter
    ) async throws {
        try await connector.land(entity, source: source(C.self, entity), window: window, into: &writer)
    }

    private func source<C: Connector>(_ type: C.Type, _ entity: Entity) throws -> C.Source {
        try MetadataDecoding.decode(C.Source.self, from: entity.source)
    }
}

extension AnyConnector: CustomStringConvertible, CustomReflectable {
    /// The connector type's name; nothing of its configuration, which may hold secrets by now.
    public var description: String { "connector '\(type(of: connector).name)'" }

    /// Shows no children, so that `dump` prints nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
