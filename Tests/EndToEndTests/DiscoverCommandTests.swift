import Foundation
import JSON
import LoopbackHTTP
import Postgres
import TestKit
import Testing

@Suite("medallion discover proposes metadata that loads")
struct DiscoverCommandTests {
    /// Validates and runs what was written; the rows of the silver table.
    private func rows(of table: String, in project: AuthorProject) async throws -> Int {
        let database = try await TestCluster.shared.database()
        let environment = ["MEDALLION_DATABASE_URL": database.url]
        let valid = try await project.medallion("validate", environment: environment)
        try #require(valid.status == 0, "\(valid.errors)")
        let run = try await project.medallion("run", environment: environment)
        try #require(run.status == 0, "\(run)")
        let connection = try await PostgresConnection.connect(database, applicationName: "test")
        let result = try await connection.query(SQLText(verbatim: "SELECT count(*)::int FROM silver.\(table)"))
        let rejected = try await connection.query(SQLText(verbatim: "SELECT count(*)::int FROM audit.rejected_record"))
        await connection.close()
        #expect(try rejected[0].get(0, as: Int.self) == 0)
        return try result[0].get(0, as: Int.self)
    }

    @Test("an API: records path, types, key and cursor; then it lands")
    func rest() async throws {
        let server = try LoopbackServer { request in
            guard request.path == "/orders" else { return .json("{}", status: 404) }
            let orders = (1...120).map { number in
                """
                {"orderId": \(number), "Total Sum": \(number).5\(number % 10), "note": \(number == 7 ? "null" : "\"n\""),
                 "customer": {"id": 1}, "updatedAt": "2026-01-01T00:00:\(10 + number % 50)Z", "total_sum": "x"}
                """
            }
            return .json("{\"meta\": {\"tags\": [1, 2]}, \"data\": [\(orders.joined(separator: ","))]}")
        }
        defer { server.stop() }
        let project = try AuthorProject(systems: AuthorProject.system("rest", "{\"base_url\": \"\(server.url)\"}"))
        let found = try await project.medallion(
            "discover", "src", "--entity", "orders", "--source", #"{"path": "/orders"}"#, "--write")
        #expect(found.status == 0, "\(found)")
        #expect(found.errors.contains("the only list of objects in the answer"))
        #expect(found.errors.contains("all 120 samples") && found.errors.contains("119 of 120 samples"))
        let value = try JSONReader.parse(try project.folder.text(of: "metadata/entities/src_orders.json"))
        #expect(value["source"]?["records_path"]?.stringValue == "/data")
        #expect(value["key"] == .array([.string("order_id")]))
        let columns = value["columns"]?.arrayValue ?? []
        #expect(
            columns.map { $0["name"]?.stringValue } == [
                "order_id", "total_sum", "note", "customer", "updated_at", "total_sum_2",
            ])
        #expect(columns.map { $0["type"]?.stringValue } == ["int", "numeric", "text", "json", "timestamptz", "text"])
        #expect(columns[1]["path"]?.stringValue == "/Total Sum" && columns[1]["scale"]?.intValue == 2)
        #expect(columns[2]["nullable"] == nil && columns[4]["nullable"] == .bool(false))
        #expect(found.errors.contains("\"cursor_column\": \"updated_at\""), "\(found)")
        let again = try await project.medallion(
            "discover", "src", "--entity", "orders", "--source", #"{"path": "/orders"}"#, "--write")
        #expect(again.status == 2 && again.errors.contains("--force"), "\(again)")
        try project.expectNothingLeft()
        #expect(try await rows(of: "src_orders", in: project) == 120)
    }

    @Test("files: rows of strings become numbers and dates; then they land")
    func file() async throws {
        let project = try AuthorProject(systems: AuthorProject.system("file", "{\"root\": \"data\"}"))
        try project.folder.write(
            "Order No,Ordered on,Überweisung,zip\nA-1,2026-01-02,12.50,01067\nA-2,2026-01-03,,10115\n", to: "data/o.csv"
        )
        let found = try await project.medallion(
            "discover", "src", "--entity", "orders", "--source", #"{"path": "o.csv"}"#)
        #expect(found.status == 0, "\(found)")
        let value = try JSONReader.parse(Array(found.output.utf8))
        let columns = value["columns"]?.arrayValue ?? []
        #expect(columns.map { $0["name"]?.stringValue } == ["order_no", "ordered_on", "uberweisung", "zip"])
        #expect(columns.map { $0["type"]?.stringValue } == ["text", "date", "numeric", "text"])
        #expect(value["key"] == .array([.string("order_no")]))
        try project.folder.write(found.output, to: "metadata/entities/src_orders.json")
        #expect(try await rows(of: "src_orders", in: project) == 2)
    }

    @Test("an entity of the metadata with a placeholder for its columns; then it lands")
    func placeholder() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system("fake", "{}"),
            entities: """
                [{"name": "items", "system_id": "src", "description": "Made-up items", "load_type": "full",
                  "history": "latest", "source": {"rows": 300, "page_size": 50},
                  "columns": [{"name": "x", "type": "json"}]}]
                """)
        let refused = try await project.medallion("discover", "src", "--write")
        #expect(refused.status == 2 && refused.errors.contains("metadata/entities.json: entities[0]"), "\(refused)")
        let found = try await project.medallion("discover", "src")
        #expect(found.status == 0, "\(found)")
        let value = try JSONReader.parse(Array(found.output.utf8))
        #expect(value["source"]?.text() == #"{"rows":300,"page_size":50}"#)
        #expect(value["description"]?.stringValue == "Made-up items")
        let types = value["columns"]?.arrayValue?.compactMap { $0["type"]?.stringValue }
        #expect(
            types == [
                "int", "text", "text", "text", "text", "int", "numeric", "boolean", "timestamptz", "timestamptz",
                "json",
                "json",
            ])
        try project.folder.write("[\(found.output)]", to: "metadata/entities.json")
        #expect(try await rows(of: "src_items", in: project) == 300)
    }

    @Test("two tables that become one name are proposed under two")
    func names() async throws {
        let project = try AuthorProject(
            systems: AuthorProject.system("sqlite", #"{"path": "d.db"}"#), entities: "[]")
        let maker = Process()
        maker.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        let tables = #"create table "Order Lines" (id int); create table order_lines (id int)"#
        maker.arguments = [
            "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])",
            project.folder.path(of: "d.db"), tables,
        ]
        try maker.run()
        maker.waitUntilExit()
        let found = try await project.medallion("discover", "src", "--write")
        #expect(found.status == 0, "\(found)")
        let files = try project.folder.names(in: "metadata/entities")
        #expect(files == ["src_order_lines.json", "src_order_lines_2.json"])
        let sources = try files.map { file in
            try JSONReader.parse(try project.folder.text(of: "metadata/entities/\(file)"))["source"]?["table"]?
                .stringValue
        }
        #expect(sources == ["Order Lines", "order_lines"])
    }

    @Test("what cannot be proposed is said, with what to do")
    func faults() async throws {
        let api = try AuthorProject(systems: AuthorProject.system("rest", "{\"base_url\": \"http://127.0.0.1:1\"}"))
        let nothing = try await api.medallion("discover", "src")
        #expect(nothing.status == 2 && nothing.errors.contains("--entity NAME --source '{…}'"), "\(nothing)")
        let project = try AuthorProject(systems: AuthorProject.system("file", "{\"root\": \"data\"}"))
        let wrong = try await project.medallion(
            "discover", "src", "--entity", "x", "--source", #"{"pth": "o.csv"}"#)
        #expect(wrong.status == 2 && wrong.errors.contains("did you mean 'path'?"), "\(wrong)")
        try project.folder.write(#"{"a": [{"x": 1}], "b": {"c": [{"y": 1}, {"y": 2}]}}"#, to: "data/two.json")
        let two = try await project.medallion(
            "discover", "src", "--entity", "x", "--source", #"{"path": "two.json"}"#)
        #expect(two.status == 2 && two.errors.contains("/a (1), /b/c (2)"), "\(two)")
    }
}
