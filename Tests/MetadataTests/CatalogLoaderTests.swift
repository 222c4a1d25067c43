import Foundation
import JSON
import Metadata
import Primitives
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

    @Test("All problems of all files come at once, by file and in the order of reading")
    func allAtOnce() throws {
        let lines = try ProjectFolder.problems([
            "metadata/systems.json": #"[{"id": "shop", "name": "Shop", "type": "sample", "conection": {}}]"#,
            "metadata/systems/second.json": "{\"id\": \"b\",\n}",
            "metadata/entities/a.json": #"{"name": "x", "colums": []}"#,
            "metadata/entities.json":
                #"[1, {"name": "y", "description": "Y.", "system_id": "b", "load_type": "full", "columns": [{"name": "k", "key": true}]}]"#,
        ])
        #expect(
            lines == [
                "metadata/entities.json: entities[0]: a number, expected an object",
                "metadata/entities.json: entities[1].columns[0].type: missing, expected one of string, text, smallint, int, "
                    + "bigint, double, numeric, boolean, date, time, timestamp, timestamptz, uuid, json, binary",
                "metadata/entities/a.json: colums: unknown key 'colums'; did you mean 'columns'?",
                "metadata/entities/a.json: description: missing, expected a string",
                "metadata/entities/a.json: system_id: missing, expected a string",
                "metadata/entities/a.json: load_type: missing, expected one of full, delta",
                "metadata/entities/a.json: columns: missing, expected an array, each element an object",
                "metadata/entities/a.json: key: missing, expected key columns, since history is scd2",
                "metadata/systems.json: systems[0].conection: unknown key 'conection'; did you mean 'connection'?",
                "metadata/systems.json: systems[0].description: missing, expected a string",
                "metadata/systems/second.json: line 2, column 1: trailing comma, expected a member",
            ])
    }

    @Test("The error counts the problems, a line each")
    func errorText() throws {
        let error = try #require(
            #expect(throws: MetadataError.self) {
                try ProjectFolder.load(["metadata/systems.json": "[]", "metadata/entities.json": "[1, 2]"])
            })
        #expect(
            error.description == """
                2 problems in the metadata
                metadata/entities.json: entities[0]: a number, expected an object
                metadata/entities.json: entities[1]: a number, expected an object
                """)
    }

    @Test(
        "Files may hold an array, an object with the array, or in a folder one object",
        arguments: [
            ["metadata/systems.json": "<systems>", "metadata/entities.json": "<entities>"],
            ["metadata/systems/a.json": "<systems>", "metadata/entities/a.json": "<entities>"],
            [
                "metadata/systems.json": #"{"$schema": "x", "systems": <systems>}"#,
                "metadata/entities.json": #"{"entities": <entities>}"#,
            ],
            [
                "metadata/systems/a.json":
                    #"{"$schema": "x", "id": "shop", "name": "Shop", "description": "A shop.", "type": "sample"}"#,
                "metadata/systems.json": "[]", "metadata/entities/b.json": #"{"entities": <entities>}"#,
            ],
        ])
    func fileShapes(files: [String: String]) throws {
        let catalog = try ProjectFolder.load(
            files.mapValues { text in
                text.replacing("<systems>", with: systems).replacing("<entities>", with: entities)
            })
        #expect(catalog.systems.map(\.id.rawValue) == ["shop"])
        #expect(catalog.entities.map(\.id.description) == ["shop.customers"])
        let plain = try ProjectFolder.load(["metadata/systems.json": systems, "metadata/entities.json": entities])
        #expect(catalog.hash == plain.hash, "the distribution over files changes no hash")
    }

    @Test("The hash does not see white space and order of keys, but every value")
    func hash() throws {
        func hash(_ entities: String) throws -> String {
            try ProjectFolder.load(["metadata/systems.json": systems, "metadata/entities.json": entities]).hash
                .description
        }
        let value = try JSONReader.parse(entities)
        #expect(try hash(entities) == hash(value.text(pretty: true, sortedKeys: true)))
        #expect(try hash(entities) != hash(entities.replacing("200", with: "201")))
    }

    @Test(
        "Files that nothing would read, or that are not there, are problems",
        arguments: [
            (
                ["metadata/entities.json": "[]"],
                ["metadata: no systems, expected metadata/systems.json or metadata/systems/*.json"]
            ),
            (
                ["metadata/systems.json": "[]", "metadata/entities.json": "[]", "metadata/entitys.json": "[]"],
                [
                    "metadata/entitys.json: unknown file, expected systems.json, entities.json, or files in systems/ and "
                        + "entities/; did you mean 'entities.json'?"
                ]
            ),
            (
                ["metadata/systems.json": "[]", "metadata/entities.json": "[]", "metadata/triggers.json": "[]"],
                ["metadata/triggers.json: triggers are not supported by this version yet, expected no such file"]
            ),
            (
                ["metadata/systems.json": "[]", "metadata/entities.json": "[]", "metadata/entities/shop/a.json": "[]"],
                ["metadata/entities/shop: folders within are not read, expected metadata/entities/*.json"]
            ),
            (
                ["metadata/systems.json": "5", "metadata/entities.json": #"{"entity": []}"#],
                [
                    "metadata/entities.json: entity: unknown key 'entity', expected one of $schema, entities",
                    "metadata/entities.json: entities: missing, expected an array, each element a value",
                    "metadata/systems.json: a number, expected an array of objects, or an object with the key 'systems'",
                ]
            ),
            (
                ["metadata/systems.json": "", "metadata/entities.json": "[{]"],
                [
                    "metadata/entities.json: line 1, column 3: ']', expected a name in double quotes or '}'",
                    "metadata/systems.json: line 1, column 1: no JSON value in the text, expected a value",
                ]
            ),
        ] as [([String: String], [String])])
    func files(files: [String: String], lines: [String]) throws {
        #expect(try ProjectFolder.problems(files) == lines)
    }

    @Test("A project without metadata is one problem that names the folder")
    func noFolder() throws {
        let project = try ProjectFolder(["README.md": ""])
        let error = #expect(throws: MetadataError.self) {
            try CatalogLoader.load(project: project.path, connectors: [])
        }
        try project.remove()
        #expect(
            error?.problems.map(\.description) == [
                "metadata: folder missing in \(project.path), expected a folder with systems.json and entities.json"
            ])
    }

    @Test("Systems come behind those that they wait for, entities by system, order and name")
    func order() throws {
        func system(_ id: String, after: String) -> String {
            #"{"id": "\#(id)", "name": "N", "description": "D", "type": "sample", "after": \#(after)}"#
        }
        func entity(_ system: String, _ name: String, _ order: Int) -> String {
            #"{"name": "\#(name)", "description": "D", "system_id": "\#(system)", "load_type": "full", "order": \#(order), "#
                + #""columns": [{"name": "k", "type": "int", "key": true}]}"#
        }
        let catalog = try ProjectFolder.load([
            "metadata/systems.json":
                "[\(system("a", after: #"["c"]"#)), \(system("b", after: "[]")), \(system("c", after: #"["d"]"#)), \(system("d", after: "[]"))]",
            "metadata/entities.json":
                "[\(entity("d", "y", 1)), \(entity("d", "x", 1)), \(entity("d", "z", 0)), \(entity("b", "q", 5))]",
        ])
        #expect(catalog.systems.map(\.id.rawValue) == ["d", "c", "a", "b"])
        #expect(catalog.entities.map(\.id.description) == ["b.q", "d.z", "d.x", "d.y"])
    }

    @Test("Roles, nullability and delta follow from key, cursor and history")
    func derived() throws {
        let catalog = try ProjectFolder.load([
            "metadata/systems.json": systems,
            "metadata/entities.json": #"""
            [{"name": "orders", "description": "O", "system_id": "shop", "load_type": "delta", "key": ["id"],
              "delta": {"cursor_column": "at", "initial": "2026-01-01T00:00:00Z", "lookback_s": 60, "request_param": "since"},
              "columns": [{"name": "id", "type": "int"}, {"name": "line", "type": "int", "key": true},
                          {"name": "at", "type": "timestamptz", "path": "/meta/at"}, {"name": "n", "type": "numeric", "precision": 5, "scale": 2, "path": "a.b[0]", "default": -999.99, "scd": "fixed"}]},
             {"name": "seen", "description": "S", "system_id": "shop", "load_type": "delta", "key": ["id"], "history": "scd1", "delta": {"mode": "all"},
              "columns": [{"name": "id", "type": "int"}, {"name": "a", "type": "json", "default": {"x": [1]}}, {"name": "b", "type": "text", "scd": "ignore"}]}]
            """#,
        ])
        let orders = try #require(catalog.entities.first)
        #expect(orders.keyColumns.map(\.name) == ["id", "line"])
        #expect(orders.columns.map(\.isNullable) == [false, false, true, true])
        #expect(orders.columns.map(\.role) == [.scd2, .scd2, .scd1, .fixed])
        #expect(orders.columns.map(\.path) == [["id"], ["line"], ["meta", "at"], ["a", "b", "0"]])
        #expect(orders.columns[3].defaultText == "-999.99")
        let delta = try #require(orders.delta)
        #expect(delta.mode == .cursor && delta.cursorColumn == "at" && delta.initial == "2026-01-01T00:00:00Z")
        #expect(delta.lookbackSeconds == 60 && delta.requestParameter == "since")
        let seen = catalog.entities[1]
        #expect(seen.delta?.mode == .all)
        #expect(seen.columns.map(\.role) == [.scd1, .scd1, .ignore])
        #expect(seen.columns[1].defaultText == #"{"x":[1]}"#)
    }
}
