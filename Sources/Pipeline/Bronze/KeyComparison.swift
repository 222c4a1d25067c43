internal import Primitives

/// A full batch's keys compared with the last change of every key: which records need a closer look, which keys the batch
/// lacks. What is neither is unchanged.
struct KeyComparison {
    /// The last change of a record's key.
    enum Known {
        /// There is none.
        case none
        case live
        case deleted
        case deletedByAbsence
    }

    /// Records that are new, changed, or whose key could not be read.
    private(set) var candidates: ChangeMarks
    private var isKnown: ChangeMarks
    private var isDeleted: ChangeMarks
    /// Live keys before the batch.
    private(set) var live = 0
    /// Live keys that the batch does not bring; its documents are not told.
    private(set) var absent: KeyPartitions
    /// The keys of records that nothing was known of, where they are wanted: all of them, as long as they are not more than `mostNew`.
    private(set) var new: [UUIDValue] = []
    private let collectsNew: Bool
    static let mostNew = 50_000

    /// Nothing compared yet of so many records.
    init(records: Int, collectsNew: Bool) {
        self.collectsNew = collectsNew
        candidates = ChangeMarks(records: records)
        isKnown = ChangeMarks(records: records)
        isDeleted = ChangeMarks(records: records)
        absent = KeyPartitions(expecting: 0)
    }

    /// A record without a readable key.
    mutating func addUnread(_ ordinal: Int) { candidates.mark(ordinal, isRestore: false) }

    /// What the record's key was before the batch.
    func known(_ ordinal: Int) -> Known {
        guard isKnown.isChanged(ordinal) else { return .none }
        guard isDeleted.isChanged(ordinal) else { return .live }
        return isDeleted.isRestored(ordinal) ? .deletedByAbsence : .deleted
    }

    /// Compares the batch (marks are those of `BatchRecord`) with what is known, half of the partitions on each of two processors;
    /// false where a key stands twice in the batch. Once, and before anything else is added.
    mutating func compare(_ batch: KeyPartitions, with known: KnownKeys) async throws -> Bool {
        let middle = batch.indices.count / 2
        let empty = self
        async let others = empty.comparing(batch, with: known, middle..<batch.indices.upperBound)
        guard try compare(batch, with: known, 0..<middle), let others = try await others else { return false }
        candidates.add(others.candidates)
        isKnown.add(others.isKnown)
        isDeleted.add(others.isDeleted)
        live += others.live
        for partition in others.absent.indices {
            for key in try others.absent.entries(of: partition) { try absent.add(key) }
        }
        new += others.new
        return true
    }

    @concurrent
    private func comparing(
        _ batch: KeyPartitions, with known: KnownKeys, _ partitions: Range<Int>
    ) async throws -> KeyComparison? {
        var comparison = self
        return try comparison.compare(batch, with: known, partitions) ? comparison : nil
    }

    private mutating func compare(
        _ batch: KeyPartitions, with known: KnownKeys, _ partitions: Range<Int>
    ) throws -> Bool {
        var (records, changes): ([KeyEntry], [KeyEntry]) = ([], [])
        var table = KeyTable()
        for partition in partitions {
            try batch.read(partition, into: &records)
            try known.readLast(of: partition, into: &changes)
            table.empty(for: records.count)
            for place in records.indices where table.note(place, of: records) != nil { return false }
            for last in changes {
                let isLive = last.mark & LastChange.isDeleted == 0
                if isLive { live += 1 }
                guard let place = table.take(last.key, of: records) else {
                    if isLive { try absent.add(last) }
                    continue
                }
                let record = records[place]
                let ordinal = BatchRecord.ordinal(record.mark)
                // What was a delete by other metadata need not be one now.
                let isSame =
                    last.mark & LastChange.hasDocument != 0 && record.document == last.document
                    && BatchRecord.isDelete(record.mark) != isLive
                guard !isSame else { continue }
                candidates.mark(ordinal, isRestore: false)
                isKnown.mark(ordinal, isRestore: false)
                guard !isLive else { continue }
                isDeleted.mark(ordinal, isRestore: last.mark & LastChange.isByAbsence != 0)
            }
            for place in records.indices where !table.isTaken(place) {
                candidates.mark(BatchRecord.ordinal(records[place].mark), isRestore: false)
                if collectsNew, new.count <= Self.mostNew { new.append(records[place].key) }
            }
        }
        return true
    }
}

/// What a mark says of a record of the batch.
enum BatchRecord {
    static func mark(_ ordinal: Int, isDelete: Bool) -> UInt64 { UInt64(ordinal) << 1 | (isDelete ? 1 : 0) }
    static func ordinal(_ mark: UInt64) -> Int { Int(mark >> 1) }
    static func isDelete(_ mark: UInt64) -> Bool { mark & 1 == 1 }
}

/// What a mark says of a key's last change.
enum LastChange {
    static let isDeleted: UInt64 = 1
    static let isByAbsence: UInt64 = 2
    static let deletedByAbsence = isDeleted | isByAbsence
    /// A key that is absent has no document.
    static let hasDocument: UInt64 = 4

    /// Of two changes of a key, the later one has the greater mark.
    static func order(_ instant: Instant) -> UInt64 { UInt64(bitPattern: instant.microseconds &+ 1 << 60) << 3 }
}
