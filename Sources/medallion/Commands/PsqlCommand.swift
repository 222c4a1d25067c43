import ArgumentParser
import Foundation
import Postgres

/// `medallion db psql`.
struct PsqlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql",
        abstract: "Open psql on the database; what follows is handed to it.",
        discussion: """
            Examples:
              medallion db psql
              medallion db psql -c 'SELECT * FROM silver.iso_countries_current LIMIT 5'
            """)
    @OptionGroup var options: GlobalOptions
    @Argument(parsing: .captureForPassthrough, help: "Arguments for psql.")
    var arguments: [String] = []

    mutating func run() async throws {
        let composition = Composition(options: options)
        let arguments = self.arguments
        let status = try await composition.withDatabase { pool in
            let psql = Process()
            psql.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            psql.arguments = ["psql", "--no-psqlrc", "--dbname", pool.configuration.url] + arguments
            // Ctrl-C belongs to psql while it runs.
            signal(SIGINT, SIG_IGN)
            try psql.run()
            psql.waitUntilExit()
            return psql.terminationStatus
        }
        if status != 0 { throw ExitCode(status) }
    }
}
