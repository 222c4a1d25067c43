import Foundation
import JSON
import Metadata
import Testing

@Suite("Metadata schema")
struct MetadataSchemaTests {
    private let other = ConnectorDescription(
        name: "other", summary: "Reads nothing else.",
        connectionFields: [Field("host", .string, required: true, "The host.")],
        sourceFields: [Field("table", .string, required: true, "The table.")], example: "[]")

    private func systems(_ text: String) throws -> [String] {
        try SchemaValidator(root: MetadataSchema.systems(connectors: [.sample, other])).faults(
            of: JSONReader.parse(text))
    }

    private func system(_ type: String, _ more: String = "") -> String {
        #"{"id": "a", "name": "N", "description": "D", "type": "\#(type)"\#(more)}"#
    }

    @Test("The checked-in metadata is valid by the schemas, in every shape of file")
    func checkedInMetadata() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let entities = try JSONReader.parse(
            [UInt8](Data(contentsOf: root.appendingPathComponent("metadata/entities.json"))))
        let files = ConnectorDescription(
            name: "file", summary: "", connectionFields: [Field("root", .string, required: true, "")],
            sourceFields: [
                Field("path", .string, required: true, ""), Field("format", .oneOf(["json", "csv"]), ""),
                Field("records_path", .string, ""),
            ], example: "")
        let validator = SchemaValidator(root: MetadataSchema.entities(connectors: [files]))
        #expect(validator.faults(of: entities) == [])
        #expect(
            validator.faults(of: .object([JSONMember("$schema", .string("x")), JSONMember("entities", entities)])) == []
        )
        #expect(validator.faults(of: try #require(entities.arrayValue?.first)) == [])
        #expect(validator.faults(of: .object([JSONMember("entity", entities)])) == [": oneOf"])
    }

    @Test(
        "What the loader refuses within one object, the schema refuses too",
        arguments: systemFaults.filter { fault in
            // Rules that no schema can say: across objects, of calendars, of reserved names, of texts for people.
            !["gold", "schedule", "timezone", "after", "schemas\": {\"silver", "\"name\": \"\""].contains {
                fault.system.contains($0)
            }
        })
    func refusals(fault: MetadataFault) throws {
        let key = try #require(fault.system.split(separator: "\"").first)
        let members = [("id", "\"s\""), ("name", "\"S\""), ("description", "\"S.\""), ("type", "\"sample\"")]
        let faultless = members.map { "\"\($0.0)\": \($0.1)" }
        #expect(try systems("[{\(faultless.joined(separator: ", "))}]") == [])
        let faulty = zip(members, faultless).filter { $0.0.0 != key }.map(\.1) + [fault.system]
        #expect(try systems("[{\(faulty.joined(separator: ", "))}]") != [])
    }

    @Test("A connection takes the attributes of the connector that the type names")
    func connectionByType() throws {
        #expect(try systems("[\(system("other", #", "connection": {"host": "h"}"#))]") == [])
        #expect(try systems("[\(system("other", #", "connection": {"root": "h"}"#))]") == [": oneOf"])
        #expect(try systems("[\(system("other"))]") == [": oneOf"], "host is mandatory")
        #expect(try systems("[\(system("sample", #", "connection": {"token": {"secret": "t"}}"#))]") == [])
        #expect(try systems("[\(system("sample", #", "connection": {"token": "t"}"#))]") == [": oneOf"])
    }

    @Test("A source takes the attributes of its system's connector where the systems are known, else of any")
    func sourceBySystem() throws {
        let catalog = try ProjectFolder.load(
            [
                "metadata/systems.json": "[\(system("other", #", "connection": {"host": "h"}"#))]",
                "metadata/entities.json": "[]",
            ], connectors: [other])
        func entity(_ source: String) throws -> JSONValue {
            try JSONReader.parse(
                #"[{"name": "e", "description": "E", "system_id": "a", "load_type": "full", "columns": [], "source": \#(source)}]"#
            )
        }
        let exact = SchemaValidator(
            root: MetadataSchema.entities(connectors: [.sample, other], systems: catalog.systems))
        #expect(exact.faults(of: try entity(#"{"table": "t"}"#)) == [])
        #expect(exact.faults(of: try entity(#"{"path": "t"}"#)) == [": oneOf"])
        let loose = SchemaValidator(root: MetadataSchema.entities(connectors: [.sample, other]))
        #expect(loose.faults(of: try entity(#"{"table": "t"}"#)) == [])
        #expect(loose.faults(of: try entity(#"{"path": "t"}"#)) == [])
        #expect(loose.faults(of: try entity(#"{"tabel": "t"}"#)) == [": oneOf"])
    }

    @Test("Attributes that this version cannot obey are no part of the schema")
    func laterAttributes() {
        let text = MetadataSchema.entities(connectors: []).text()
        for name in ["retention", "rate_limit"] {
            #expect(!text.contains(name), "\(name)")
        }
        #expect(text.contains("\"max_delete_fraction\""))
    }
}
