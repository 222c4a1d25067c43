import Foundation
import JSON
import Postgres
import TestKit
import Testing

@Suite("medallion connectors new makes what works")
struct ConnectorsNewTests {
    @Test("a new program lands at once, goes on from its state, and keeps the contract")
    func process() async throws {
        let project = try AuthorProject(systems: "[]", entities: "[]")
        let made = try await project.medallion("connectors", "new", "tides")
        #expect(made.status == 0 && made.output.contains("connectors/tides/source.py"), "\(made)")
        let database = try await TestCluster.shared.database()
        let environment = ["MEDALLION_DATABASE_URL": database.url]
        let first = try await project.medallion("run", "--system", "tides", environment: environment)
        #expect(first.status == 0, "\(first)")
        let second = try await project.medallion("run", "--system", "tides", environment: environment)
        #expect(second.status == 0, "\(second)")
        let connection = try await PostgresConnection.connect(database, applicationName: "test")
        let rows = try await connection.query(
            SQLText(verbatim: "SELECT place, level_cm FROM silver.tides_readings_current ORDER BY id"))
        let loads = try await connection.query(
            SQLText(
                verbatim: """
                    SELECT nr_records_in::int AS n FROM audit.entity_layer_run WHERE layer = 'raw' ORDER BY started_at
                    """))
        await connection.close()
        #expect(try rows.map { try $0.get(0, as: String.self) } == ["north pier", "south pier", "lighthouse"])
        #expect(try loads.map { try $0.get(0, as: Int.self) } == [3, 0])

        let checked = try await project.medallion("check", "tides")
        #expect(checked.status == 0 && checked.output.contains("speaks jsonl, 1 stream"), "\(checked)")
        let found = try await project.medallion("discover", "tides")
        #expect(found.status == 0 && found.output.contains(#""stream": "readings""#), "\(found)")
        let held = try await project.medallion("connectors", "test", "tides")
        #expect(held.status == 0, "\(held)")
        for promise in ["lands: 3", "lands nothing twice", "state: 0 records more", "own error", "cancelled", "secret"]
        {
            #expect(held.output.contains(promise), "\(promise): \(held)")
        }
        try project.expectNothingLeft()
        let again = try await project.medallion("connectors", "new", "tides")
        #expect(again.status == 2 && again.errors.contains("exists; choose another name"), "\(again)")
        let wrong = try await project.medallion("connectors", "new", "../x")
        #expect(wrong.status == 2, "\(wrong)")
    }

    @Test("a program that breaks its promises is told so")
    func broken() async throws {
        let project = try AuthorProject(systems: "[]", entities: "[]")
        _ = try await project.medallion("connectors", "new", "tides")
        let program = try project.folder.text(of: "connectors/tides/source.py")
        let forgetful = program.replacing(
            #"seen = load("state.json", {"changed_at": ""})["changed_at"]"#, with: #"seen = """#)
        try #require(forgetful != program)
        try project.folder.write(forgetful, to: "connectors/tides/source.py")
        let held = try await project.medallion("connectors", "test", "tides")
        #expect(held.status == 1 && held.output.contains("✗ it goes on from its state: "), "\(held)")
        #expect(held.output.contains("brought all 3 records again"))
        let closed = program.replacing(
            "    request = load(", with: "    fail('closed for the winter', kind='auth')\n    request = load(")
        try #require(closed != program)
        try project.folder.write(closed, to: "connectors/tides/source.py")
        let refused = try await project.medallion("check", "tides", "--entity", "readings")
        #expect(refused.status == 1 && refused.output.contains("it gave up: closed for the winter"), "\(refused)")
        let chatty = program.replacing(
            #"            # A full load"#, with: #"            # A full load"#
        ).replacing(
            "def read(config):",
            with: "def read(config):\n    print(json.dumps({'type': 'log', 'level': 'info', 'message': config['key']}))"
        )
        try project.folder.write(chatty, to: "connectors/tides/source.py")
        let system = try project.folder.text(of: "metadata/systems/tides.json")
        try project.folder.write(
            system.replacing(#""config": {}"#, with: #""config": {"key": {"secret": "tide_key"}}"#),
            to: "metadata/systems/tides.json")
        let masked = try await project.medallion(
            "connectors", "test", "tides", environment: ["MEDALLION_SECRET_TIDE_KEY": "canary-4711-tides"])
        #expect(masked.status == 0 && masked.output.contains("✓ it names a missing secret"), "\(masked)")
        #expect(!"\(masked)".contains("canary-4711"), "\(masked)")
    }

    @Test("a new Swift type stands where the source tree wants it")
    func swift() async throws {
        let project = try AuthorProject(systems: "[]", entities: "[]")
        let refused = try await project.medallion("connectors", "new", "sea_level", "--kind", "swift")
        #expect(refused.status == 2 && refused.errors.contains("is not the source tree"), "\(refused)")
        try project.folder.write("", to: "connectors/BuiltInConnectors.swift")
        let made = try await project.medallion("connectors", "new", "sea_level", "--kind", "swift")
        #expect(made.status == 0 && made.output.contains("registry.register(SeaLevelConnector.self)"), "\(made)")
        let text = try project.folder.text(of: "connectors/SeaLevel/SeaLevelConnector.swift")
        #expect(text.contains("public struct SeaLevelConnector: Connector {") && !text.contains("TYPE"))
    }
}
