import Postgres
import Synchronization
import TestKit

/// Connects to a database of the test's own and closes the connection afterwards.
@discardableResult
func withDatabase<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
    try await withConnection(to: try await TestCluster.shared.database(), body)
}

/// Connects to a database that tests share which leave nothing behind, and closes the connection afterwards.
@discardableResult
func withSharedDatabase<Result>(_ body: (PostgresConnection) async throws -> Result) async throws -> Result {
    try await withConnection(to: try await sharedDatabase.value, body)
}

private let sharedDatabase = Task { try await TestCluster.shared.database() }

/// Connects to a database and closes the connection afterwards.
@discardableResult
func withConnection<Result>(
    to configuration: PostgresConfiguration, _ body: (PostgresConnection) async throws -> Result
) async throws -> Result {
    let connection = try await PostgresConnection.connect(configuration, applicationName: "postgres tests")
    do {
        let result = try await body(connection)
        await connection.close()
        return result
    } catch {
        await connection.close()
        throw error
    }
}

/// The error that `body` throws; nil when it throws none or another kind.
func postgresError<Ignored>(_ body: () async throws -> Ignored) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// A value that several tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: (inout sending Value) -> sending Result) -> Result { value.withLock(body) }
}
