import Foundation
import JSON
import Metadata
import Testing

@Suite("Catalog loader")
struct CatalogLoaderTests {
    private let systems = """
        [{"id": "shop", "name": "Shop", "description": "A shop.", "type": "sample"}]
        """
    private let entities = """
        [{"name": "customers", "description": "People.", "system_id": "shop", "load_type": "full", "key": ["id"],
          "columns": [{"name": "id", "type": "int"}, {"name": "email", "type": "string", "length": 200}]}]
        """

    @Test("The checked-in metadata of the iso codes loads and covers every entity")
    func checkedInMetadata() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = ConnectorDescription(
            name: "file", summary: "Reads files.",
            connectionFields: [Field("root", .string, required: true, "The folder.")],
            sourceFields: [
                Field("path", .string, required: true, "The files."), Field("format", .string, "Their format."),
                Field("records_path", .string, "Where records lie."),
            ], example: "[]")
        let catalog = try CatalogLoader.load(project: root.path, connectors: [file])
        #expect(catalog.systems.map(\.id.rawValue) == ["iso"])
        #expect(
            catalog.entities.map(\.id.name) == [
                "bibliographic_languages", "countries", "currencies", "former_countries", "language_families",
                "languages", "scripts", "subdivisions",
            ])
        #expect(
            catalog.entities.allSatisfy { $0.keyColumns.count == 1 && $0.columns.allSatisfy { $0.description != nil } })
    }

    @Test("Defaults are filled in, also those of the connector, at every depth")
    func defaults() throws {
        let catalog = try ProjectFolder.load(["metadata/systems.json": systems, "metadata/entities.json": entities])
        let system = try #require(catalog.systems.first)
        #expect(
            system.connection.text()
                == #"{"root":"/data","auth":{"type":"none"},"retry":{"attempts":3}}"#)
        #expect(system.timezone == "UTC" && system.concurrency == 4 && system.timeoutSeconds == 3600)
        #expect(system.origin == "metadata/systems.json: systems[0]")
        let entity = try #require(catalog.entities.first)
        #expect(entity.source.text() == #"{"path":"*","params":{}}"#)
        #expect(entity.keyColumns.map(\.name) == ["id"])
        #expect(entity.history == .scd2 && entity.maxDeleteFraction == 0.3 && entity.documentStorage == .jsonb)
        #expect(entity.columns.map(\.isNullable) == [false, true])
        #expect(entity.columns[1].type == .string(length: 200) && entity.columns[1].path == ["email"])
    }
}
