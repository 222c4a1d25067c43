import Foundation
import JSON
import Metadata
import Testing

/// An exploded entity and its parent with one fault: members that replace or add to those of a faultless pair.
struct ExplosionFault: Sendable, CustomTestStringConvertible {
    var parent = ""
    var child = ""
    var bronze = ""
    let line: String
    var testDescription: String { line }
}

@Suite("Rules of exploded entities")
struct ExplosionRulesTests {
    private func object(_ members: [(String, String)], _ changes: String) throws -> String {
        let changed = try JSONReader.parse("{\(changes)}").objectValue?.map(\.name) ?? []
        let kept = members.filter { !changed.contains($0.0) }.map { "\"\($0.0)\": \($0.1)" }
        return "{\((kept + (changes.isEmpty ? [] : [changes])).joined(separator: ", "))}"
    }

    private func files(_ fault: ExplosionFault) throws -> [String: String] {
        let parent = try object(
            [
                ("name", "\"orders\""), ("description", "\"O.\""), ("system_id", "\"s\""), ("load_type", "\"full\""),
                ("key", "[\"region\", \"id\"]"), ("order", "5"),
                (
                    "columns",
                    #"[{"name": "region", "type": "text", "trim": true, "null_values": ["?"]}, {"name": "id", "type": "int"}]"#
                ),
            ], fault.parent)
        let bronze = try object(
            [
                ("pattern", "\"explode\""), ("from", "\"orders\""), ("path", "\"/a/lines\""),
                ("parent_columns", "[\"region\", \"id\"]"),
            ], fault.bronze)
        let child = try object(
            [
                ("name", "\"lines\""), ("description", "\"L.\""), ("system_id", "\"s\""), ("load_type", "\"full\""),
                ("key", "[\"region\", \"order_id\", \"no\"]"), ("bronze", bronze),
                (
                    "columns",
                    #"[{"name": "region", "type": "text"}, {"name": "order_id", "type": "int", "path": "/_parent/id"}, "#
                        + #"{"name": "no", "type": "int", "path": "/_position"}, {"name": "id", "type": "text"}]"#
                ),
            ], fault.child)
        let other = try object(
            [
                ("name", "\"items\""), ("description", "\"I.\""), ("system_id", "\"s\""), ("load_type", "\"full\""),
                ("columns", #"[{"name": "a", "type": "int", "key": true}]"#),
            ], "")
        return [
            "metadata/systems.json": #"[{"id": "s", "name": "S", "description": "S.", "type": "sample"}]"#,
            "metadata/entities.json": "[\(child), \(parent), \(other)]",
        ]
    }

    @Test("The parent's columns get their places, and are read as the parent reads them")
    func faultless() throws {
        let catalog = try ProjectFolder.load(try files(ExplosionFault(line: "")))
        #expect(
            catalog.entities.map(\.id.name) == ["items", "orders", "lines"], "the parent first, whatever the order")
        let lines = try #require(catalog.entity(EntityID(system: SystemID(rawValue: "s"), name: "lines")))
        #expect(lines.columns.map(\.path) == [["_parent", "region"], ["_parent", "id"], ["_position"], ["id"]])
        #expect(lines.columns[0].trims && lines.columns[0].nullValues == ["?"])
        #expect(lines.explosion?.pointer == "/a/lines")
        #expect(try ProjectFolder.problems(files(ExplosionFault(bronze: #""pattern": "map_entries""#, line: ""))) == [])
    }

