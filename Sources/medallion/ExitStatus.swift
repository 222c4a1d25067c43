import ConnectorKit
import Foundation
import Metadata
import Pipeline
import Postgres

/// The exit codes of the program; of several the gravest wins.
enum ExitStatus: Int32 {
    case done = 0
    case someFailed = 1
    case usage = 2
    case infrastructure = 3
    case alreadyRunning = 4
    case interrupted = 130
    case terminated = 143

    /// What an error means for the caller.
    init(of error: any Error) {
        switch error {
        case is CancellationError: self = Interruption.last == SIGTERM ? .terminated : .interrupted
        case let error as PostgresError:
            if case .usage = error.kind { self = .usage } else { self = .infrastructure }
        case is SystemBusy: self = .alreadyRunning
        case is DurableFileError: self = .infrastructure
        case let error as StepError:
            self = error.isInfrastructure ? .infrastructure : error.kind == .schema ? .usage : .someFailed
        case is LayerFailure, is GoldError: self = .someFailed
        default: self = .usage
        }
    }

    /// What the runs of an invocation mean for the caller.
    init(of reports: [RunReport]) {
        if reports.contains(where: { $0.status == .cancelled }) {
            self = Interruption.last == SIGTERM ? .terminated : .interrupted
        } else if reports.contains(where: \.isInfrastructure) {
            self = .infrastructure
        } else if reports.contains(where: { $0.status == .failed }) {
            self = .someFailed
        } else if !reports.isEmpty, reports.allSatisfy({ $0.skipReason == .alreadyRunning || $0.system == .gold }),
            reports.contains(where: { $0.skipReason == .alreadyRunning })
        {
            self = .alreadyRunning
        } else {
            self = .done
        }
    }

    /// One line for people (validation: one line a problem).
    static func message(of error: any Error) -> String {
        switch error {
        case is CancellationError: "stopped; run again to go on"
        case let error as NSError where type(of: error) == NSError.self: error.localizedDescription
        default: "\(error)"
        }
    }
}
