import Foundation
import JSON
import TestKit
import Testing

/// A project of systems alone, without any database: what somebody has who is writing metadata.
struct AuthorProject {
    let folder: TemporaryFolder
    /// Where samples and working folders come and go.
    let temporary: TemporaryFolder

    init(systems: String, entities: String? = nil) throws {
        folder = try TemporaryFolder()
        temporary = try TemporaryFolder()
        try folder.write(systems, to: "metadata/systems.json")
        if let entities { try folder.write(entities, to: "metadata/entities.json") }
    }

    /// Runs the program; a database that is asked for does not exist.
    func medallion(_ arguments: String..., environment: [String: String] = [:]) async throws -> ProgramRun {
        var environment = environment
        environment["TMPDIR"] = temporary.path
        environment["MEDALLION_DATABASE_URL"] =
            environment["MEDALLION_DATABASE_URL"] ?? "postgres://nobody@127.0.0.1:1/none"
        return try await Binary.run(arguments, in: folder.path, environment: environment)
    }

    /// Nothing of what was landed to be looked at is left.
    func expectNothingLeft() throws { #expect(try temporary.names().isEmpty) }

    /// The lines of a text as JSON values.
    static func lines(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").map { try JSONReader.parse(Array($0.utf8)) }
    }

    static func system(_ type: String, _ connection: String, id: String = "src") -> String {
        """
        [{"id": "\(id)", "name": "Source", "description": "A source", "type": "\(type)", "connection": \(connection)}]
        """
    }
}