    static let faults: [ExplosionFault] = [
        ExplosionFault(
            bronze: #""from": "order""#,
            line: "[0].bronze.from: unknown entity 'order', expected one of orders, items; did you mean 'orders'?"),
        ExplosionFault(
            child: #""bronze": {"pattern": "explode", "path": "x", "parent_columns": ["region", "id"]}"#,
            line: "[0].bronze.from: missing, expected the entity whose batches are read, since pattern is explode"),
        ExplosionFault(
            bronze: #""path": """#,
            line: "[0].bronze.path: '' is no path, expected a JSON pointer (/a/b) or dotted names (a.b)"),
        ExplosionFault(
            child:
                #""columns": [{"name": "region", "type": "text", "path": "/_parent/regoin"}, {"name": "order_id", "type": "int", "path": "/_parent/id"}, {"name": "no", "type": "int"}]"#,
            bronze: #""parent_columns": ["regoin", "id"]"#,
            line:
                "[0].bronze.parent_columns[0]: 'regoin' is no key column of s.orders, expected one of region, id; did you mean 'region'?"
        ),
        ExplosionFault(
            bronze: #""parent_columns": ["id"]"#,
            line: "[0].bronze.parent_columns: lacks region of the key of s.orders, expected region, id"),
        ExplosionFault(
            bronze: #""parent_columns": ["region", "id", "id"]"#,
            line: "[0].bronze.parent_columns[2]: 'id' a second time, expected each column once"),
        ExplosionFault(
            child: #""key": ["region", "no"]"#,
            line:
                "[0].bronze.parent_columns[1]: no key column reads 'id' of the parent, expected a key column of that name, or one with the path /_parent/id"
        ),
        ExplosionFault(
            child: #""key": ["region", "order_id"]"#,
            line:
                "[0].key: only columns of the parent, expected the item's own key too, or a column with the path /_position"
        ),
        ExplosionFault(
            child: #""source": {"path": "x"}"#,
            line: "[0].source: given with pattern explode, expected none: the records of orders are read"),
        ExplosionFault(
            child: #""delta": {"mode": "all"}"#,
            line: "[0].delta: given with pattern explode, expected none: it takes what orders brings"),
        ExplosionFault(
            child: #""full_scope": "no""#,
            line: "[0].full_scope: given with pattern explode, expected none: its scope is the parent"),
        ExplosionFault(
            child: #""raw": {"compress": "zstd"}"#,
            line: "[0].raw: given with pattern explode, expected none: it lands nothing"),
        ExplosionFault(
            child:
                #""effective_time_column": "on", "columns": [{"name": "region", "type": "text"}, {"name": "order_id", "type": "int", "path": "/_parent/id"}, {"name": "no", "type": "int"}, {"name": "on", "type": "date"}]"#,
            line:
                "[0].effective_time_column: given with pattern explode, expected none: this version takes its items as of the parent's batch"
        ),
        ExplosionFault(
            child: #""load_type": "delta""#,
            line: "[0].load_type: delta, but s.orders is loaded full, expected full"),
        ExplosionFault(
            child:
                #""columns": [{"name": "region", "type": "text", "trim": true}, {"name": "order_id", "type": "bigint", "path": "/_parent/id"}, {"name": "no", "type": "int", "path": "/_parent/no"}]"#,
            line: """
                [0].columns[0].trim: given for a column of the parent, expected none: the parent's own is used
                [0].key: only columns of the parent, expected the item's own key too, or a column with the path /_position
                [0].columns[2].path: no column of the parent stands there, expected one of /_parent/region, /_parent/id
                [0].columns[1].type: bigint differs from 'id' of s.orders, expected int with the same length, precision and scale
                """),
        ExplosionFault(
            bronze: #""from": "lines""#,
            line: "[0].bronze.from: s.lines is exploded itself, expected an entity that lands its batches"),
        ExplosionFault(
            parent: #""source": {"path": "orders.csv"}"#,
            line: "[0].bronze.from: s.orders is read from CSV, which has no lists, expected an entity of JSON records"),
        ExplosionFault(
            parent:
                #""effective_time_column": "at", "columns": [{"name": "region", "type": "text"}, {"name": "id", "type": "int"}, {"name": "at", "type": "date"}]"#,
            line:
                "[0].bronze.from: s.orders has an effective time, expected an entity without: this version takes items as of the parent's batch"
        ),
        ExplosionFault(
            parent: #""history": "append", "key": []"#,
            line: "[0].bronze.from: s.orders has no key, expected an entity with key columns"),
    ]

    @Test("A fault is told in one line", arguments: faults)
    func told(fault: ExplosionFault) throws {
        let lines = fault.line.split(separator: "\n").map { "metadata/entities.json: entities" + $0 }
        #expect(try ProjectFolder.problems(files(fault)) == lines)
    }

    @Test("An entity that lands nothing needs no source by the schema either")
    func schema() throws {
        let table = ConnectorDescription(
            name: "sample", summary: "", connectionFields: [],
            sourceFields: [Field("table", .string, required: true, "The table.")], example: "[]")
        let files = try files(ExplosionFault(line: ""))
        let systems = try ProjectFolder.load(files).systems
        let validator = SchemaValidator(root: MetadataSchema.entities(connectors: [table], systems: systems))
        let entities = try JSONReader.parse(files["metadata/entities.json"] ?? "").arrayValue ?? []
        #expect(validator.faults(of: .array([entities[0]])) == [])
        #expect(validator.faults(of: .array([entities[1]])) != [], "its parent does")
    }
}
