internal import Hashing
internal import JSON
internal import Metadata
internal import Primitives

/// What a document says beyond its values: from when it is valid, whether it deletes its key, which scope it is in.
struct DocumentFacts {
    private let effective: Int?
    private let zone: LocalTime
    private let marker: Int?
    /// The canonical form of the value that means deleted; nil: any value does.
    private let deleted: [UInt8]?
    private let scope: Int?

    init(_ entity: Entity, timezone: String) {
        func index(of name: String?) -> Int? { entity.columns.firstIndex { $0.name == name } }
        effective = index(of: entity.effectiveTimeColumn)
        zone = LocalTime(
            effective.flatMap { entity.columns[$0].timezone } ?? entity.timezone ?? timezone)
        marker = index(of: entity.deleteMarker?.column)
        scope = index(of: entity.fullScope)
        if let marker, let text = entity.deleteMarker?.equals {
            deleted = DocumentFacts.canonical(text, entity.columns[marker])
        } else {
            deleted = nil
        }
    }

    /// The canonical form of a value that metadata gives as text.
    private static func canonical(_ text: String, _ column: Column) -> [UInt8]? {
        var plain = column
        plain.format = nil
        plain.nullValues = []
        var row = TypedRow(columns: 1)
        var reader = ColumnReader(plain, timezone: "UTC", readsLooseBooleans: false)
        let bytes = Array(text.utf8)
        let kind: CellKind =
            switch (column.type, text) {
            case (.boolean, "true"): .true
            case (.boolean, _): .false
            default: .string
            }
        guard case .accepted = reader.read(kind, bytes.span, into: &row, at: 0) else { return nil }
        return Array(row.canonical(0))
    }

    /// Columns that a record which deletes its key must still have: its effective time and scope.
    var ofDeletes: [Int] { [effective, scope].compactMap { $0 } }

    /// The column that tells the scope.
    var ofScope: [Int] { [scope].compactMap { $0 } }

    /// The column that marks deletes.
    var markerColumn: Int? { marker }

    /// True when the record's marker says that its key was deleted.
    func isDelete(_ row: TypedRow) -> Bool {
        guard let marker, !row.isNull(marker) else { return false }
        return deleted.map { row.canonical(marker).elementsEqual($0) } ?? true
    }

    /// From when the record is valid: NULL is the oldest instant there is; nil where the entity has no effective time.
    func effectiveTime(_ row: TypedRow, _ columns: [Column]) -> Instant? {
        guard let effective else { return nil }
        guard !row.isNull(effective) else { return .oldest }
        let value = row.canonical(effective).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let whole = Int64(bitPattern: value)
        let microseconds =
            switch columns[effective].type {
            case .date: zone.utc(local: whole * 86_400_000_000)
            case .timestamp: zone.utc(local: whole)
            default: whole
            }
        // A zone may lead out of the years 1 to 9999, at either end.
        return min(max(.oldest, Instant(microseconds: microseconds)), .newest)
    }

    /// Stands for the record's value in the scope column; nil where the entity has no scope.
    func scope(_ row: TypedRow) -> UUIDValue? {
        guard let scope else { return nil }
        guard !row.isNull(scope) else { return .zero }
        let value = Array(row.canonical(scope))
        return XXH3.hash128(value.span)
    }
}
