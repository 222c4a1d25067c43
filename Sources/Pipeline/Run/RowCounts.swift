/// What became of the records or changes that a step read. Each of them ends in exactly one counter.
///
/// bronze: in = inserted + updated + unchanged + duplicate + rejected + (deleted − absent);
/// silver: in = inserted + updated + deleted + unchanged + duplicate + late + rejected.
public struct RowCounts: Sendable, Hashable {
    /// Records received, read, or changes read.
    public var input = 0
    /// Records landed; upserts of a key not live; changes that open a key; rows written.
    public var inserted = 0
    /// Upserts of a live key; further changes applied.
    public var updated = 0
    /// Delete changes; keys closed as deleted; rows removed.
    public var deleted = 0
    /// Of the deletes in bronze, those by absence; they are not part of `input`.
    public var absent = 0
    /// Without effect.
    public var unchanged = 0
    /// Documents of a key that lost against another one of the same batch.
    public var duplicate = 0
    /// Changes older than what is known.
    public var late = 0
    /// Quarantined.
    public var rejected = 0
    /// Bytes as received.
    public var bytes = 0

    /// All zero.
    public init() {}

    /// True when rows of a table may differ from before.
    var changed: Bool { inserted + updated + deleted + late > 0 }

    /// The sum, counter by counter.
    public static func += (left: inout RowCounts, right: RowCounts) {
        left.input += right.input
        left.inserted += right.inserted
        left.updated += right.updated
        left.deleted += right.deleted
        left.absent += right.absent
        left.unchanged += right.unchanged
        left.duplicate += right.duplicate
        left.late += right.late
        left.rejected += right.rejected
        left.bytes += right.bytes
    }
}
