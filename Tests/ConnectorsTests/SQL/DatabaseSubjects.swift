import TestKit

extension ConnectorSubject {
    /// A database that asks for no password, and is given one.
    static func postgres() async throws -> ConnectorSubject {
        let source = try await PostgresSource(
            "CREATE TABLE public.things (id int)", "INSERT INTO public.things VALUES (1), (2), (3)")
        return ConnectorSubject(
            name: "postgres", system: system("postgres", try source.json(#", "password": {"secret": "db_password"}"#)),
            entity: entity(#"{"table": "things"}"#), refusedEntity: entity(#"{"table": "gone"}"#), records: 3,
            secretNames: ["db_password"], resources: [source.connection])
    }

    static func sqlite() throws -> ConnectorSubject {
        let database = try SQLiteConnectorTests.Database(
            "CREATE TABLE things (id INTEGER); INSERT INTO things VALUES (1), (2), (3)")
        return ConnectorSubject(
            name: "sqlite", system: system("sqlite", #"{"path": "\#(database.path)"}"#),
            entity: entity(#"{"table": "things"}"#), refusedEntity: entity(#"{"table": "gone"}"#), records: 3,
            resources: [database.folder])
    }

    #if MySQL
        static func mysql() async throws -> ConnectorSubject {
            let source = try await MySQLSource(
                "CREATE TABLE things (id INT)", "INSERT INTO things VALUES (1), (2), (3)",
                "CREATE OR REPLACE USER reader IDENTIFIED BY 'canary-7f3a9c51e2'", "GRANT SELECT ON *.* TO reader")
            return ConnectorSubject(
                name: "mysql", system: system("mysql", source.json(#", "password": {"secret": "db"}"#, user: "reader")),
                entity: entity(#"{"table": "things"}"#), refusedEntity: entity(#"{"table": "gone"}"#), records: 3,
                secretNames: ["db"], resources: [source.session])
        }
    #endif
}
