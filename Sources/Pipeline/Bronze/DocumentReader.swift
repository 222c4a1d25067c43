package import JSON
package import Metadata
internal import Postgres
package import Primitives

/// Reads the metadata's columns out of one record after the other: typed values, hashes and sort keys.
package struct DocumentReader: ~Copyable {
    /// What became of a record.
    package enum Verdict {
        case accepted
        /// Quarantined. `keyIsKnown` is true where the key could be read: it then counts as present.
        case rejected(column: String?, reason: String, keyIsKnown: Bool)

        var isRejected: Bool {
            if case .rejected = self { true } else { false }
        }
    }

    let columns: [Column]
    private var readers: [ColumnReader]
    private(set) var row: TypedRow
    private var hash = RowHash()
    private let keys: [Int]
    private let keysAndScope: [Int]
    private let others: [Int]
    /// The columns that are overwritten in place, those whose change opens a version, and those that never change.
    let overwritten: [Int]
    let versioned: [Int]
    let fixed: [Int]
    private let order: [Int]
    private let cursor: Int?
    private let facts: DocumentFacts
    /// What the record just read says beyond its values.
    private(set) var isDelete = false

    package init(_ entity: Entity, timezone: String, readsLooseBooleans: Bool) {
        let columns = entity.columns
        func indexes(_ isWanted: (Column) -> Bool) -> [Int] {
            columns.indices.filter { isWanted(columns[$0]) }
                .sorted { columns[$0].name.utf8.lexicographicallyPrecedes(columns[$1].name.utf8) }
        }
        self.columns = columns
        readers = columns.map {
            ColumnReader($0, timezone: entity.timezone ?? timezone, readsLooseBooleans: readsLooseBooleans)
        }
        row = TypedRow(columns: columns.count)
        keys = indexes(\.isKey)
        others = columns.indices.filter { !columns[$0].isKey }
        overwritten = indexes { !$0.isKey && $0.isStored && entity.role(of: $0) == .scd1 }
        versioned = indexes { !$0.isKey && $0.isStored && entity.role(of: $0) == .scd2 }
        fixed = indexes { !$0.isKey && $0.isStored && entity.role(of: $0) == .fixed }
        facts = DocumentFacts(entity, timezone: timezone)
        keysAndScope = keys + facts.ofScope.filter { [keys] in !keys.contains($0) }
        order = entity.orderBy.compactMap { name in columns.firstIndex { $0.name == name } }
        cursor = entity.cursorIndex
    }

    /// Reads what bronze holds: it was accepted under its own batch's rules, so CSV booleans are read again, and which change
    /// deletes is said by the log, not by today's marker.
    init(ofLog entity: Entity, timezone: String) {
        var unmarked = entity
        unmarked.deleteMarker = nil
        self.init(unmarked, timezone: timezone, readsLooseBooleans: true)
    }

    /// Where the columns lie in a record.
    package static func paths(of entity: Entity) -> [[String]] { entity.columns.map(\.path) }

    /// Reads a record of a window that was made with `paths(of:)`.
    ///
    /// A cursor is read of every record that is JSON: those that delete and those that do not fit may lie outside a delta's
    /// window, too.
    package mutating func read(_ window: borrowing RecordWindow, _ record: Int) -> Verdict {
        row.clear()
        isDelete = false
        let state = window.state(record)
        let verdict = read(window, record, state)
        if let cursor, state == .valid, verdict.isRejected || isDelete {
            if case .rejected = readColumn(window, record, cursor) { row.setNull(cursor) }
        }
        return verdict
    }

    private mutating func read(_ window: borrowing RecordWindow, _ record: Int, _ state: RecordState) -> Verdict {
        // What stands before a fault inside was read; a complete key there still says that the key is present.
        let isWhole =
            switch state {
            case .malformed, .notAnObject, .notUTF8, .duplicateName: false
            default: true
            }
        for index in keys where isWhole {
            if case .rejected(let reason) = readColumn(window, record, index) {
                guard state == .valid else { return rejection(of: state, keyIsKnown: false) }
                return .rejected(column: columns[index].name, reason: "key column \(reason)", keyIsKnown: false)
            }
        }
        guard state == .valid else { return rejection(of: state, keyIsKnown: isWhole && !keys.isEmpty) }
        readMarker(window, record)
        // A delete needs no more than its key, its place in time and its order.
        for index in isDelete ? facts.ofDeletes + order : others {
            if case .rejected(let reason) = readColumn(window, record, index) {
                return .rejected(column: columns[index].name, reason: reason, keyIsKnown: !keys.isEmpty)
            }
        }
        return .accepted
    }

    /// Reads nothing but the key, its scope, and whether the record deletes it; false where it is none.
    mutating func readKey(_ window: borrowing RecordWindow, _ record: Int) -> Bool {
        row.clear()
        isDelete = false
        for index in keysAndScope {
            guard case .accepted = readColumn(window, record, index) else { return false }
        }
        readMarker(window, record)
        return true
    }

    private mutating func readMarker(_ window: borrowing RecordWindow, _ record: Int) {
        if let marker = facts.markerColumn, case .accepted = readColumn(window, record, marker) {
            isDelete = facts.isDelete(row)
        }
    }

    private func rejection(of state: RecordState, keyIsKnown: Bool) -> Verdict {
        .rejected(column: nil, reason: "the record cannot be read: \(state.reason)", keyIsKnown: keyIsKnown)
    }

    /// Reads one column of a record.
    mutating func readColumn(
        _ window: borrowing RecordWindow, _ record: Int, _ index: Int
    ) -> ColumnReader.Outcome {
        window.withCell(record, index) { kind, cell in readers[index].read(kind, cell, into: &row, at: index) }
    }

    /// Gives a column of the record just read another value, as binary COPY sends it; nil is NULL.
    mutating func carry(_ value: Span<UInt8>?, into column: Int) {
        if let value { row.set(column, stored: value, as: columns[column].type) } else { row.setNull(column) }
    }

    /// Appends the typed values of these columns, as COPY takes them.
    func appendValues(of columns: [Int], to buffer: inout CopyBuffer) {
        row.appendFields(columns, to: &buffer)
    }

    /// From when the record just read is valid; nil where the entity has no effective time.
    var effectiveTime: Instant? { facts.effectiveTime(row, columns) }

    /// From when the record counts among the changes of an entity with an effective time.
    var countsFrom: Instant { effectiveTime ?? .oldest }

    /// Stands for the record's value in the scope column; nil where the entity has no scope.
    var scope: UUIDValue? { facts.scope(row) }

    /// The hash of the key of the record just read.
    package mutating func keyHash() -> UUIDValue { hash.key(row, keys) }

    /// The hash that stands for a record without key: its place.
    mutating func placeHash(run: UUIDValue, file: Int, record: Int) -> UUIDValue {
        hash.place(run: run, file: file, record: record)
    }

    /// The hash of the columns that are overwritten in place.
    mutating func overwrittenHash() -> UUIDValue { hash.values(row, overwritten) }

    /// The hash of the columns whose change opens a version.
    package mutating func versionedHash() -> UUIDValue { hash.values(row, versioned) }

    /// Bytes that sort as the record's `order_by` values do; NULL sorts oldest.
    func appendSortKey(to key: inout [UInt8]) {
        for index in order { appendSortKey(of: index, to: &key) }
    }

    /// Bytes that sort as the column's value does; NULL sorts oldest.
    func appendSortKey(of index: Int, to key: inout [UInt8]) {
        guard !row.isNull(index) else {
            key.append(0)
            return
        }
        key.append(1)
        let value = row.canonical(index)
        switch columns[index].type {
        case .smallint, .int, .bigint, .date, .time, .timestamp, .timestamptz:
            key.append((value.first ?? 0) ^ 0x80)
            key.append(contentsOf: value.dropFirst())
        case .double:
            let isNegative = (value.first ?? 0) & 0x80 != 0
            key.append(contentsOf: value.enumerated().map { isNegative ? ~$1 : $0 == 0 ? $1 | 0x80 : $1 })
        case .numeric:
            var number = NumericText()
            _ = number.read(Array(value).span)
            number.appendSortable(to: &key)
        case .boolean, .uuid: key.append(contentsOf: value)
        case .string, .text, .json, .binary:
            for byte in value {
                key.append(byte)
                if byte == 0 { key.append(0xFF) }
            }
            key.append(contentsOf: [0, 0])
        }
    }

    /// Bytes that sort as a cursor that `text(of:)` once gave does; nil where it is none of the column's type.
    mutating func sortKey(of index: Int, cursor: String) -> [UInt8]? {
        var column = columns[index]
        column.format = nil
        column.nullValues = []
        var reader = ColumnReader(column, timezone: "UTC", readsLooseBooleans: false)
        row.clear()
        let text = Array(cursor.utf8)
        guard case .accepted = reader.read(.string, text.span, into: &row, at: index) else { return nil }
        var key: [UInt8] = []
        appendSortKey(of: index, to: &key)
        return key
    }

    /// The column's value as text, as a cursor is kept: instants in UTC with microseconds, numbers shortest; nil for NULL.
    func text(of index: Int) -> String? {
        guard !row.isNull(index) else { return nil }
        let value = row.canonical(index)
        let whole = value.count == 8 ? Int64(bitPattern: value.reduce(0) { $0 << 8 | UInt64($1) }) : 0
        switch columns[index].type {
        case .smallint, .int, .bigint: return String(whole)
        case .date: return CivilDate(daysSinceEpoch: whole).description
        case .timestamptz: return Instant(microseconds: whole).description
        case .timestamp: return String(Instant(microseconds: whole).description.dropLast())
        case .time: return String(Instant(microseconds: whole).description.dropFirst(11).dropLast())
        case .double: return String(Double(bitPattern: UInt64(bitPattern: whole)))
        case .uuid, .boolean, .binary: return nil
        case .string, .text, .json, .numeric: return String(decoding: value, as: UTF8.self)
        }
    }
}

extension Entity {
    /// How a change of the column is kept under the entity's history mode.
    func role(of column: Column) -> ColumnRole {
        switch history {
        case .scd1, .latest: column.role == .scd2 ? .scd1 : column.role
        case .scd2, .append, .bitemporal: column.role
        }
    }
}
