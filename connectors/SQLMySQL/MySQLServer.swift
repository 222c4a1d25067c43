#if MySQL
    import ConnectorKit
    import Foundation
    import MariaDB

    /// Where the database is, and how sessions with it begin and fail.
    struct MySQLServer: Sendable {
        private let configuration: MySQLConnector.Configuration
        private let parameters: MariaDBConfiguration
        private let mask: SecretMask

        /// Where names without a database are looked up.
        var database: String { configuration.database }
        /// True where the zero date is null.
        var dropsZeroDates: Bool { configuration.zeroDates == .null }
        /// `reader@db.example.com:3306/shop`, for errors and manifests.
        var title: String {
            let isSocket = configuration.host.hasPrefix("/")
            return "\(configuration.user)@\(configuration.host)\(isSocket ? "" : ":\(configuration.port)")/\(database)"
        }

        init(_ configuration: MySQLConnector.Configuration, context: ConnectorContext) throws {
            self.configuration = configuration
            let password = try configuration.password.map { try context.secrets.secret(named: $0.secret) }
            mask = SecretMask(values: password.map { [$0] } ?? [])
            let isNear = PostgresServer.protection(of: configuration.host) == "prefer"
            let protection: MariaDBConfiguration.Protection =
                switch configuration.tls {
                case .verifyFull: .verified
                case .require: .encrypted
                case .disable: .none
                case nil: isNear ? .none : .verified
                }
            let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
            var authorities = FileManager.default.fileExists(atPath: systemAuthorities) ? systemAuthorities : nil
            if let file = configuration.caFile {
                authorities = file.hasPrefix("/") ? file : context.projectFolder + "/" + file
            }
            let isSocket = configuration.host.hasPrefix("/")
            parameters = MariaDBConfiguration(
                // The library takes the name localhost for its own socket's path.
                host: isSocket ? nil : configuration.host == "localhost" ? "127.0.0.1" : configuration.host,
                port: configuration.port, socket: isSocket ? configuration.host : nil, database: configuration.database,
                user: configuration.user, password: password?.reveal(), protection: protection, caFile: authorities,
                connectSeconds: configuration.connectTimeoutS)
        }

        /// A session with one transaction in which nothing can be changed.
        func connect() async throws -> MariaDBConnection {
            var connection: MariaDBConnection?
            do {
                let opened = try await MariaDBConnection.connect(parameters)
                connection = opened
                // Strings as the standard has them whatever the server's default; a client as slow as a disk is waited for.
                try await opened.execute("SET SESSION sql_mode = '', time_zone = '+00:00', net_write_timeout = 3600")
                let seconds = configuration.statementTimeoutS
                try await opened.execute(
                    await opened.serverVersion.contains("MariaDB")
                        ? "SET SESSION max_statement_time = \(seconds)"
                        : "SET SESSION max_execution_time = \(seconds * 1000)")
                try await opened.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                try await opened.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                return opened
            } catch {
                await connection?.close()
                throw (error as? MariaDBError).map(failure) ?? error
            }
        }

        /// Lends a session, and says failures in the connector's words.
        func reading<Result>(_ body: (MariaDBConnection) async throws -> Result) async throws -> Result {
            let connection = try await connect()
            do {
                let result = try await body(connection)
                await connection.close()
                return result
            } catch {
                await connection.close()
                throw (error as? MariaDBError).map(failure) ?? error
            }
        }

        /// The server's refusal as the connector's own error.
        func failure(_ error: MariaDBError) -> ConnectorError {
            let message = mask.mask("\(error)")
            if error.isAuthentication {
                let hint =
                    configuration.password.map { "check the user, its rights and the secret '\($0.secret)'" }
                    ?? #"check the user and its rights, or add "password": {"secret": "…"} to the connection"#
                return ConnectorError("the server refused \(title): \(message)", kind: .auth, hint: hint)
            }
            if error.isTimeout {
                return ConnectorError(
                    "a statement took longer than \(configuration.statementTimeoutS) s", kind: .timeout,
                    hint: "raise connection.statement_timeout_s, or set source.chunk_rows")
            }
            if error.isWrite {
                return ConnectorError(
                    "it changes data: \(message)", hint: "sources are only read; write a plain SELECT")
            }
            return ConnectorError(
                error.isTransient ? "\(title): \(message)" : message,
                hint: error.code == 2026 ? "set connection.ca_file, or connection.tls" : "",
                isTransient: error.isTransient)
        }
    }
#endif
