import Foundation
import JSON
import Postgres
import TestKit
import Testing

/// A new project of `medallion init` with a database of its own.
struct OperatorProject {
    let folder: TemporaryFolder
    let database: PostgresConfiguration

    /// - Parameter server: Whose database it has; nil for the one that all tests share.
    init(on server: PostgresConfiguration? = nil) async throws {
        folder = try TemporaryFolder()
        if let server { database = server } else { database = try await TestCluster.shared.database() }
        let made = try await medallion("init", ".")
        try #require(made.status == 0, "\(made.errors)")
    }

    func medallion(_ arguments: String...) async throws -> ProgramRun {
        try await Binary.run(arguments, in: folder.path, environment: ["MEDALLION_DATABASE_URL": database.url])
    }

    /// The program's output as JSON; the exit code must be the expected one.
    func json(_ arguments: String..., status: Int32 = 0) async throws -> JSONValue {
        let run = try await Binary.run(
            arguments + ["--json"], in: folder.path, environment: ["MEDALLION_DATABASE_URL": database.url])
        try #require(run.status == status, "\(run.errors)\(run.output)")
        return try JSONReader.parse(Array(run.output.utf8))
    }

    /// Runs SQL as somebody would by hand.
    @discardableResult
    func sql(_ text: String) async throws -> PostgresResult {
        let connection = try await PostgresConnection.connect(database, applicationName: "test")
        do {
            let result = try await connection.query(SQLText(verbatim: text))
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The id of the newest run of the example's system.
    func lastRun() async throws -> String {
        let runs = try await json("runs", "list", "--system", "example", "--limit", "1")
        return try #require(runs.arrayValue?.first?["run_id"]?.stringValue)
    }

    /// Writes people 1 … count, all in one city.
    func writePeople(_ numbers: ClosedRange<Int>, city: String = "Bern") throws {
        let lines = numbers.map { #"{"id": \#($0), "name": "Person \#($0)", "address": {"city": "\#(city)"}}"# }
        try folder.write(lines.joined(separator: "\n") + "\n", to: "data/people.jsonl")
    }

    /// The state of the newest batch of people.
    func peopleBatch() async throws -> (run: String, state: String) {
        let batches = try await json("batch", "list", "--all").arrayValue ?? []
        let last = try #require(batches.last { $0["entity_name"]?.stringValue == "people" })
        return (try #require(last["run_id"]?.stringValue), try #require(last["state"]?.stringValue))
    }
}
