public import Metadata

/// How a run or a step ended, as the audit writes it.
public enum RunStatus: String, Sendable, Codable {
    /// It is under way.
    case running
    /// It did all it had to do.
    case succeeded
    /// Something went wrong; the error says what.
    case failed
    /// It did nothing; the skip reason says why.
    case skipped
    /// Its process vanished.
    case abandoned
    /// Somebody stopped it.
    case cancelled
}

/// Why a step did nothing.
public enum SkipReason: String, Sendable {
    /// The entity is inactive.
    case inactive
    /// The same instant succeeded before.
    case alreadySucceeded = "already_succeeded"
    /// Another run of the system holds its lock.
    case alreadyRunning = "already_running"
    /// An earlier layer of the entity failed.
    case upstreamFailed = "upstream_failed"
    /// There was nothing to read.
    case noInput = "no_input"
    /// The command did not ask for it.
    case notSelected = "not_selected"
}

/// What one attempt of a step came to.
public struct StepReport: Sendable {
    /// The layer.
    public var layer: Layer
    /// The entity or gold script.
    public var entity: EntityID
    /// How it ended.
    public var status: RunStatus
    /// What became of the records.
    public var counts: RowCounts
    /// Why it did nothing, if it did.
    public var skipReason: SkipReason?
    /// Why it failed, if it did: one line.
    public var error: String?
    /// Wall-clock seconds.
    public var seconds: Double
    /// What people should know, such as checks of severity `warn` that are broken.
    public var warnings: [String] = []
    /// What the process used meanwhile; nil where the step did nothing.
    public var usage: ProcessUsage? = nil
}

/// What one run came to.
public struct RunReport: Sendable {
    /// The system.
    public var system: SystemID
    /// The run, nil where none could be made.
    public var run: RunIdentity?
    /// How it ended.
    public var status: RunStatus
    /// Every attempt of every step, in the order in which they ended.
    public var steps: [StepReport]
    /// Why the run as a whole failed or was skipped: one line.
    public var error: String?
    /// Why the run was skipped.
    public var skipReason: SkipReason?
    /// True when the failure is one of infrastructure: server gone, disk full.
    public var isInfrastructure = false
}

/// What happens during a run, for progress and for programs that listen.
public enum RunEvent: Sendable {
    /// A run began.
    case runStarted(SystemID, RunIdentity)
    /// A step began.
    case stepStarted(Layer, EntityID, attempt: Int)
    /// A step has read so many records so far.
    case progress(Layer, EntityID, records: Int)
    /// An attempt ended.
    case stepFinished(StepReport)
    /// A run ended.
    case runFinished(RunReport)
    /// Something that people should know.
    case notice(String)
}

/// Hears what happens during a run. Called from many tasks at once.
public protocol RunObserver: Sendable {
    /// Something happened.
    func observe(_ event: RunEvent)
}

/// Hears nothing.
public struct SilentObserver: RunObserver {
    /// Hears nothing.
    public init() {}
    /// Does nothing.
    public func observe(_ event: RunEvent) {}
}
