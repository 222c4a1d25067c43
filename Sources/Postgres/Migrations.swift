public import Logging

/// One numbered step of the platform's own schema. Once released it never changes.
public struct Migration: Sendable {
    /// Its place in the order, from 1.
    public let number: Int
    /// The file's name without its ending.
    public let name: String
    /// Statements that run in one transaction; names in them are schema-qualified.
    public let sql: String

    /// A step from its parts.
    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

/// Brings a database to the schema that this version knows, and refuses databases that are newer.
///
/// What was applied is in `platform.migration(number, name, checksum, applied_at, app_version)`.
public struct Migrations: Sendable {
    private let migrations: [Migration]
    private let appVersion: String
    private let logger: Logger
    /// How long to wait for another starter before saying who it is.
    let patience: Duration

    /// The key of the advisory lock: "medallio" in ASCII.
    static let lockKey: Int64 = 0x6D65_6461_6C6C_696F

    /// Migrations in ascending order of their numbers.
    public init(
        _ migrations: [Migration], appVersion: String = "", logger: Logger = Logger(label: "medallion.migrations")
    ) {
        self.init(migrations, appVersion: appVersion, logger: logger, patience: .seconds(2))
    }

    package init(_ migrations: [Migration], appVersion: String, logger: Logger, patience: Duration) {
        precondition(
            zip(migrations, migrations.dropFirst()).allSatisfy { $0.number < $1.number },
            "migrations have ascending numbers")
        self.migrations = migrations
        self.appVersion = appVersion
        self.logger = logger
        self.patience = patience
    }

    /// Applies what is missing, each migration in a transaction of its own, and returns the names of those.
    ///
    /// Where something is missing, a session lock keeps other starters out; a second one waits, and finds nothing left to do.
    /// - Throws: PostgresError.usage when the database is newer, or an applied migration has another text.
    public func apply(on connection: PostgresConnection) async throws -> [String] {
        if let applied = try await applied(on: connection), try missing(in: applied).isEmpty { return [] }
        try await lock(connection)
        do {
            let applied = try await applyMissing(on: connection)
            try await connection.execute("SELECT pg_catalog.pg_advisory_unlock(\(Self.lockKey))")
            return applied
        } catch {
            // The session keeps the lock otherwise; a connection that cannot unlock is gone, and its lock with it.
            do { try await connection.execute("SELECT pg_catalog.pg_advisory_unlock(\(Self.lockKey))") } catch {}
            throw error
        }
    }

    private func applyMissing(on connection: PostgresConnection) async throws -> [String] {
        var known = try await applied(on: connection)
        if known == nil {
            try await makeTable(on: connection)
            known = []
        }
        let missing = try missing(in: known ?? [])
        for migration in missing { try await apply(migration, on: connection) }
        return missing.map(\.name)
    }

    private func apply(_ migration: Migration, on connection: PostgresConnection) async throws {
        try await connection.transaction {
            try await connection.executeScript(migration.sql)
            try await connection.execute(
                """
                INSERT INTO platform.migration (number, name, checksum, applied_at, app_version)
                VALUES (\(migration.number), \(migration.name), \(fragment: checksum(of: "\(migration.sql)")),
                    pg_catalog.now(), \(appVersion))
                """)
        }
        logger.info("A migration was applied", metadata: ["migration": "\(migration.name)"])
    }

    private func makeTable(on connection: PostgresConnection) async throws {
        try await connection.executeScript(
            """
            CREATE SCHEMA IF NOT EXISTS platform;
            CREATE TABLE IF NOT EXISTS platform.migration (
                number integer CONSTRAINT migration_pkey PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL,
                app_version text NOT NULL
            );
            COMMENT ON TABLE platform.migration IS 'The numbered migrations of sql/platform that were applied here';
            """)
    }

    /// A migration that the database has.
    public struct Applied: Sendable {
        /// Its place in the order.
        public let number: Int
        /// Its name, then.
        public let name: String
        /// False where this version knows another text of that number; true where it knows none.
        public let isSame: Bool
    }

    /// What the database has, in ascending order; nil where no migration was ever applied to it.
    public func applied(on connection: PostgresConnection) async throws -> [Applied]? {
        if try await connection.query("SELECT pg_catalog.to_regclass('platform.migration')")[0].isNull(0) { return nil }
        let rows = try await connection.query(
            """
            SELECT m.number, m.name, coalesce(m.checksum = \(fragment: checksum(of: "k.sql")), true) AS is_same
            FROM platform.migration m
            LEFT JOIN unnest(\(migrations.map(\.number)), \(migrations.map(\.sql))) AS k (number, sql) ON k.number = m.number
            ORDER BY m.number
            """)
        return try rows.map {
            Applied(number: try $0.get("number"), name: try $0.get("name"), isSame: try $0.get("is_same"))
        }
    }

    /// The migrations that these lack, in ascending order.
    /// - Throws: PostgresError.usage when the database is newer, or an applied migration has another text.
    public func missing(in applied: [Applied]) throws -> [Migration] {
        let newest = migrations.last?.number ?? 0
        for recorded in applied {
            if recorded.number > newest {
                throw PostgresError(
                    .usage,
                    "the database has migration \(recorded.number) (\(recorded.name)), this version knows only up to \(newest)",
                    hint: "upgrade medallion")
            }
            if !migrations.contains(where: { $0.number == recorded.number }) {
                throw PostgresError(
                    .usage,
                    "the database has migration \(recorded.number) (\(recorded.name)), which this version does not know",
                    hint: "use the version of medallion that made this database, or a newer one")
            }
            if !recorded.isSame {
                throw PostgresError(
                    .usage, "migration \(recorded.number) (\(recorded.name)) was applied here with another text",
                    hint: "use the version of medallion that made this database; released migrations never change")
            }
        }
        let numbers = Set(applied.map(\.number))
        return migrations.filter { !numbers.contains($0.number) }
    }

    /// SHA-256 in hexadecimal, computed by the server.
    private func checksum(of sql: SQLText) -> SQLText {
        "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(\(fragment: sql), 'UTF8')), 'hex')"
    }

    // MARK: One starter at a time

    private func lock(_ connection: PostgresConnection) async throws {
        let milliseconds = patience.components.seconds * 1000 + patience.components.attoseconds / 1_000_000_000_000_000
        try await setLockTimeout("\(milliseconds)ms", on: connection)
        do {
            try await connection.execute("SELECT pg_catalog.pg_advisory_lock(\(Self.lockKey))")
            try await setLockTimeout("0", on: connection)
        } catch let error as PostgresError where error.sqlState == "55P03" {
            try await setLockTimeout("0", on: connection)
            let holder = try await holder(connection)
            logger.warning(
                "Waiting for another process that migrates this database", metadata: ["holder": "\(holder)"])
            try await connection.execute("SELECT pg_catalog.pg_advisory_lock(\(Self.lockKey))")
        }
    }

    private func setLockTimeout(_ timeout: String, on connection: PostgresConnection) async throws {
        try await connection.execute("SELECT pg_catalog.set_config('lock_timeout', \(timeout), false)")
    }

    private func holder(_ connection: PostgresConnection) async throws -> String {
        let rows = try await connection.query(
            """
            SELECT pg_catalog.format('%s (server process %s, since %s)', coalesce(nullif(a.application_name, ''), 'unnamed'),
                a.pid, a.backend_start AT TIME ZONE 'UTC')
            FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (
                SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                AND (l.classid::bigint << 32 | l.objid::bigint) = \(Self.lockKey)
            """)
        return try rows.first?.get(0) ?? "unknown"
    }
}
