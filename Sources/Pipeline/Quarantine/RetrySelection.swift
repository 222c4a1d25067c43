internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// What became of an entity's rejected records when they were read once more.
struct RetrySelection {
    /// A record of the quarantine.
    struct Entry {
        var run: RunIdentity
        var place: RecordPicker.Place
        /// Its batch was given up, or superseded as a whole.
        var isGivenUp: Bool
    }

    /// A record that today's metadata accepts.
    struct Candidate {
        var entry: Entry
        var key: UUIDValue?
        /// From when it is valid, as text; '' for an entity without an effective time.
        var effective: String
        var document: [UInt8]
        /// The notation in which it is landed again.
        var shape: DocumentShape

        var identity: String? { key.map { "\($0) \(effective)" } }
    }

    /// Bytes of documents in memory: what is more comes with the next retry.
    private static let most = 16 << 20

    /// To be landed again, oldest first, all of one notation.
    private(set) var accepted: [Candidate] = []
    /// Something newer of their keys is known.
    private(set) var superseded: [Entry] = []
    /// Rejected today, too: they stay.
    private(set) var stillRejected = 0
    /// Accepted, but too much for memory, or of another notation than the newest: the next retry takes them.
    private(set) var postponed = 0

    private let entity: Entity
    private let timezone: String

    init(_ entity: Entity, timezone: String) {
        self.entity = entity
        self.timezone = timezone
    }

    /// Records read once more.
    var count: Int { accepted.count + superseded.count + stillRejected }

    /// Reads the records, newest batch first, and sorts them out.
    ///
    /// A full batch says all about every key, absence too: what was rejected before it is superseded, unread. Where
    /// absence means nothing, and with an effective time, only documents count; see `dropSuperseded`.
    mutating func read(_ entries: [Entry], newestFull: Instant?, from store: RawStore) throws {
        let bound = entity.effectiveTimeColumn == nil ? self.bound(newestFull) : nil
        func isOver(_ entry: Entry) -> Bool {
            guard let bound else { return entry.isGivenUp }
            return entry.isGivenUp || entry.run.timestamp < bound
        }
        superseded = entries.filter(isOver)
        let entries = entries.filter { !isOver($0) }
        let picker = RecordPicker(store: store, entity: entity, parent: nil, timezone: timezone)
        let batches = Dictionary(grouping: entries, by: \.run)
        var held = 0
        var identities: Set<String>?
        for (run, entries) in batches.sorted(by: { $0.key.timestamp > $1.key.timestamp }) {
            try Task.checkCancellation()
            // What a file of texts leaves open is read as such a file's; the manifest alone knows.
            let landed = try store.manifest(of: entity.id, run: run.id).manifest.shape
            let shape = DocumentShape(
                format: landed.format == .csv ? .csv : .json,
                holdsTexts: landed.isText && landed.format != .csv ? true : nil)
            var reader = DocumentReader(entity, timezone: timezone, readsLooseBooleans: landed.isText)
            let hasKey = !entity.keyColumns.isEmpty
            var found: [Candidate] = []
            var rejected = 0
            try picker.pick(Set(entries.map(\.place)), of: run.id) { records, index, place in
                guard case .accepted = reader.read(records, index) else {
                    rejected += 1
                    return
                }
                var candidate = Candidate(
                    entry: Entry(run: run, place: place, isGivenUp: false), key: hasKey ? reader.keyHash() : nil,
                    effective: reader.effectiveTime?.description ?? "", document: [], shape: shape)
                if held >= RetrySelection.most {
                    // Of one key, what came later must not come with a later retry: the earlier would count as newer then.
                    let known = identities ?? Set((found + accepted).compactMap(\.identity))
                    identities = known
                    guard candidate.identity.map(known.contains) == true else {
                        postponed += 1
                        return
                    }
                }
                records.window.withRecord(index) { candidate.document.append(bytes: $0) }
                held += candidate.document.count
                found.append(candidate)
            }
            accepted = found + accepted
            stillRejected += rejected
        }
        // One batch has one notation: that of the newest record.
        if let shape = accepted.last?.shape {
            postponed += accepted.count { $0.shape != shape }
            accepted.removeAll { $0.shape != shape }
        }
    }

