public import ConnectorKit

/// The connector types that come with the program.
public enum BuiltInConnectors {
    /// A registry of all of them; a new type is one more line.
    public static var registry: ConnectorRegistry {
        var registry = ConnectorRegistry()
        registry.register(FileConnector.self)
        registry.register(HTTPFilesConnector.self)
        registry.register(S3Connector.self)
        registry.register(SFTPConnector.self)
        registry.register(FTPConnector.self)
        registry.register(RestConnector.self)
        registry.register(ProcessConnector.self)
        registry.register(FakeConnector.self)
        registry.register(PostgresConnector.self)
        registry.register(SQLiteConnector.self)
        #if MySQL
            registry.register(MySQLConnector.self)
        #endif
        return registry
    }
}
