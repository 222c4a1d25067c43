import Metadata
import Testing

/// Rules that hold across systems and entities, and the tables of names that no project may use.
@Suite("Catalog rules")
struct CatalogRulesTests {
    private func system(_ id: String, after: [String] = []) -> String {
        let after = after.map { "\"\($0)\"" }.joined(separator: ", ")
        return #"{"id": "\#(id)", "name": "N", "description": "D", "type": "sample", "after": [\#(after)]}"#
    }

    private func entity(_ system: String, _ name: String, column: String = "") -> String {
        #"{"name": "\#(name)", "description": "D", "system_id": "\#(system)", "load_type": "full", "#
            + #""columns": [{"name": "k", "type": "int", "key": true\#(column)}]}"#
    }

    private func problems(systems: [String], entities: [String] = []) throws -> [String] {
        try ProjectFolder.problems([
            "metadata/systems.json": "[\(systems.joined(separator: ",\n"))]",
            "metadata/entities.json": "[\(entities.joined(separator: ",\n"))]",
        ])
    }

    @Test("An id is given once in all files")
    func uniqueIDs() throws {
        let lines = try ProjectFolder.problems([
            "metadata/systems.json": "[\(system("a"))]", "metadata/systems/more.json": system("a"),
            "metadata/entities.json": "[]",
        ])
        #expect(
            lines == [
                "metadata/systems/more.json: id: 'a' is already the id of metadata/systems.json: systems[0], expected each id once"
            ])
    }

    @Test("A cycle of systems is printed, each cycle once")
    func cycles() throws {
        let systems = [
            system("a", after: ["b"]), system("b", after: ["c"]), system("c", after: ["a"]),
            system("d", after: ["a", "d"]),
        ]
        #expect(
            try problems(systems: systems) == [
                "metadata/systems.json: systems[0].after: a cycle: a → b → c → a, expected an order that can begin",
                "metadata/systems.json: systems[3].after: a cycle: d → d, expected an order that can begin",
            ])
    }

    @Test("Two entities of one name in a system are told with both places")
    func uniqueEntities() throws {
        #expect(
            try problems(systems: [system("a")], entities: [entity("a", "x"), entity("a", "x")]) == [
                "metadata/entities.json: entities[1].name: 'x' is already the name of metadata/entities.json: entities[0], expected each name once in a system"
            ])
    }

    @Test("Entities of two systems whose tables would be one are refused")
    func tableCollision() throws {
        #expect(
            try problems(systems: [system("a"), system("a_b")], entities: [entity("a", "b_c"), entity("a_b", "c")]) == [
                "metadata/entities.json: entities[1].name: table 'a_b_c' is already that of a.b_c (metadata/entities.json: entities[0]), expected tables <system>_<entity> that differ"
            ])
    }

    @Test(
        "A table may not have the name of what stands beside another",
        arguments: ["_current", "_asof", "__last", "_pkey", "_run", "__last_pk", "__scope", "_pk", "_open"])
    func derivedNames(suffix: String) throws {
        #expect(
            try problems(systems: [system("a")], entities: [entity("a", "x\(suffix)"), entity("a", "x")]) == [
                "metadata/entities.json: entities[0].name: table 'a_x\(suffix)' is a name that belongs to a.x (metadata/entities.json: entities[1]), expected a name that does not end in \(suffix)"
            ])
        #expect(try problems(systems: [system("a")], entities: [entity("a", "x\(suffix)")]) == [])
    }

    @Test(
        "A schema that is the program's own is refused",
        arguments: ["gold", "gold_data", "metadata", "platform", "rebuild_bronze", "rebuild_silver", "stage"])
    func ownSchemas(name: String) throws {
        for layer in ["bronze", "silver"] {
            let own = system("a").replacing(#""after""#, with: #""schemas": {"\#(layer)": "\#(name)"}, "after""#)
            #expect(
                try problems(systems: [own]) == [
                    "metadata/systems.json: systems[0].schemas.\(layer): schema '\(name)' is reserved, expected another schema"
                ])
        }
    }

    @Test("A former name is one that nothing has any more, and given once")
    func formerNames() throws {
        func renamed(_ name: String, from former: String, columns: String = "") -> String {
            #"{"name": "\#(name)", "description": "D", "system_id": "a", "load_type": "full", "#
                + #""renamed_from": "\#(former)", "columns": [{"name": "k", "type": "int", "key": true}\#(columns)]}"#
        }
        let place = "metadata/entities.json: entities"
        #expect(
            try problems(systems: [system("a")], entities: [renamed("x", from: "y"), entity("a", "y")]) == [
                "\(place)[0].renamed_from: 'y' is the name of \(place)[1], expected a name that no entity of the system has any more"
            ])
        #expect(
            try problems(systems: [system("a")], entities: [renamed("x", from: "z"), renamed("y", from: "z")]) == [
                "\(place)[1].renamed_from: 'z' is already the former name of \(place)[0], expected each name once"
            ])
        let columns =
            #", {"name": "b", "type": "int", "renamed_from": "k"}, {"name": "c", "type": "int", "renamed_from": "o"}"#
            + #", {"name": "d", "type": "int", "renamed_from": "o"}"#
        #expect(
            try problems(systems: [system("a")], entities: [renamed("x", from: "w", columns: columns)]) == [
                "\(place)[0].columns[1].renamed_from: 'k' is a column still, expected a name that no column has any more",
                "\(place)[0].columns[3].renamed_from: 'o' is already the former name of columns[2], expected each name once",
            ])
    }

    @Test("47 bytes of table name are taken, 48 refused")
    func tableLength() throws {
        let name = String(repeating: "x", count: 45)
        #expect(try problems(systems: [system("a")], entities: [entity("a", name)]) == [])
        #expect(try problems(systems: [system("a")], entities: [entity("a", name + "x")]).count == 1)
    }

    @Test("1,500 columns are taken, 1,501 refused")
    func columnCount() throws {
        func columns(_ count: Int) -> String {
            (2...count).map { #", {"name": "c\#($0)", "type": "int"}"# }.joined()
        }
        func entity(_ count: Int) -> String {
            #"{"name": "e", "description": "D", "system_id": "a", "load_type": "full", "columns": [{"name": "k", "type": "int", "key": true}\#(columns(count))]}"#
        }
        #expect(try problems(systems: [system("a")], entities: [entity(1500)]) == [])
        #expect(
            try problems(systems: [system("a")], entities: [entity(1501)]) == [
                "metadata/entities.json: entities[0].columns: 1501 columns, expected at most 1500"
            ])
    }

    @Test("References reach into other systems, and are checked there")
    func references() throws {
        let systems = [system("a"), system("b")]
        let target = entity("b", "customers")
        #expect(
            try problems(
                systems: systems, entities: [entity("a", "x", column: #", "references": "b.customers.k""#), target])
                == [])
        #expect(
            try problems(
                systems: systems, entities: [entity("a", "x", column: #", "references": "b.custmers.k""#), target]) == [
                    "metadata/entities.json: entities[0].columns[0].references: unknown entity 'b.custmers', expected customers; did you mean 'customers'?"
                ])
        #expect(
            try problems(
                systems: systems, entities: [entity("a", "x", column: #", "references": "b.customers.key""#), target])
                == [
                    "metadata/entities.json: entities[0].columns[0].references: unknown column 'key' of b.customers, expected k"
                ])
    }

    /// What must never become a table, a folder or a part of SQL: traversal, injection, foreign letters, white space,
    /// our own and reserved names.
    private static let hostileNames = [
        "../x", "/etc", "a/b", "..%2f", "CON", ".", "..", "", " ", "x ", " x", "x\\n", "x\\u2028", "x\\t",
        "x\\\"; DROP TABLE y; --", "$$", "${HOME}", "'", "x'y", "\\\\", "x\\u200b", "e\\u0301", "\\u00e9", "ａ", "1a",
        "_a", "_run_id",
        "User Id", "userId", "user-id", "USER_ID", "a.b", "a\\u0000b", String(repeating: "x", count: 300),
    ]

    @Test("A hostile name is refused wherever names stand", arguments: hostileNames)
    func hostileName(name: String) throws {
        let asSystem = try problems(systems: [system(name)])
        #expect(!asSystem.isEmpty)
        let asEntity = try problems(systems: [system("a")], entities: [entity("a", name)])
        #expect(!asEntity.isEmpty)
        let asColumn = try problems(
            systems: [system("a")],
            entities: [entity("a", "e").replacing(#"{"name": "k""#, with: #"{"name": "\#(name)""#)])
        #expect(!asColumn.isEmpty)
        for line in asSystem + asEntity + asColumn {
            #expect(
                line.unicodeScalars.allSatisfy {
                    $0.properties.generalCategory != .control && $0 != "\u{2028}" && $0 != "\u{200B}"
                })
            #expect(line.utf8.count < 400, "a long name is cut")
        }
    }

    @Test(
        "Every system column of PostgreSQL is refused as a column",
        arguments: ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])
    func systemColumns(name: String) throws {
        let entity = entity("a", "e").replacing(#"{"name": "k""#, with: #"{"name": "\#(name)""#)
        #expect(
            try problems(systems: [system("a")], entities: [entity]) == [
                "metadata/entities.json: entities[0].columns[0].name: '\(name)' is a system column of PostgreSQL, expected another name (path may stay)"
            ])
    }

    @Test(
        "Words that SQL reserves are fine, since identifiers are always quoted",
        arguments: ["select", "user", "order", "table"])
    func reservedWords(name: String) throws {
        let entity = entity("a", name).replacing(#"{"name": "k""#, with: #"{"name": "\#(name)""#)
        #expect(try problems(systems: [system("a")], entities: [entity]) == [])
    }

    @Test("A file cut at any byte is refused whole, with its line and column or what is missing")
    func halfWritten() throws {
        let whole = Array("[\(entity("a", "x"))]".utf8)
        for end in 0..<whole.count {
            let lines = try ProjectFolder.problems([
                "metadata/systems.json": "[\(system("a"))]",
                "metadata/entities.json": String(decoding: whole[..<end], as: UTF8.self),
            ])
            #expect(lines.count == 1 && lines[0].hasPrefix("metadata/entities.json: line 1, column"), "cut at \(end)")
        }
    }

    @Test("No value of a secret appears in any message")
    func secrets() throws {
        let canary = "canary-4711"
        let connections = [
            #"{"token": "\#(canary)"}"#, #"{"token": ["\#(canary)"]}"#, #"{"token": {"secret": "\#(canary)"}}"#,
            #"{"token": {"secret": ["\#(canary)"]}}"#, #"{"token": {"value": "\#(canary)"}}"#,
            #"{"auth": {"type": "bearer", "token": "\#(canary)"}}"#,
            #"{"auth": {"typ": "bearer", "token": "\#(canary)"}}"#,
            #"{"pasword": "\#(canary)"}"#, #"{"auth": "\#(canary)"}"#, #"{"retry": {"attempts": "\#(canary)"}}"#,
        ]
        for connection in connections {
            let system =
                #"{"id": "a", "name": "N", "description": "D", "type": "sample", "connection": \#(connection)}"#
            let lines = try problems(systems: [system])
            #expect(!lines.isEmpty)
            #expect(!lines.joined().contains(canary), "\(connection)")
        }
    }
}
