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

    /// Connections that are borrowed at once; beside them the system's lock keeps one, and what reads behind a landing up to three.
    static let connections = 10

    /// The machine's name.
    static let host = ProcessInfo.processInfo.hostName

    /// This process's id.
    static let processID = Int(ProcessInfo.processInfo.processIdentifier)

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
        migrates: Bool = true,
        _ body: @escaping @Sendable (PostgresPool) async throws -> Result
    ) async throws -> Result {
        if let server = try serverPool() { return try await use(server, migrates: migrates, body) }
        return try await withPrivateCluster { try await use($0, migrates: migrates, body) }
    }

    /// Connections to the server of the URL; nil where there is none.
    private func serverPool() throws -> PostgresPool? {
        guard let url = options.serverURL else { return nil }
        if let password = URLComponents(string: url)?.password { Composition.known.register(Secret(password)) }
        return try pool(PostgresConfiguration(url: url))
    }

    private func pool(_ database: PostgresConfiguration) -> PostgresPool {
        PostgresPool(
            configuration: database, size: Composition.connections,
            applicationName: Workspace.sessionName(Composition.host, Composition.processID))
    }

    private func withPrivateCluster<Result>(_ body: (PostgresPool) async throws -> Result) async throws -> Result {
        let cluster = PrivateCluster(projectFolder: options.projectFolder, logger: options.logger)
        let lease = try await cluster.acquire()
        do {
            let result = try await body(pool(lease.configuration))
            await lease.release()
            return result
        } catch {
            await lease.release()
            throw error
        }
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
        _ pool: PostgresPool, migrates: Bool, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        do {
            if migrates {
                let migrations = Migrations.platform(appVersion: Version.current, logger: options.logger)
                try await pool.withConnection { _ = try await migrations.apply(on: $0) }
            }
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Lends the whole workspace.
    /// - Parameters:
    ///   - leases: The command takes the right to run a system, which takes a connection of its own.
    ///   - showsSources: The command shows what sources sent: their secrets are fetched first, so that they can be masked in
    ///     it.
    func withWorkspace<Result: Sendable>(
        observer: any RunObserver = SilentObserver(), migrates: Bool = true, leases: Bool = false,
        showsSources: Bool = false,
        _ body: @escaping @Sendable (Workspace) async throws -> Result
    ) async throws -> Result {
        // A server answers while the metadata is read; the private cluster is not started for metadata that is wrong.
        let server = try serverPool()
        await server?.connectAhead(leases ? 2 : 1)
        do {
            let (catalog, gold) = try loadMetadata()
            let secrets = try secretChain()
            if showsSources { try await learn(catalog.secretNames, from: secrets) }
            func work(on pool: PostgresPool) async throws -> Result {
                try await use(pool, migrates: migrates) { pool in
                    try await body(
                        Workspace(
                            projectFolder: options.projectFolder, catalog: catalog, gold: gold,
                            connectors: Composition.connectors, environment: ProcessInfo.processInfo.environment,
                            secrets: secrets,
                            store: RawStore(root: options.rawFolder), pool: pool,
                            connections: Composition.connections, clock: SystemClock(),
                            logger: options.logger, observer: observer, appVersion: Version.current,
                            host: Composition.host, processID: Composition.processID))
                }
            }
            if let server { return try await work(on: server) }
            return try await withPrivateCluster { pool in
                await pool.connectAhead(leases ? 2 : 1)
                return try await work(on: pool)
            }
        } catch {
            await server?.close()
            throw error
        }
    }
}
