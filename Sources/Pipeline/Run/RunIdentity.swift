public import Metadata
public import Primitives

/// The id and the logical instant of one run for one system; made once, in `SystemRun`, and passed down.
public struct RunIdentity: Sendable, Hashable {
    /// A UUID version 7.
    public var id: UUIDValue
    /// Strictly increasing per system; the `_valid_from` of what the run lands.
    public var timestamp: Instant
    /// A run's identity.
    public init(id: UUIDValue, timestamp: Instant) {
        self.id = id
        self.timestamp = timestamp
    }
}

/// What one run landed for one entity, as the audit knows it. Keeps that run's identity for ever.
public struct Batch: Sendable {
    /// The run that landed it.
    public var run: RunIdentity
    /// The entity it belongs to.
    public var entity: EntityID
    /// A snapshot, or changes.
    public var loadType: LoadType
    /// The run that holds the files, when this batch's files are byte-identical to that one's.
    public var sameAs: UUIDValue?
    /// Records of all files.
    public var records: Int
    /// Bytes of all files as received.
    public var bytes: Int
    /// An operator allowed whatever deletes it brings.
    public var allowsDeletes: Bool
    /// An operator accepted its rejects.
    public var acceptsRejects: Bool
    /// Columns that no record of this full batch has: the merge keeps their values.
    public var missingColumns: [String]
}
