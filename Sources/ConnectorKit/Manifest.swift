public import Metadata
public import Primitives

/// `_manifest.json`: what one run landed for one entity. A batch exists exactly when its manifest exists.
public struct Manifest: Codable, Sendable {
    /// One landed file.
    public struct File: Codable, Sendable, Hashable {
        /// `00001.json`, with `.zst` behind it when stored compressed.
        public var name: String
        /// Bytes as received, before compression.
        public var bytes: Int
        /// SHA-256 of the bytes as received, lower-case hex.
        public var sha256: String
        /// Records that the payload holds.
        public var records: Int
        /// The row of `for_each` that the file's records belong to: a JSON object. They get it as `_parent`.
        public var parent: String?
    }

    /// The file's name within the batch's folder.
    public static let fileName = "_manifest.json"

    /// The run that landed the batch.
    public var runID: UUIDValue
    /// The run's logical instant, microseconds since 1970 UTC.
    public var runTimestampMicroseconds: Int64
    /// The same instant for people.
    public var runTimestamp: String
    /// The entity's system.
    public var systemID: String
    /// The entity's name.
    public var entityName: String
    /// Everything, or changes only.
    public var loadType: LoadType
    /// The lower bound that was asked for, lookback applied.
    public var cursorFrom: String?
    /// The greatest cursor value landed; the cursor of the next delta load.
    public var cursorTo: String?
    /// The request as made, secrets masked.
    public var request: String?
    /// True where a delta load could not be limited to its window at the source: records older than `cursorFrom` are
    /// then left out in bronze.
    public var isUnfiltered: Bool?
    /// Where the source wants to go on after this batch, in its own words.
    public var state: String?
    /// How documents lie in the files.
    public var shape: DocumentShape
    /// Hash of the metadata that the run used.
    public var metadataHash: UUIDValue
    /// The run that landed byte-identical files; this batch then stores none.
    public var sameAs: UUIDValue?
    /// The files, in the order in which they arrived.
    public var files: [File]

    /// Records of all files.
    public var recordCount: Int { files.reduce(0) { $0 + $1.records } }
    /// Bytes of all files as received.
    public var byteCount: Int { files.reduce(0) { $0 + $1.bytes } }
    /// The run's logical instant.
    public var instant: Instant { Instant(microseconds: runTimestampMicroseconds) }

    /// A manifest.
    public init(
        runID: UUIDValue, runTimestamp: Instant, entity: EntityID, loadType: LoadType, cursorFrom: String?,
        cursorTo: String?, request: String?, shape: DocumentShape, metadataHash: UUIDValue, sameAs: UUIDValue?,
        files: [File]
    ) {
        self.runID = runID
        runTimestampMicroseconds = runTimestamp.microseconds
        self.runTimestamp = runTimestamp.description
        systemID = entity.system.rawValue
        entityName = entity.name
        self.loadType = loadType
        self.cursorFrom = cursorFrom
        self.cursorTo = cursorTo
        self.request = request
        self.shape = shape
        self.metadataHash = metadataHash
        self.sameAs = sameAs
        self.files = files
    }

    private enum CodingKeys: String, CodingKey {
        case runID = "run_id"
        case runTimestampMicroseconds = "run_timestamp_us"
        case runTimestamp = "run_timestamp"
        case systemID = "system_id"
        case entityName = "entity_name"
        case loadType = "load_type"
        case cursorFrom = "cursor_from"
        case cursorTo = "cursor_to"
        case request
        case isUnfiltered = "unfiltered"
        case state
        case shape
        case metadataHash = "metadata_hash"
        case sameAs = "same_as"
        case files
    }
}
