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

    @Test(
        "What the types and attributes of a column take is taken",
        arguments: [
            #""type": "smallint", "default": -32768"#, #""type": "bigint", "default": "9223372036854775807""#,
            #""type": "double", "default": 1e3"#, #""type": "numeric", "default": "12345678901234567890.123456789""#,
            #""type": "numeric", "precision": 4, "scale": 2, "default": -99.99"#,
            #""type": "numeric", "precision": 4, "scale": 2, "default": 0.9900"#,
            #""type": "numeric", "precision": 3, "default": 1e2"#,
            #""type": "numeric", "precision": 1000, "scale": 1000"#,
            #""type": "boolean", "default": false"#, #""type": "date", "default": "2024-02-29""#,
            #""type": "time", "default": "23:59""#, #""type": "timestamp", "default": "2026-01-01 00:00:00.123456""#,
            #""type": "timestamptz", "default": "2026-01-01T00:00:00.5+05:30", "timezone": "America/Argentina/Ushuaia""#,
            #""type": "timestamptz", "default": "2026-01-01T00:00Z""#,
            #""type": "timestamptz", "format": "%d.%m.%Y %H:%M %z""#,
            #""type": "timestamp", "format": "epoch_ms", "default": 1700000000000"#,
            #""type": "date", "format": "%d.%m.%y", "default": "01.02.26""#,
            #""type": "uuid", "default": "0191b8a0-0000-7000-8000-000000000000""#,
            #""type": "json", "default": "text""#,
            #""type": "binary", "default": "AAEC""#, #""type": "string", "length": 2, "default": "😀é""#,
            #""type": "text", "default": 5, "null_values": ["", "NULL"], "trim": true, "path": "/User Id""#,
            #""scd": 1"#, #""scd": "fixed", "stored": true, "pii": "none", "nullable": false"#, #""references": "e.a""#,
        ])
    func legalColumns(column: String) throws {
        #expect(try problems(of: MetadataFault(column: column, line: "")) == [])
    }

    @Test("A fault of a system is told in one line", arguments: systemFaults)
    func systems(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/systems.json: systems[0]" + fault.line])
    }

    @Test("A fault of an entity is told in one line", arguments: entityFaults)
    func entities(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/entities.json: entities[0]" + fault.line])
    }

    @Test("A fault of a check is told in one line", arguments: checkFaults)
    func checks(fault: MetadataFault) throws {
        let found = try problems(of: fault)
        #expect(found == ["metadata/entities.json: entities[0]" + fault.line], "\(found)")
    }

    @Test("A fault of a column is told in one line", arguments: columnFaults)
    func columns(fault: MetadataFault) throws {
        #expect(try problems(of: fault) == ["metadata/entities.json: entities[0].columns[1]" + fault.line])
    }
}
