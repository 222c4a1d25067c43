import Foundation
import Metadata
import Testing

/// Metadata with one fault each, and the one line that tells it.
@Suite("Metadata rules")
struct MetadataRulesTests {
    private func problems(of fault: MetadataFault) throws -> [String] {
        func object(_ members: [(String, String)], _ changes: String) throws -> String {
            var members = members
            let changed = try #require(
                JSONSerialization.jsonObject(with: Data("{\(changes)}".utf8)) as? [String: Any], "\(changes)")
            members.removeAll { changed.keys.contains($0.0) }
            let parts = members.map { "\"\($0.0)\": \($0.1)" } + (changes.isEmpty ? [] : [changes])
            return "{\(parts.joined(separator: ", "))}"
        }
        let system = try object(
            [("id", "\"s\""), ("name", "\"S\""), ("description", "\"S.\""), ("type", "\"sample\"")], fault.system)
        let column = try object([("name", "\"b\""), ("type", "\"text\"")], fault.column)
        let entity = try object(
            [
                ("name", "\"e\""), ("description", "\"E.\""), ("system_id", "\"s\""), ("load_type", "\"full\""),
                ("key", "[\"a\"]"), ("columns", "[{\"name\": \"a\", \"type\": \"int\"}, \(column)]"),
            ], fault.entity)
        return try ProjectFolder.problems([
            "metadata/systems.json": "[\(system)]", "metadata/entities.json": "{\"entities\": [\(entity)]}",
        ])
    }

    @Test("Metadata without a fault loads")
    func faultless() throws {
        #expect(try problems(of: MetadataFault(line: "")) == [])
    }

    @Test("A fault of a system is told in one line", arguments: systemFaults)
    func systems(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/systems.json: systems[0]" + fault.line])
    }

    @Test("A fault of an entity is told in one line", arguments: entityFaults)
    func entities(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/entities.json: entities[0]" + fault.line])
    }

    @Test("A fault of a column is told in one line", arguments: columnFaults)
    func columns(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/entities.json: entities[0].columns[1]" + fault.line])
    }
}
