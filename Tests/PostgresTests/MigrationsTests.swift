import Logging
import Synchronization
import TestKit
import Testing

@testable import Postgres

@Suite("Migrations")
struct MigrationsTests {
    private static let first = Migration(
        number: 1, name: "0001_a", sql: "CREATE TABLE public.a (x int); CREATE TABLE public.b (x int);")
    private static let second = Migration(number: 2, name: "0002_c", sql: "CREATE TABLE public.c (x int);")

    private func tables(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            .map { try $0.get(0) }
    }

    private func heldLocks(_ connection: PostgresConnection) async throws -> Int {
        try await connection.query(
            """
            SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
            WHERE locktype = 'advisory' AND datname = current_database()
            """)[0].get(0)
    }

    @Test("are applied once, in order, and recorded")
    func appliedOnce() async throws {
        try await withDatabase { connection async throws in
            #expect(try await Migrations([Self.first], appVersion: "1.0").apply(on: connection) == ["0001_a"])
            #expect(
                try await Migrations([Self.first, Self.second], appVersion: "1.1").apply(on: connection) == ["0002_c"])
            #expect(try await Migrations([Self.first, Self.second], appVersion: "1.2").apply(on: connection) == [])
            #expect(try await tables(connection) == ["a", "b", "c"])
            let rows = try await connection.query(
                "SELECT number, name, app_version, length(checksum) AS length FROM platform.migration ORDER BY number")
            #expect(try rows.map { try $0.get("name") } == ["0001_a", "0002_c"])
            #expect(try rows.map { try $0.get("app_version") } == ["1.0", "1.1"])
            #expect(try rows.map { try $0.get("length") } == [64, 64])
            #expect(try await heldLocks(connection) == 0)
        }
    }

    @Test("that fail leave no trace but the ones before them")
    func failing() async throws {
        try await withDatabase { connection async throws in
            let broken = Migration(number: 2, name: "0002_broken", sql: "CREATE TABLE public.c (x int); SELECT 1/0;")
            let error = await postgresError { _ = try await Migrations([Self.first, broken]).apply(on: connection) }
            #expect(error?.sqlState == "22012")
            #expect(try await tables(connection) == ["a", "b"])
            #expect(try await heldLocks(connection) == 0)
            #expect(try await Migrations([Self.first, Self.second]).apply(on: connection) == ["0002_c"])
        }
    }

    @Test("refuse a database that a newer version made")
    func newerDatabase() async throws {
        try await withDatabase { connection async throws in
            _ = try await Migrations([Self.first, Self.second]).apply(on: connection)
            let error = await postgresError { _ = try await Migrations([Self.first]).apply(on: connection) }
            #expect(error?.kind == .usage)
            #expect(
                error?.description
                    == "the database has migration 2 (0002_c), this version knows only up to 1; upgrade medallion")
        }
    }

    @Test("refuse a database where an applied migration had another text")
    func changedText() async throws {
        try await withDatabase { connection async throws in
            _ = try await Migrations([Self.first]).apply(on: connection)
            let changed = Migration(number: 1, name: "0001_a", sql: Self.first.sql + " ")
            let error = await postgresError { _ = try await Migrations([changed, Self.second]).apply(on: connection) }
            #expect(error?.kind == .usage)
            #expect(error?.message == "migration 1 (0001_a) was applied here with another text")
            #expect(try await tables(connection) == ["a", "b"])
        }
    }

    @Test("started twice at once wait for each other; the second says for whom, and finds nothing to do")
    func concurrentStarters() async throws {
        let configuration = try await TestCluster.shared.database()
        let log = RecordedLog()
        try await withConnection(to: configuration) { holder in
            try await holder.execute("SELECT pg_advisory_lock(\(Migrations.lockKey))")
            let waiting = Task {
                let connection = try await PostgresConnection.connect(configuration, applicationName: "second starter")
                let migrations = Migrations(
                    [Self.first], appVersion: "", logger: log.logger, patience: .milliseconds(100))
                return try await migrations.apply(on: connection)
            }
            #expect(try await eventually { log.lines.contains { $0.contains("postgres tests") } })
            #expect(try await tables(holder) == [])
            try await holder.execute("SELECT pg_advisory_unlock(\(Migrations.lockKey))")
            #expect(try await waiting.value == ["0001_a"])
        }
    }

    @Test("started by many at once are applied by exactly one")
    func manyStarters() async throws {
        let configuration = try await TestCluster.shared.database()
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await withConnection(to: configuration) {
                        try await Migrations([Self.first, Self.second]).apply(on: $0)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied == ["0001_a", "0002_c"])
    }
}

/// Keeps what was logged.
private final class RecordedLog: LogHandler, Sendable {
    private let recorded = Mutex<[String]>([])
    var lines: [String] { recorded.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in self } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        recorded.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
}
