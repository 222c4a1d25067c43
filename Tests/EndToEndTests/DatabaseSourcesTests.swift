import Foundation
import JSON
import Postgres
import TestKit
import Testing

@Suite("Databases as sources, by the program")
struct DatabaseSourcesTests {
    private static let columns = """
        [{"name": "id", "type": "bigint"}, {"name": "exact", "type": "numeric"}, {"name": "big", "type": "bigint"},
         {"name": "ratio", "type": "double"}, {"name": "name", "type": "text"}, {"name": "day", "type": "date"},
         {"name": "local", "type": "timestamp"}, {"name": "picture", "type": "binary"}, {"name": "doc", "type": "json"},
         {"name": "tags", "type": "json"}, {"name": "uid", "type": "uuid"}, {"name": "flag", "type": "boolean"},
         {"name": "updated_at", "type": "timestamptz"}]
        """

    private func project(_ connection: String) async throws -> OperatorProject {
        let project = try await OperatorProject()
        try project.folder.write(
            """
            [{"id": "src", "name": "Source", "description": "A database", "type": "postgres", "connection": \(connection)}]
            """, to: "metadata/systems.json")
        try project.folder.write(
            """
            [{"name": "things", "system_id": "src", "description": "Things", "load_type": "delta", "key": ["id"],
              "delta": {"mode": "cursor", "cursor_column": "updated_at"}, "max_reject_fraction": 1,
              "source": {"table": "things", "chunk_rows": 2}, "columns": \(Self.columns)}]
            """, to: "metadata/entities.json")
        for file in try project.folder.names(in: "sql/gold") {
            try FileManager.default.removeItem(atPath: project.folder.path(of: "sql/gold/" + file))
        }
        return project
    }

    /// A database of the test server, and its place as a system's `connection`.
    private func source() async throws -> (PostgresConnection, String) {
        let configuration = try await TestCluster.shared.database()
        let url = try #require(URLComponents(string: configuration.url))
        func parameter(_ name: String) -> String? { url.queryItems?.first { $0.name == name }?.value }
        let connection = """
            {"host": "\(parameter("host") ?? url.host ?? "")", "port": \(parameter("port") ?? url.port.map(String.init) ?? "5432"),
             "user": "\(parameter("user") ?? url.user ?? "")", "database": "\(configuration.database ?? "")"}
            """
        return (try await PostgresConnection.connect(configuration, applicationName: "source"), connection)
    }

    @Test("every awkward value is in silver what it is in the source; a delta brings what changed")
    func values() async throws {
        let (source, connection) = try await source()
        try await source.executeScript(
            """
            CREATE TABLE public.things (id int PRIMARY KEY, exact numeric, big bigint, ratio float8, name text, day date,
                local timestamp, picture bytea, doc jsonb, tags text[], uid uuid, flag boolean, updated_at timestamptz);
            INSERT INTO public.things VALUES
                (1, 12345678901234567890.12345678901234567890, 9223372036854775807, 5e-324, E'a"\\\\\\n😀', '0001-01-01',
                 '1969-12-31 23:59:59.000001', '\\x00ff10', '{"a": [1.1, null]}', '{x,NULL,"y\\"z"}',
                 '00112233-4455-6677-8899-aabbccddeeff', true, '2026-01-01 12:00:00.123456+02'),
                (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-02Z'),
                (3, 'NaN', 1, 'Infinity', '', '9999-12-31', '0044-03-15 BC', '', 'null', '{}', NULL, false, '2026-01-03Z'),
                (4, -0.000100, -1, -0.1, 'x', '2024-02-29', '2026-01-01', '\\x', '"s"', '{{1},{2}}', NULL, false, '2026-01-04Z')
            """)
        let project = try await project(connection)
        let first = try await project.medallion("run")
        #expect(first.status == 0, "\(first)")
        let names = "id, exact, big, ratio, name, day, local, picture, doc, tags, uid, flag, updated_at"
        let equal = "SELECT row_to_json(t)::text FROM (SELECT \(names) FROM TABLE) t WHERE id <> 3 ORDER BY id"
        func rows(_ connection: PostgresConnection, _ table: String) async throws -> [String] {
            let sql = equal.replacing("TABLE", with: table).replacing(" tags", with: " to_jsonb(tags) AS tags")
            return try await connection.query(SQLText(verbatim: sql)).map { try $0.get(0) }
        }
        let silver = try await PostgresConnection.connect(project.database, applicationName: "test")
        let (arrived, sent) = (
            try await rows(silver, "silver.src_things_current"), try await rows(source, "public.things")
        )
        #expect(arrived == sent)
        let rejected = try await project.json("quarantine", "list")
        #expect(rejected.arrayValue?.count ?? 0 > 0, "NaN and the year 44 BC have no place in silver")

        try await source.execute("UPDATE public.things SET name = 'new', updated_at = '2026-02-01Z' WHERE id = 1")
        try await source.execute("UPDATE public.things SET name = 'unseen' WHERE id = 2")
        try await source.execute("INSERT INTO public.things (id, updated_at) VALUES (5, '2026-02-02Z')")
        let second = try await project.medallion("run")
        #expect(second.status == 0, "\(second)")
        let versions = try await silver.query(
            "SELECT id::int, coalesce(name, '-') FROM silver.src_things WHERE id <> 4 ORDER BY id, _valid_from")
        #expect(
            try versions.map { "\(try $0.get(0, as: Int.self)) \(try $0.get(1, as: String.self).suffix(3))" }
                == ["1 \\\n😀", "1 new", "2 -", "5 -"])
        #expect(try await project.medallion("doctor").status == 0)
        await silver.close()
        await source.close()
    }

    @Test("a source that is gone fails the entity, says where, and is read again when it is back")
    func gone() async throws {
        let (source, connection) = try await source()
        let project = try await project(connection)
        let failed = try await project.medallion("run")
        #expect(failed.status == 1, "\(failed)")
        #expect((failed.output + failed.errors).contains("entity src.things, table things: there is no"), "\(failed)")
        try await source.executeScript(
            """
            CREATE TABLE public.things (id int, exact numeric, big bigint, ratio float8, name text, day date,
                local timestamp, picture bytea, doc jsonb, tags text[], uid uuid, flag boolean, updated_at timestamptz);
            INSERT INTO public.things (id, updated_at) VALUES (1, '2026-01-01Z')
            """)
        #expect(try await project.medallion("run").status == 0)
        let rows = try await project.sql("SELECT count(*)::int FROM silver.src_things_current")
        #expect(try rows[0].get(0, as: Int.self) == 1)
        await source.close()
    }
}
