import ArgumentParser
import Foundation
import Pipeline
import Postgres

/// `medallion db`.
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db",
        abstract: "The private PostgreSQL cluster of the project, or the server of --database-url.",
        discussion: """
            Without --database-url every command starts the private cluster when it needs it, and the last one out stops
            it. 'db start' keeps it running until 'db stop'.

            Examples:
              medallion db status
              medallion db psql -c 'SELECT * FROM audit.v_last_run'
              medallion db start && psql "$(medallion db url)"
            """,
        subcommands: [Start.self, Stop.self, Status.self, PsqlCommand.self, URLCommand.self])

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Start the private cluster and keep it until 'db stop'.",
            discussion: "Example:\n  medallion db start")
        @OptionGroup var options: GlobalOptions

        mutating func run() async throws {
            try refuseURL(options)
            let status = try await cluster(options).start()
            print("running, kept until 'medallion db stop': \(status.url)")
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop", abstract: "Stop the private cluster.", discussion: "Example:\n  medallion db stop")
        @OptionGroup var options: GlobalOptions

        mutating func run() async throws {
            try refuseURL(options)
            switch try await cluster(options).stop() {
            case .stopped: print("stopped")
            case .wasNotRunning: print("it was not running")
            case .stopsAfterUse: print("in use by another command; it stops when that one is done")
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Where the database is, and whether it runs.",
            discussion: "Example:\n  medallion db status")
        @OptionGroup var options: GlobalOptions

        mutating func run() async throws {
            if let url = options.serverURL {
                print("server   \(try PostgresConfiguration(url: url).maskedDescription)")
                return
            }
            let status = try await cluster(options).status()
            let state = status.isRunning ? "running\(status.isKept ? ", kept until 'db stop'" : "")" : "stopped"
            print("server   private cluster, \(state)\(status.pid.map { ", pid \($0)" } ?? "")")
            if let version = status.majorVersion { print("version  PostgreSQL \(version)") }
            print("data     \(status.dataFolder)")
            print("socket   \(status.socketFolder)")
            print("log      \(status.logFile)")
            print("url      \(status.url)")
        }
    }

    struct URLCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "url", abstract: "Print the database's URL for other programs.",
            discussion: "Example:\n  psql \"$(medallion db url)\"      (after medallion db start)")
        @OptionGroup var options: GlobalOptions

        mutating func run() async throws {
            if let url = options.serverURL { return print(url) }
            print(try await cluster(options).url)
        }
    }

    private static func cluster(_ options: GlobalOptions) -> PrivateCluster {
        PrivateCluster(projectFolder: options.projectFolder, logger: options.logger)
    }

    private static func refuseURL(_ options: GlobalOptions) throws {
        guard options.serverURL == nil else {
            throw UsageError(
                "this starts and stops the private cluster only, but a server is given by --database-url or "
                    + "MEDALLION_DATABASE_URL; unset it, or manage that server by its own means")
        }
    }
}
