import ConnectorKit
import Connectors
import Foundation
import Logging
import Metadata
import Pipeline
import PlatformSQL
import Postgres
import Primitives

/// Where everything is wired: project, database, connectors, clock.
struct Composition {
    let options: GlobalOptions

    /// Connections to the database at once; with the system's lock one more.
    static let connections = 10

    /// The connector types of this program.
    static var connectors: ConnectorRegistry { BuiltInConnectors.registry }

    /// The project's metadata and gold scripts, every problem of both at once.
    func loadMetadata() throws -> (catalog: Catalog, gold: GoldGraph) {
        let catalog = try loadCatalog()
        return (catalog, try GoldGraph.load(project: options.projectFolder, catalog: catalog))
    }

    /// The project's metadata without its gold scripts, one of which may be in the making.
    func loadCatalog() throws -> Catalog {
        try requireProject()
        return try CatalogLoader.load(
            project: options.projectFolder, connectors: Composition.connectors.descriptions)
    }

    func requireProject() throws {
        let folder = options.projectFolder
        guard FileManager.default.fileExists(atPath: folder + "/metadata") else {
            throw UsageError(
                "no project in \(folder): it has no folder 'metadata'; go to a project, name one with --project, or make "
                    + "one with 'medallion init DIR'")
        }
    }

    /// Lends a connection pool with an up-to-date schema: the server of the URL, else the private cluster.
    func withDatabase<Result: Sendable>(
        migrates: Bool = true,
        _ body: @escaping @Sendable (PostgresConfiguration, PostgresPool) async throws -> Result
    ) async throws -> Result {
        let logger = options.logger
        guard let url = options.serverURL else {
            let lease = try await PrivateCluster(projectFolder: options.projectFolder, logger: logger).acquire()
            do {
                let result = try await use(lease.configuration, migrates: migrates, body)
                await lease.release()
                return result
            } catch {
                await lease.release()
                throw error
            }
        }
        return try await use(PostgresConfiguration(url: url), migrates: migrates, body)
    }

    private func use<Result: Sendable>(
        _ database: PostgresConfiguration, migrates: Bool,
        _ body: @Sendable (PostgresConfiguration, PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(configuration: database, size: Composition.connections, applicationName: "medallion")
        do {
            if migrates { try await pool.withConnection { _ = try await migrations.apply(on: $0) } }
            let result = try await body(database, pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// The platform's own schema.
    var migrations: Migrations {
        Migrations(
            PlatformSQL.migrations.enumerated().map {
                Migration(number: $0.offset + 1, name: $0.element.name, sql: $0.element.sql)
            }, appVersion: Version.current, logger: options.logger)
    }

    /// Lends the whole workspace.
    func withWorkspace<Result: Sendable>(
        observer: any RunObserver = SilentObserver(), secrets: (any SecretStore)? = nil, migrates: Bool = true,
        _ body: @escaping @Sendable (Workspace) async throws -> Result
    ) async throws -> Result {
        let (catalog, gold) = try loadMetadata()
        let options = self.options
        return try await withDatabase(migrates: migrates) { database, pool in
            let environment = ProcessInfo.processInfo.environment
            return try await body(
                Workspace(
                    projectFolder: options.projectFolder, catalog: catalog, gold: gold,
                    connectors: Composition.connectors, environment: environment,
                    secrets: secrets
                        ?? EnvironmentSecretStore(environment: environment, projectFolder: options.projectFolder),
                    store: RawStore(root: options.rawFolder), database: database, pool: pool,
                    connections: Composition.connections, clock: SystemClock(),
                    logger: options.logger, observer: observer, appVersion: Version.current,
                    host: ProcessInfo.processInfo.hostName, processID: Int(ProcessInfo.processInfo.processIdentifier)))
        }
    }
}
