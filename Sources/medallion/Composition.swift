import ConnectorKit
import Connectors
import Foundation
import Logging
import Metadata
import Pipeline
import Postgres
import Primitives
import Secrets

/// Where everything is wired: project, database, connectors, clock.
struct Composition {
    let options: GlobalOptions

    /// Connections to the database at once; with the system's lock one more.
    static let connections = 10

    /// The connector types of this program.
    static var connectors: ConnectorRegistry { BuiltInConnectors.registry }

    /// Every secret that this process has learned: nothing that it writes shows one.
    static let known = KnownSecrets()

    /// Where the project's secrets come from.
    func secretsConfiguration() throws -> SecretsConfiguration {
        try SecretsConfiguration(
            projectFolder: options.projectFolder, environment: ProcessInfo.processInfo.environment)
    }

    /// The project's secrets.
    func secretChain() throws -> SecretChain {
        try secretsConfiguration().chain(known: Composition.known, clock: SystemClock())
    }

    /// The project's metadata and gold scripts, every problem of both at once.
    func loadMetadata() throws -> (catalog: Catalog, gold: GoldGraph) {
        let catalog = try loadCatalog()
        return (catalog, try GoldGraph.load(project: options.projectFolder, catalog: catalog))
    }

    /// The project's metadata without its gold scripts, one of which may be in the making.
    func loadCatalog() throws -> Catalog {
        try requireProject()
        var problems: [MetadataProblem] = []
        do { _ = try secretChain() } catch let error as MetadataError { problems = error.problems }
        do {
            let catalog = try CatalogLoader.load(
                project: options.projectFolder, connectors: Composition.connectors.descriptions)
            guard problems.isEmpty else { throw MetadataError(problems) }
            return catalog
        } catch let error as MetadataError where !problems.isEmpty && error.problems != problems {
            throw MetadataError(error.problems + problems)
        }
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
        migrates: Bool = true, leases: Bool = false,
        _ body: @escaping @Sendable (PostgresConfiguration, PostgresPool) async throws -> Result
    ) async throws -> Result {
        let logger = options.logger
        if let password = options.serverURL.flatMap({ URLComponents(string: $0)?.password }) {
            Composition.known.register(Secret(password))
        }
        guard let url = options.serverURL else {
            let lease = try await PrivateCluster(projectFolder: options.projectFolder, logger: logger).acquire()
            do {
                let result = try await use(lease.configuration, migrates: migrates, leases: leases, body)
                await lease.release()
                return result
            } catch {
                await lease.release()
                throw error
            }
        }
        return try await use(PostgresConfiguration(url: url), migrates: migrates, leases: leases, body)
    }

    /// Has secrets looked up for the mask alone; says which are not known.
    private func learn(_ names: Set<String>, from secrets: any SecretStore) async throws {
        try await secrets.prepare(names)
        for name in names.sorted() {
            do { _ = try secrets.secret(named: name) } catch {
                MaskedStandardError().write("medallion: note: \(error); it cannot be hidden in what follows\n")
            }
        }
    }

    private func use<Result: Sendable>(
        _ database: PostgresConfiguration, migrates: Bool, leases: Bool,
        _ body: @Sendable (PostgresConfiguration, PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(configuration: database, size: Composition.connections, applicationName: "medallion")
        do {
            // A lease keeps a connection of its own: both are opened at once.
            if leases { await pool.connectAhead() }
            if migrates {
                let migrations = Migrations.platform(appVersion: Version.current, logger: options.logger)
                try await pool.withConnection { _ = try await migrations.apply(on: $0) }
            }
            let result = try await body(database, pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Lends the whole workspace.
    /// - Parameters:
    ///   - leases: The command takes the right to run a system.
    ///   - showsSources: The command shows what sources sent: their secrets are fetched first, so that they can be masked in
    ///     it.
    func withWorkspace<Result: Sendable>(
        observer: any RunObserver = SilentObserver(), migrates: Bool = true, leases: Bool = false,
        showsSources: Bool = false,
        _ body: @escaping @Sendable (Workspace) async throws -> Result
    ) async throws -> Result {
        let (catalog, gold) = try loadMetadata()
        let options = self.options
        let secrets = try secretChain()
        if showsSources { try await learn(catalog.secretNames, from: secrets) }
        return try await withDatabase(migrates: migrates, leases: leases) { _, pool in
            let environment = ProcessInfo.processInfo.environment
            return try await body(
                Workspace(
                    projectFolder: options.projectFolder, catalog: catalog, gold: gold,
                    connectors: Composition.connectors, environment: environment,
                    secrets: secrets,
                    store: RawStore(root: options.rawFolder), pool: pool,
                    connections: Composition.connections, clock: SystemClock(),
                    logger: options.logger, observer: observer, appVersion: Version.current,
                    host: ProcessInfo.processInfo.hostName, processID: Int(ProcessInfo.processInfo.processIdentifier)))
        }
    }
}
