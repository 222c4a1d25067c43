internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The keys of a batch and the hashes of its documents, read without looking at the rest of the records.
struct KeyScan: Sendable {
    /// Marks are those of `BatchRecord`.
    private(set) var keys: KeyPartitions
    /// Ordinals of records whose key cannot be read.
    private(set) var unread: [Int] = []
    private(set) var records = 0
    /// Columns that no record has.
    private(set) var missingColumns: [String] = []
    /// Top-level fields that no column reads, as far as records were read as a whole.
    private(set) var unknownFields: [String] = []
    /// What the batch tells in full; nil where that is every key there is.
    private(set) var scopes: BatchScopes?

    /// Reads the batch, sharing out its keys as `expected` ones; nil where its scopes, or records without a readable key, leave it
    /// the long way only.
    init?(of source: BatchSource, expecting expected: Int, progress: @Sendable (Int) -> Void) async throws {
        keys = KeyPartitions(expecting: expected)
        scopes = BatchScopes(of: source.entity)
        // Where the first records have every column, nothing but keys has to be looked for behind them.
        let (columns, fields) = try await Self.firstColumns(of: source)
        let isShort = columns.missing.isEmpty
        unknownFields = fields
        var seen = columns
        var records = try isShort ? source.keyReader(keepsParents: true) : source.reader(keepsParents: true)
        var reader = isShort ? source.keyDocumentReader() : source.documentReader()
        while try await records.nextArrived() {
            for index in 0..<records.window.count {
                if !isShort { seen.see(records.window, index) }
                let ordinal = records.firstOrdinal + index
                guard records.problem(at: index) == nil, reader.readKey(records.window, index) else {
                    unread.append(ordinal)
                    continue
                }
                let document = records.window.withRecord(index) { XXH3.hash128($0) }
                let mark = BatchRecord.mark(ordinal, isDelete: reader.isDelete)
                try keys.add(KeyEntry(key: reader.keyHash(), document: document, mark: mark))
                scopes?.see(reader)
            }
            try scopes?.takeParents(of: records)
            guard isHopeful else { return nil }
            progress(records.firstOrdinal)
            try Task.checkCancellation()
            // Others read behind the landing, too.
            if source.isArriving { await Task.yield() }
        }
        try scopes?.takeParents(of: records, isLast: true)
        guard isHopeful else { return nil }
        self.records = records.firstOrdinal
        missingColumns = seen.missing
        if !isShort { unknownFields = records.unknownNames }
    }

    private var isHopeful: Bool {
        guard let scopes else { return unread.count <= BatchShortcut.heldRejects }
        return unread.isEmpty && scopes.areFewAndDistinct
    }

    /// True where a scan would be in vain: with an effective time many sources show what a key was, so that it stands several
    /// times. Only the first records are looked at.
    static func isInVain(of source: BatchSource) async throws -> Bool {
        guard source.entity.effectiveTimeColumn != nil else { return false }
        var records = try source.keyReader()
        var reader = source.keyDocumentReader()
        var first = FirstKeys()
        while records.firstOrdinal < FirstKeys.most, !first.repeats, try await records.nextArrived() {
            for index in 0..<records.window.count where reader.readKey(records.window, index) {
                first.see(reader.keyHash())
            }
        }
        return first.repeats
    }

    /// Which columns the records of the first windows have, and which fields no column reads.
    private static func firstColumns(of source: BatchSource) async throws -> (SeenColumns, [String]) {
        var columns = SeenColumns(of: source.entity)
        var records = try source.reader()
        for _ in 0..<4 where try await records.nextArrived() {
            for index in 0..<records.window.count { columns.see(records.window, index) }
            if columns.missing.isEmpty { break }
        }
        return (columns, records.unknownNames)
    }
}
