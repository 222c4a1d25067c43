import ArgumentParser
import Foundation
import Pipeline

/// `medallion runs cancel`.
struct RunsCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a run that is under way; what it landed is kept.",
        discussion: """
            The run's process gets SIGTERM: landing finishes its file, a merge rolls back, the audit says cancelled.

            Example:
              medallion runs cancel 019a93c5
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The run's id, or a beginning of it.")
    var run: String

    mutating func run() async throws {
        let text = run
        let run = try await Composition(options: options).withDatabase { pool in
            try await AuditQueries(pool: pool).run(matching: text)
        }
        guard run.status == "running" else {
            throw UsageError("run \(run.run.id) is not running: it \(RunsCancelCommand.ending(run.status))")
        }
        guard run.isLocked else {
            throw UsageError(
                "the process of run \(run.run.id) vanished; 'medallion run --system \(run.system)' closes it as "
                    + "abandoned and takes up what it landed")
        }
        guard run.host == ProcessInfo.processInfo.hostName else {
            throw UsageError(
                "run \(run.run.id) runs on another machine: on \(run.host), end it with kill -TERM \(run.processID)")
        }
        guard isOurs(run.processID), kill(pid_t(run.processID), SIGTERM) == 0 else {
            throw UsageError(
                "process \(run.processID) of run \(run.run.id) cannot be ended from here: it is not this program, in "
                    + "another container, or another user's; end it where it was started")
        }
        print("asked process \(run.processID) to stop; see 'medallion runs show \(run.run.id)'")
    }

    /// The number may belong to another program by now.
    private func isOurs(_ process: Int) -> Bool {
        let name = ProcessInfo.processInfo.arguments.first.map { ($0 as NSString).lastPathComponent } ?? "medallion"
        // A process that is gone, or that we may not look at, is not ours to end.
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/exe")
        return program.map { ($0 as NSString).lastPathComponent.hasPrefix(name) } ?? false
    }

    private static func ending(_ status: String) -> String {
        switch status {
        case "succeeded", "failed": "\(status) already"
        default: "was \(status)"
        }
    }
}
