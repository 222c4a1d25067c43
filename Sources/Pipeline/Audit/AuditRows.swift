public import Metadata
public import Primitives

/// One run for one system, as `audit.system_run` tells it.
public struct RunRow: Sendable {
    /// Its id and logical instant.
    public var run: RunIdentity
    /// The system, `gold` for builds.
    public var system: SystemID
    /// `running`, `succeeded`, `failed`, `skipped`, `abandoned` or `cancelled`.
    public var status: String
    /// Who or what asked for it.
    public var trigger: String
    /// What a completion follows, or an outer orchestrator's id.
    public var triggerReference: String?
    /// When it began.
    public var startedAt: Instant
    /// When it ended; nil while it runs.
    public var finishedAt: Instant?
    /// Entities by their worst layer.
    public var succeeded: Int
    /// Failed or cancelled entities.
    public var failed: Int
    /// Entities that did nothing.
    public var skipped: Int
    /// The machine it ran on.
    public var host: String
    /// Its process there.
    public var processID: Int
    /// The version of the program.
    public var appVersion: String
    /// Why the run as a whole failed.
    public var error: String?
    /// True when a session holds the system's lock.
    public var isLocked: Bool
}

/// One attempt of one entity in one layer, as `audit.entity_layer_run` tells it.
public struct StepRow: Sendable {
    /// The entity.
    public var entity: EntityID
    /// The layer.
    public var layer: Layer
    /// From 1.
    public var attempt: Int
    /// As in `RunRow`.
    public var status: String
    /// Why it did nothing.
    public var skipReason: String?
    /// Full or delta, of raw steps.
    public var loadType: String?
    /// What it read and did.
    public var counts: RowCounts
    /// When it began.
    public var startedAt: Instant
    /// When it ended; nil while it runs.
    public var finishedAt: Instant?
    /// Records read by the time it took; nil unless it succeeded and read some.
    public var recordsPerSecond: Double?
    /// Bytes read by the time it took; nil unless it succeeded and they are known.
    public var bytesPerSecond: Double?
    /// What the process had used when it was measured last; nil where it was not.
    public var usage: ProcessUsage?
    /// When the entity last succeeded in this layer.
    public var lastSucceededAt: Instant?
    /// The bounds of a delta load.
    public var cursorFrom: String?
    /// The greatest cursor value landed.
    public var cursorTo: String?
    /// What kind of failure it was.
    public var errorKind: String?
    /// Why it failed.
    public var error: String?
}

/// What one run landed for one entity, and how far it got.
public struct BatchRow: Sendable {
    /// The run that landed it.
    public var run: RunIdentity
    /// The entity.
    public var entity: EntityID
    /// Full or delta.
    public var loadType: String
    /// `landed`, `normalized`, `merged`, `blocked`, `superseded` or `discarded`.
    public var state: String
    /// Why it is in that state.
    public var reason: String?
    /// Files, records and bytes of the batch.
    public var files: Int
    /// Records of all files.
    public var records: Int
    /// Checksum of its manifest.
    public var manifestSHA256: String
    /// The run whose files it shares.
    public var sameAs: UUIDValue?
    /// When it was landed.
    public var landedAt: Instant
}

/// Where the next delta load of an entity begins.
public struct CursorRow: Sendable {
    /// The entity.
    public var entity: EntityID
    /// nil after a reset.
    public var value: String?
    /// True when the next load is a full one.
    public var isReset: Bool
    /// `run` or `operator`.
    public var setBy: String
    /// The run that set it; of an operator's change an id of its own.
    public var run: UUIDValue
    /// When it was set.
    public var recordedAt: Instant
}

/// Rejected records of one entity that share a reason.
public struct RejectRow: Sendable {
    /// The entity.
    public var entity: EntityID
    /// The layer that rejected them.
    public var layer: String
    /// The column, where one is to blame.
    public var column: String?
    /// Why.
    public var reason: String
    /// How many.
    public var records: Int
    /// Raw file and record number of the first.
    public var firstPlace: String
}
