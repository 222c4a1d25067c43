import Metadata
import Postgres
import Primitives
import TestKit

@testable import Pipeline

/// A database with two countries in silver, on which gold scripts are built.
struct GoldDatabase {
    let configuration: PostgresConfiguration
    let connection: PostgresConnection
    /// Two roles of this database's own: roles belong to the whole cluster.
    let owner: String
    let reader: String

    init() async throws {
        configuration = try await TestCluster.shared.database()
        connection = try await PostgresConnection.connect(configuration, applicationName: "gold tests")
        let database: String = try await connection.query("SELECT current_database()")[0].get(0)
        (owner, reader) = ("\(database)_owner", "\(database)_reader")
        try await script(
            """
            CREATE SCHEMA silver; CREATE SCHEMA gold; CREATE SCHEMA gold_data;
            CREATE TABLE silver.iso_countries (code text, name text);
            INSERT INTO silver.iso_countries VALUES ('AD', 'Andorra'), ('AE', 'Emirates');
            """)
    }

    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(configuration, applicationName: "gold tests")
    }

    func execute(_ sql: SQLText) async throws { try await connection.execute(sql) }

    func script(_ sql: String) async throws { try await connection.executeScript(sql) }

    /// Builds all scripts of a project in order, each in a transaction of its own; returns their rows.
    @discardableResult
    func build(_ scripts: KeyValuePairs<String, String>) async throws -> [Int?] {
        let graph = try GoldProject(scripts).load()
        let layer = GoldLayer(graph: graph)
        var rows: [Int?] = []
        for script in graph.order {
            rows.append(try await connection.transaction { try await layer.build(script, on: connection) })
        }
        return rows
    }

    /// Rows as text, columns joined by `|`.
    func rows(_ sql: String) async throws -> [String] {
        let result = try await connection.query(
            "SELECT concat_ws('|', VARIADIC ARRAY(SELECT value FROM json_each_text(to_json(q)))) FROM (\(verbatim: sql)) AS q"
        )
        return try result.map { try $0.get(0) }
    }

    func tables() async throws -> [String] {
        try await rows("SELECT tablename FROM pg_tables WHERE schemaname = 'gold_data' ORDER BY 1")
    }

    func comment(on view: String) async throws -> String? {
        try await connection.query("SELECT obj_description(\(view)::regclass, 'pg_class')")[0].get(0)
    }

    /// Readers of gold.a in schema reporting, two deep, with owner, grants, options and comments.
    func prepareReaders() async throws {
        try await script(
            """
            CREATE ROLE \(owner); CREATE ROLE \(reader); CREATE SCHEMA reporting;
            GRANT USAGE ON SCHEMA gold, silver, reporting TO \(owner), \(reader);
            GRANT SELECT ON silver.iso_countries TO \(owner);
            CREATE VIEW reporting.names WITH (security_barrier = true) AS SELECT name FROM gold.a;
            CREATE VIEW reporting.upper AS SELECT upper(name) AS name FROM reporting.names;
            ALTER VIEW gold.a OWNER TO \(owner);
            ALTER VIEW gold.a SET (security_barrier = true);
            ALTER VIEW reporting.names OWNER TO \(owner);
            GRANT SELECT ON gold.a TO \(reader) WITH GRANT OPTION;
            GRANT SELECT (name) ON reporting.upper TO \(reader);
            GRANT SELECT ON reporting.names TO PUBLIC;
            REVOKE TRUNCATE ON reporting.names FROM \(owner);
            COMMENT ON VIEW reporting.names IS 'It''s names';
            COMMENT ON COLUMN reporting.upper.name IS 'in capitals';
            COMMENT ON COLUMN gold.a.name IS 'the name';
            """)
    }

    /// Owners, grants, options and comments of gold.a and all that stands in schema reporting.
    func standing() async throws -> [String] {
        try await rows(
            """
            SELECT c.oid::regclass AS name, pg_get_userbyid(relowner) AS owner,
                (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(coalesce(relacl, acldefault('r', relowner))) AS x)
                    AS acl,
                reloptions, obj_description(c.oid) AS comment, a.attname, attacl, col_description(c.oid, attnum)
            FROM pg_class AS c LEFT JOIN pg_attribute AS a ON attrelid = c.oid AND attname = 'name'
            WHERE relnamespace = 'reporting'::regnamespace OR c.oid = 'gold.a'::regclass ORDER BY 1
            """)
    }
}
