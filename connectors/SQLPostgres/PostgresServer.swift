import ConnectorKit
import Foundation
import Postgres

/// Where the database is, and how sessions with it begin and fail.
struct PostgresServer: Sendable {
    private let configuration: PostgresConnector.Configuration
    private let parameters: PostgresConfiguration
    private let mask: SecretMask

    /// Where names without a schema are looked up.
    var schema: String { configuration.schema }
    /// `reader@db.example.com:5432/shop`, for errors and manifests.
    var title: String { "\(configuration.user)@\(configuration.host):\(configuration.port)/\(configuration.database)" }
    /// The role that reads.
    var user: String { configuration.user }

    init(_ configuration: PostgresConnector.Configuration, context: ConnectorContext) throws {
        self.configuration = configuration
        let password = try configuration.password.map { try context.secrets.secret(named: $0.secret) }
        mask = SecretMask(values: password.map { [$0] } ?? [])
        let mode = configuration.sslmode ?? Self.protection(of: configuration.host)
        var parameters = [
            "host": configuration.host, "port": String(configuration.port), "dbname": configuration.database,
            "user": configuration.user, "sslmode": mode, "connect_timeout": String(configuration.connectTimeoutS),
            // Neither tickets nor a file of passwords of whoever runs us: what may be used stands in metadata.
            "gssencmode": "disable", "passfile": "/nonexistent",
        ]
        if let password { parameters["password"] = password.reveal() }
        let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
        if let file = configuration.caFile {
            parameters["sslrootcert"] = file.hasPrefix("/") ? file : context.projectFolder + "/" + file
        } else if mode.hasPrefix("verify"), FileManager.default.fileExists(atPath: systemAuthorities) {
            parameters["sslrootcert"] = systemAuthorities
        }
        self.parameters = PostgresConfiguration(parameters: parameters)
    }

    /// A session in which nothing can be changed, inside the one transaction that it has.
    ///
    /// Scans begin at a table's beginning, so that an unchanged table gives the same bytes.
    func connect() async throws -> PostgresConnection {
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(
                parameters, applicationName: configuration.applicationName)
        } catch let error as PostgresError {
            throw failure(error)
        }
        do {
            try await connection.execute(
                """
                SELECT pg_catalog.set_config('search_path', \(SQLText.quoted(identifier: schema)), false),
                pg_catalog.set_config('statement_timeout', \(String(configuration.statementTimeoutS * 1000)), false),
                pg_catalog.set_config('default_transaction_read_only', 'on', false),
                pg_catalog.set_config('synchronize_seqscans', 'off', false),
                pg_catalog.set_config('max_parallel_workers_per_gather', '0', false),
                pg_catalog.set_config('intervalstyle', 'iso_8601', false)
                """)
            try await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return connection
        } catch {
            await connection.close()
            throw (error as? PostgresError).map(failure) ?? error
        }
    }

    /// Lends a session, and says failures in the connector's words.
    func reading<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
        let connection = try await connect()
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw (error as? PostgresError).map(failure) ?? error
        }
    }

    /// The server's refusal as the connector's own error.
    func failure(_ error: PostgresError) -> ConnectorError {
        let state = error.sqlState ?? ""
        var message = error.safeMessage
        if !state.isEmpty { message += " [\(state)]" }
        message = mask.mask(message)
        let serverHint = error.hint.map { mask.mask($0) } ?? ""
        if state.hasPrefix("28") || isMissingPassword(error) {
            return ConnectorError("the server refused \(title): \(message)", kind: .auth, hint: passwordHint)
        }
        switch state {
        case "42501":
            return ConnectorError(
                "\(title) may not read it: \(message)", kind: .auth, hint: "grant SELECT to \(configuration.user)")
        case "57014":
            return ConnectorError(
                "a statement took longer than \(configuration.statementTimeoutS) s", kind: .timeout,
                hint: "raise connection.statement_timeout_s, or set source.chunk_rows")
        case "25006":
            return ConnectorError("it changes data: \(message)", hint: "sources are only read; write a plain SELECT")
        default:
            let isUnreachable = state.isEmpty && error.isTransient
            return ConnectorError(
                isUnreachable && !message.contains(configuration.host) ? "\(title): \(message)" : message,
                hint: serverHint, isTransient: error.isTransient)
        }
    }

    /// libpq gives up before the server has said a code.
    private func isMissingPassword(_ error: PostgresError) -> Bool {
        error.sqlState == nil && error.message.contains("no password supplied")
    }

    private var passwordHint: String {
        configuration.password.map { "check the user and the secret '\($0.secret)'" }
            ?? #"check the user, or add "password": {"secret": "…"} to the connection"#
    }

    /// Only addresses that never leave this machine go without proof of who answers.
    static func protection(of host: String) -> String {
        let isAddress = host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        let isLoopback = host == "localhost" || host == "::1" || (host.hasPrefix("127.") && isAddress)
        return host.isEmpty || host.hasPrefix("/") || isLoopback ? "prefer" : "verify-full"
    }
}
