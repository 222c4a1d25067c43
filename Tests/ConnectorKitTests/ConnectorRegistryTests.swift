import ConnectorKit
import JSON
import Metadata
import Primitives
import TestKit
import Testing

/// A connector that keeps what it was given.
private struct EchoConnector: Connector {
    struct Configuration: ConnectorConfiguration {
        var baseUrl: String
        var headers: [String: String]
        static let fields = [
            Field("base_url", .string, required: true, "Where."), Field("headers", .map(.string), "What else."),
        ]
    }
    struct Source: ConnectorConfiguration {
        var recordsPath: String
        static let fields = [Field("records_path", .string, default: .string(""), "Where the records are.")]
    }
    static let name = "echo"
    static let summary = "Says what it was told."
    static let example = "[]"
    let configuration: Configuration

    init(_ configuration: Configuration, context: ConnectorContext) { self.configuration = configuration }

    func shape(of source: Source) -> DocumentShape { DocumentShape(format: .jsonl, recordsPath: source.recordsPath) }

    func land(_ entity: Entity, source: Source, window: LoadWindow, into writer: inout RawWriter) async throws {
        let headers = configuration.headers.map { "\($0.key)=\($0.value)" }.joined()
        try writer.write(Array("[\"\(configuration.baseUrl)\",\"\(headers)\"]\n".utf8))
    }
}

@Suite struct ConnectorRegistryTests {
    private var registry: ConnectorRegistry {
        var registry = ConnectorRegistry()
        registry.register(EchoConnector.self)
        return registry
    }

    private func system(type: String, connection: String) throws -> SourceSystem {
        SourceSystem(
            id: SystemID(rawValue: "shop"), name: "Shop", description: "", type: type,
            connection: try JSONReader.parse(connection))
    }

    private let context = ConnectorContext.test(system: "shop")

    @Test("A system's type selects the connector, which gets its configuration with the names that it wrote")
    func made() async throws {
        let connection = #"{"base_url": "http://x/", "headers": {"x_snake_case": "kept"}}"#
        let connector = try registry.make(for: system(type: "echo", connection: connection), context: context)
        let entity = Entity(
            id: EntityID(system: context.system, name: "orders"), columns: [],
            source: try JSONReader.parse(#"{"records_path": "/data"}"#))
        #expect(try connector.shape(of: entity) == DocumentShape(format: .jsonl, recordsPath: "/data"))
        let folder = try TemporaryFolder()
        var writer = RawWriter(folder: folder.path, shape: DocumentShape(format: .jsonl))
        let window = LoadWindow(loadType: .full, until: Instant(microseconds: 0))
        try await connector.land(entity, window: window, into: &writer)
        #expect(try folder.text(of: "00001.jsonl") == #"["http://x/","x_snake_case=kept"]"# + "\n")
    }

    @Test("An unknown type names the known ones")
    func unknown() throws {
        let error = #expect(throws: ConnectorError.self) {
            _ = try registry.make(for: system(type: "ehco", connection: "{}"), context: context)
        }
        #expect(error?.description == "system 'shop': no connector type 'ehco'; known types: echo")
    }

    @Test("A configuration that does not fit is named without its values")
    func unfit() throws {
        let error = #expect(throws: MetadataError.self) {
            _ = try registry.make(
                for: system(type: "echo", connection: #"{"base_url": {"s3cret": "s3cret"}, "headers": {}}"#),
                context: context)
        }
        let text = try #require(error?.description)
        #expect(text.contains("baseUrl"))
        #expect(!text.contains("s3cret"))
    }

    @Test("Descriptions come by name")
    func descriptions() { #expect(registry.descriptions.map(\.name) == ["echo"]) }
}