    /// Takes out what must not come in any more: something newer of its key is known.
    mutating func dropSuperseded(
        _ table: BronzeTable, newestFull: Instant?, on connection: PostgresConnection
    ) async throws {
        // Versions are looked up there whether their key is live; all else the log tells.
        if entity.effectiveTimeColumn != nil { try await LastChanges(table: table).keep(on: connection) }
        var drop = Set<Int>()
        var newest: [String: Instant] = [:]
        for candidate in accepted {
            if let identity = candidate.identity { newest[identity] = candidate.entry.run.timestamp }
        }
        for (index, candidate) in accepted.enumerated() {
            guard let identity = candidate.identity, let last = newest[identity] else { continue }
            if candidate.entry.run.timestamp < last { drop.insert(index) }
        }
        for row in try await connection.query(newerChanges(table, full: bound(newestFull))) {
            drop.insert(try row.get(0))
        }
        superseded += accepted.indices.filter(drop.contains).map { accepted[$0].entry }
        accepted = accepted.indices.filter { !drop.contains($0) }.map { accepted[$0] }
    }

    private func bound(_ newestFull: Instant?) -> Instant? {
        entity.deleteMode == .close && entity.history != .append ? newestFull : nil
    }

    /// The indices of candidates whose key has a newer change in the log. With an effective time only one of the same
    /// time counts, a delete, or a newer full batch without the key: another version takes its place by its time.
    private func newerChanges(_ table: BronzeTable, full: Instant?) -> SQLText {
        let keyed = accepted.indices.filter { accepted[$0].key != nil }
        let isSame: SQLText =
            entity.effectiveTimeColumn == nil
            ? "true"
            : """
            (l._change = 'delete' OR l._effective_at = c.effective::timestamptz)
            """
        let isAbsent: SQLText =
            entity.effectiveTimeColumn == nil
            ? ""
            : """
             UNION SELECT c.i FROM candidate c WHERE c.instant < \(full) AND NOT EXISTS (
                SELECT FROM \(fragment: table.last) k WHERE k._key_hash = c.key AND NOT k._is_deleted)
            """
        return """
            WITH candidate AS (
                SELECT * FROM unnest(\(keyed), \(keyed.map { accepted[$0].key ?? .zero }),
                    \(keyed.map { accepted[$0].entry.run.timestamp.description })::timestamptz[],
                    \(keyed.map { accepted[$0].entry.place.file }), \(keyed.map { accepted[$0].entry.place.record }),
                    \(keyed.map { accepted[$0].effective })) AS c (i, key, instant, file, record, effective))
            SELECT c.i FROM candidate c JOIN \(fragment: table.log) l ON l._key_hash = c.key
            WHERE (l._run_timestamp > c.instant
                    OR l._run_timestamp = c.instant AND (l._raw_file, l._record_no) > (c.file, c.record))
                AND \(fragment: isSame)
            \(fragment: isAbsent)
            """
    }

    /// Writes the accepted records as payloads: a JSON array, or one CSV file for each header.
    func write(into writer: inout RawWriter) throws {
        guard shape.format == .csv else {
            try writer.open()
            for (index, candidate) in accepted.enumerated() {
                try writer.append(Array((index == 0 ? "[\n" : ",\n").utf8))
                try writer.append(candidate.document)
            }
            try writer.append(Array("\n]\n".utf8))
            try writer.close()
            return
        }
        var header: [String]?
        for candidate in accepted {
            let row = try JSONReader.parse(candidate.document).objectValue ?? []
            if header != row.map(\.name) {
                if header != nil { try writer.close() }
                header = row.map(\.name)
                try writer.open()
                try writer.append(CSVLine.text(row.map { .string($0.name) }))
            }
            try writer.append(CSVLine.text(row.map(\.value)))
        }
        if header != nil { try writer.close() }
    }

    /// The notation of what `write` writes.
    var shape: DocumentShape { accepted.first?.shape ?? DocumentShape(format: .json) }
}

/// A line of CSV as `CSVScanner` reads it back: each value in quotes, NULL as an empty cell without them.
private enum CSVLine {
    static func text(_ values: [JSONValue]) -> [UInt8] {
        let cells = values.map { value in
            value.stringValue.map { "\"\($0.replacing("\"", with: "\"\""))\"" } ?? ""
        }
        return Array((cells.joined(separator: ",") + "\r\n").utf8)
    }
}
