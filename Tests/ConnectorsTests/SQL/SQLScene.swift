import ConnectorKit
import Connectors
import Foundation
import JSON
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

/// A system of one of the database types, and what it lands of the entity `things`.
struct SQLScene {
    let system: String
    var secrets: [String: String] = [:]

    init(_ type: String, _ connection: String, secrets: [String: String] = [:]) {
        system = """
            {"id": "test", "name": "Test", "description": "Under test", "type": "\(type)", "connection": \(connection)}
            """
        self.secrets = secrets
    }

    /// What a landing left behind.
    struct Landing {
        var files: [String]
        var request: String
        var isUnfiltered: Bool
        var lines: [String] { files.flatMap { $0.split(separator: "\n").map(String.init) } }
        /// The rows' `id`, in order of their text.
        func ids(_ name: String = "id") throws -> [String] {
            try lines.map { try JSONReader.parse($0)[name]?.text() ?? "" }.sorted()
        }
    }

    static let until = Instant(microseconds: 1_800_000_000_000_000)
    static let full = LoadWindow(loadType: .full, until: until)

    static func delta(_ from: String?, until: Instant = SQLScene.until) -> LoadWindow {
        LoadWindow(loadType: .delta, from: from, until: until)
    }

    /// `columns` as `TestEntity` writes them; `more` is a JSON object of the entity's further attributes.
    func land(
        _ source: String, _ window: LoadWindow = SQLScene.full, columns: String = "id bigint key", _ more: String = "{}"
    ) async throws -> Landing {
        let landed = try TemporaryFolder()
        let (connector, entity) = try make(source, columns, more)
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        try await connector.land(entity, window: window, into: &writer)
        return Landing(
            files: try writer.files.map { try landed.text(of: $0.name) }, request: writer.request ?? "",
            isUnfiltered: writer.isUnfiltered)
    }

    /// The error that landing ends in.
    func failure(
        _ source: String, _ window: LoadWindow = SQLScene.full, columns: String = "id bigint key", _ more: String = "{}"
    ) async -> String {
        do {
            return "no error, but \(try await land(source, window, columns: columns, more).lines)"
        } catch let error as ConnectorError {
            return "\(error.kind.rawValue)\(error.isTransient ? " transient" : ""): \(error)"
        } catch {
            return "not a ConnectorError: \(error)"
        }
    }

    func make(
        _ source: String, _ columns: String = "id bigint key", _ more: String = "{}"
    ) throws -> (AnyConnector, Entity) {
        var members = #"{"system_id": "test", "source": \#(source)"#
        let rest = more.dropFirst().dropLast()
        members += rest.isEmpty ? "}" : ", \(rest)}"
        let entity = try TestEntity("things", columns: columns, members)
        let project = try TemporaryFolder()
        try project.write("[\(system)]", to: "metadata/systems.json")
        try project.write("[\(entity.metadata.text())]", to: "metadata/entities.json")
        let registry = BuiltInConnectors.registry
        let catalog = try CatalogLoader.load(project: project.path, connectors: registry.descriptions)
        let context = ConnectorContext.test(system: "test", project: project.path, secrets: secrets)
        return (try registry.make(for: catalog.systems[0], context: context), catalog.entities[0])
    }
}

/// A database of the test's own on the test server, as a source and as a place to write.
struct PostgresSource {
    let connection: PostgresConnection
    let configuration: PostgresConfiguration

    init(_ statements: String...) async throws {
        configuration = try await TestCluster.shared.database()
        connection = try await PostgresConnection.connect(configuration, applicationName: "source")
        for statement in statements { try await connection.executeScript(statement) }
    }

    /// The JSON of a system's `connection`; `more` begins with a comma.
    func json(_ more: String = "") throws -> String {
        let url = try #require(URLComponents(string: configuration.url))
        func parameter(_ name: String) -> String? { url.queryItems?.first { $0.name == name }?.value }
        let host = parameter("host") ?? url.host ?? "localhost"
        let port = parameter("port") ?? url.port.map(String.init) ?? "5432"
        let user = parameter("user") ?? url.user ?? "postgres"
        return #"{"host": "\#(host)", "port": \#(port), "database": "\#(configuration.database ?? "")", "#
            + #""user": "\#(user)"\#(more)}"#
    }

    func scene(_ more: String = "", secrets: [String: String] = [:]) throws -> SQLScene {
        SQLScene("postgres", try json(more), secrets: secrets)
    }
}
