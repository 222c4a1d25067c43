import ArgumentParser
import Foundation

/// The program: parses, runs one command, and ends with the exit code of the contract.
@main
struct Main {
    static func main() async {
        // A reader that goes away (| head) must not end a run.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try MedallionCommand.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        if let code = error as? ExitCode { exit(code.rawValue) }
        if MedallionCommand.exitCode(for: error) == .success {
            print(MedallionCommand.fullMessage(for: error))
            exit(0)
        }
        let status = ExitStatus(of: error)
        let isOurs = !(MedallionCommand.exitCode(for: error) == .validationFailure)
        let text = isOurs ? "medallion: \(ExitStatus.message(of: error))" : MedallionCommand.fullMessage(for: error)
        MaskedStandardError().write(text + "\n")
        exit(status.rawValue)
    }
}

/// `medallion`.
struct MedallionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medallion",
        abstract: "Metadata-driven pipeline: sources to raw, bronze, silver with history, and gold, all audited.",
        discussion: """
            Start here:
              medallion init shop && cd shop    a new project from nothing
              medallion run                     load what the metadata says, build gold
              medallion status                  the last run of each entity and layer
              medallion trace shop.customers --key id=5   where each value of a row comes from
              medallion db psql                 query audit, silver and gold
              medallion demo                    three days of a web shop, with the history that arises

            Exit codes: 0 done, 1 some entities or checks failed, 2 usage or metadata, 3 infrastructure, 4 nothing ran
            because another run was running, 130/143 cancelled.

            Completion in the shell: medallion --generate-completion-script bash > /etc/bash_completion.d/medallion
            (zsh and fish likewise).
            """,
        version: Version.current,
        subcommands: [
            InitCommand.self, RunCommand.self, PlanCommand.self, StatusCommand.self, TraceCommand.self,
            RunsCommand.self, BatchCommand.self, QuarantineCommand.self, CursorCommand.self, ResetCommand.self,
            RebuildCommand.self, CheckCommand.self, DiscoverCommand.self, ReadCommand.self,
            DoctorCommand.self, ValidateCommand.self, DeployCommand.self, DatabaseCommand.self, SQLCommand.self,
            ConnectorsCommand.self, SecretsCommand.self, MetadataCommand.self, DemoCommand.self,
        ])
}
