import ConnectorKit
import Connectors
import JSON
import Metadata
import Primitives
import TestKit

/// A system of a type that reads files, and what it lands.
struct RemoteScene {
    let type: String
    let connection: String
    var secrets: [String: String] = [:]
    let project: TemporaryFolder
    let log = LogRecord()

    struct Landing {
        var texts: [String]
        var names: [String]
        var state: String?
    }

    /// What must live as long as the scene.
    private let root: TemporaryFolder?

    init(
        _ type: String, _ connection: String, secrets: [String: String] = [:], root: TemporaryFolder? = nil
    ) throws {
        self.root = root
        self.type = type
        self.connection = connection
        self.secrets = secrets
        project = try TemporaryFolder()
    }

    /// Lands an entity's `source`; in a delta load of mode `all` where there is a state or `isDelta` says so.
    func land(
        _ source: String, state: String? = nil, isDelta: Bool = false, until: Instant = RemoteScene.now
    ) async throws -> Landing {
        let (connector, entity) = try make(source, isDelta: isDelta || state != nil)
        let landed = try TemporaryFolder()
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        let window = LoadWindow(loadType: entity.loadType, until: until, state: state)
        try await connector.land(entity, window: window, into: &writer)
        let names = writer.files.map(\.name)
        guard try landed.names() == names else { throw UnexpectedFiles(names: try landed.names()) }
        return Landing(texts: try names.map { try landed.text(of: $0) }, names: names, state: writer.state)
    }

    /// What landing fails with, in one line.
    func failure(_ source: String, state: String? = nil) async -> String {
        do {
            return "landed \(try await land(source, state: state).texts)"
        } catch let error as ConnectorError {
            return "\(error.kind): \(error)"
        } catch {
            return "not a ConnectorError: \(error)"
        }
    }

    func connector() throws -> AnyConnector { try make(#"{"path": "x.json"}"#, isDelta: false).connector }

    func make(_ source: String, isDelta: Bool) throws -> (connector: AnyConnector, entity: Entity) {
        try project.write(
            """
            [{"id": "test", "name": "Test", "description": "Under test", "type": "\(type)", "connection": \(connection)}]
            """, to: "metadata/systems.json")
        let load = isDelta ? #""delta", "delta": {"mode": "all"}"# : #""full""#
        try project.write(
            """
            [{"name": "things", "system_id": "test", "description": "Things", "load_type": \(load), "key": ["id"],
              "source": \(source), "columns": [{"name": "id", "type": "bigint"}]}]
            """, to: "metadata/entities.json")
        let catalog = try CatalogLoader.load(
            project: project.path, connectors: BuiltInConnectors.registry.descriptions)
        let context = ConnectorContext.test(system: "test", project: project.path, secrets: secrets, log: log)
        return (try BuiltInConnectors.registry.make(for: catalog.systems[0], context: context), catalog.entities[0])
    }

    /// 2026-02-03T04:05:06Z
    static let now = Instant(microseconds: 1_770_091_506_000_000)
}

struct UnexpectedFiles: Error {
    let names: [String]
}
