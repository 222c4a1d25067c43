public import Metadata
public import Primitives

/// Every version of one key, where each came from, and what else arrived for the key.
public struct Trace: Sendable {
    /// The run that brought or changed something, as far as the audit still knows it.
    public struct Run: Sendable {
        /// Its id.
        public var id: UUIDValue
        /// Its logical instant.
        public var timestamp: Instant
        /// Who or what asked for it; nil where the audit has no row.
        public var trigger: String?
        /// What a completion follows, or an outer orchestrator's id.
        public var triggerReference: String?
    }

    /// One column whose value became another.
    public struct Difference: Sendable, Hashable {
        /// The column.
        public var column: String
        /// As silver shows it; nil is NULL.
        public var old: String?
        /// As silver shows it; nil is NULL.
        public var new: String?
    }

    /// Where in raw a change or a reject was read.
    public struct Origin: Sendable {
        /// The raw file, from 1; 0 for a key that is absent.
        public var file: Int
        /// The record's position in it, from 1.
        public var record: Int
        /// The file's path; nil where there is no record.
        public var path: String?
        /// The record as received, personal data masked; nil where it cannot be read.
        public var text: String?
        /// Why it cannot be read.
        public var problem: String?
    }

    /// What a change did to the history.
    public enum Effect: Sendable, Hashable {
        /// It began the version.
        case opened
        /// It changed the version's values for the same effective time.
        case corrected
        /// It changed columns that are overwritten in place.
        case overwrote
        /// It ended the version: the key is deleted.
        case closed
        /// It changed nothing that silver keeps.
        case none
        /// A later change has the same effective time, and holds instead.
        case replaced
        /// It came late, and the metadata leaves out what does.
        case late
        /// Its batch is not merged yet.
        case waiting
        /// Silver did not take it.
        case rejected(String)
    }

    /// One change of the key in bronze.
    public struct Change: Sendable {
        /// `upsert`, `delete` or `restore`.
        public var change: String
        /// What came of it.
        public var effect: Effect
        /// The run that landed it.
        public var run: Run
        /// From when it is true, where the data say so.
        public var effectiveAt: Instant?
        /// Its record.
        public var origin: Origin
        /// What it overwrote in place.
        public var differences: [Difference] = []
    }

    /// One row of silver.
    public struct Version: Sendable {
        /// From 1, the oldest.
        public var number: Int
        /// Start of its validity.
        public var validFrom: Instant
        /// End of its validity, exclusive; nil while it is open.
        public var validTo: Instant?
        /// True when it ended because the key was deleted.
        public var isDeleted: Bool
        /// When it became known, in tables that keep that.
        public var recordedAt: Instant?
        /// When it was no longer thought to be true, in tables that keep that.
        public var supersededAt: Instant?
        /// The run whose batch brought it.
        public var run: Run
        /// The run whose batch changed it last.
        public var updatedBy: UUIDValue
        /// Its business columns, in the metadata's order; NULL is nil.
        public var values: [(column: String, value: String?)]
        /// Against the version before it, as that one was known then.
        public var differences: [Difference] = []
        /// The changes that made it or fell into it, oldest first.
        public var changes: [Change] = []

        /// True while nothing ended or superseded it.
        public var isCurrent: Bool { validTo == nil && supersededAt == nil }

        /// True when it was known while the other one was thought to be true.
        func isKnown(with other: Version) -> Bool {
            guard other.supersededAt != nil, let recorded = other.recordedAt else { return supersededAt == nil }
            return (recordedAt ?? .oldest) <= recorded && supersededAt.map { recorded < $0 } ?? true
        }

        /// True when it held at the instant, as far as is known today.
        public func holds(at instant: Instant) -> Bool {
            supersededAt == nil && validFrom <= instant && validTo.map { instant < $0 } ?? true
        }
    }

    /// A record of the key that could not be applied.
    public struct Reject: Sendable {
        /// The run that landed it.
        public var run: Run
        /// The column, where one is to blame.
        public var column: String?
        /// Why.
        public var reason: String
        /// Its record.
        public var origin: Origin
    }

    /// The entity.
    public var entity: EntityID
    /// Its table in silver.
    public var table: String
    /// The key as it was asked for.
    public var key: [(column: String, value: String)]
    /// What the key is found by.
    public var keyHash: UUIDValue
    /// Oldest first.
    public var versions: [Version] = []
    /// Changes before the first version that is left, and changes of a key without versions.
    public var loose: [Change] = []
    /// Records of the key that were rejected before they became changes, oldest first.
    public var rejects: [Reject] = []
    /// Files with rejected records that were not searched, because there are too many.
    public var filesNotSearched = 0
    /// Why there is no version, and what to do; empty where there is one.
    public var advice: [String] = []
}
