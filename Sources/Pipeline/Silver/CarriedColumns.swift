internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Columns that no record of a full batch had: the merge keeps their values, so that a source that forgets a column
/// for a day makes no versions.
///
/// The staged rows take the open row's values; their hashes are then computed anew from the typed values.
struct CarriedColumns {
    let table: SilverTable
    let missing: [String]

    func apply(on connection: PostgresConnection) async throws {
        let carried = table.entity.storedColumns.filter { missing.contains($0.name) && !$0.isKey }
        guard !carried.isEmpty else { return }
        let assignments = carried.map { "\(identifier: $0.name) = t.\(identifier: $0.name)" as SQLText }
        try await connection.execute(
            """
            UPDATE \(fragment: table.stage) s SET \(fragment: assignments.joined(separator: ", "))
            FROM \(fragment: table.history) t
            WHERE t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._change <> 'delete'
            """)
        try await rehash(on: connection)
    }

    /// Computes the hashes of the staged rows from their values, a page of keys at a time.
    private func rehash(on connection: PostgresConnection) async throws {
        var hasher = StoredRowHasher(table.entity)
        var after = UUIDValue.zero
        while true {
            var hashes: [(key: UUIDValue, overwritten: UUIDValue, versioned: UUIDValue)] = []
            try await connection.beginCopyOut(
                """
                COPY (SELECT _key_hash, \(identifiers: table.entity.storedColumns.map(\.name)) FROM \(fragment: table.stage)
                    WHERE _change <> 'delete' AND _key_hash > \(literal: after)
                    ORDER BY _key_hash LIMIT 10000) TO STDOUT (FORMAT binary)
                """)
            while let chunk = try await connection.nextCopyChunk() {
                var rows = BinaryRowReader(chunk)
                while rows.next() {
                    guard let key = rows.uuid(0) else { continue }
                    let (overwritten, versioned) = hasher.hashes(of: rows, firstField: 1)
                    hashes.append((key, overwritten, versioned))
                }
            }
            guard let last = hashes.last else { return }
            after = last.key
            try await connection.execute(
                """
                UPDATE \(fragment: table.stage) s SET _scd1_hash = h.overwritten, _scd2_hash = h.versioned
                FROM unnest(\(hashes.map(\.key)), \(hashes.map(\.overwritten)), \(hashes.map(\.versioned)))
                    AS h (key, overwritten, versioned)
                WHERE s._key_hash = h.key AND s._change <> 'delete'
                """)
        }
    }
}

/// Computes row hashes from values as PostgreSQL stores them, the same as from the documents they came from.
struct StoredRowHasher: ~Copyable {
    let columns: [Column]
    private let overwritten: [Int]
    private let versioned: [Int]
    private var row: TypedRow
    private var hash = RowHash()

    init(_ entity: Entity) {
        let columns = entity.storedColumns
        self.columns = columns
        func indexes(_ role: ColumnRole) -> [Int] {
            columns.indices.filter { !columns[$0].isKey && entity.role(of: columns[$0]) == role }
                .sorted { columns[$0].name.utf8.lexicographicallyPrecedes(columns[$1].name.utf8) }
        }
        overwritten = indexes(.scd1)
        versioned = indexes(.scd2)
        row = TypedRow(columns: columns.count)
    }

    /// The scd1 and the scd2 hash of a row whose stored columns begin at `firstField`.
    mutating func hashes(of rows: borrowing BinaryRowReader, firstField: Int) -> (UUIDValue, UUIDValue) {
        load(rows, firstField: firstField)
        return hashes()
    }

    /// Takes a row whose stored columns begin at `firstField`.
    mutating func load(_ rows: borrowing BinaryRowReader, firstField: Int) {
        row.clear()
        for index in columns.indices {
            rows.withField(firstField + index) { value in
                if let value { set(index, value) }
            }
        }
    }

    /// Replaces one of the stored columns of the row by a column of another row.
    mutating func replace(_ index: Int, by other: TypedRow, _ column: Int) {
        row.copy(index, from: other, column)
    }

    /// The scd1 and the scd2 hash of the row as it stands now.
    mutating func hashes() -> (UUIDValue, UUIDValue) { (hash.values(row, overwritten), hash.values(row, versioned)) }

    private mutating func set(_ index: Int, _ value: Span<UInt8>) {
        func whole() -> Int64 {
            var number: Int64 = value.count > 0 && value[0] & 0x80 != 0 ? -1 : 0
            for position in value.indices { number = number << 8 | Int64(value[position]) }
            return number
        }
        switch columns[index].type {
        case .smallint, .int, .bigint, .time: row.set(index, whole())
        case .date: row.set(index, whole() + ColumnReader.daysTo2000)
        case .timestamp, .timestamptz: row.set(index, whole() + ColumnReader.daysTo2000 * 86_400_000_000)
        case .numeric:
            var text = ByteWriter()
            NumericText.appendCanonical(ofBinary: value, to: &text)
            text.withBytes { row.set(index, $0) }
        case .json:
            var text: [UInt8] = []
            JSONCanonical.append(value.extracting(min(1, value.count)..<value.count), to: &text)
            row.set(index, text.span)
        default: row.set(index, value)
        }
    }
}

extension NumericText {
    /// The canonical text of PostgreSQL's binary form. Source: src/backend/utils/adt/numeric.c, numeric_send.
    static func appendCanonical(ofBinary value: Span<UInt8>, to output: inout ByteWriter) {
        func part(_ index: Int) -> UInt16 { UInt16(value[index * 2]) << 8 | UInt16(value[index * 2 + 1]) }
        let groups = Int(part(0))
        let weight = Int(Int16(bitPattern: part(1)))
        var text = part(2) == 0x4000 ? "-" : ""
        for group in 0..<groups {
            let digits = String(part(4 + group))
            text += String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
        let exponent = (weight + 1 - groups) * 4
        // The groups are a whole number times a power of ten; leading zeros are not JSON, so they are dropped here.
        let isNegative = text.hasPrefix("-")
        let whole = text.drop { $0 == "-" || $0 == "0" }
        guard !whole.isEmpty else { return output.append(byte: 0x30) }
        let plain = Array(((isNegative ? "-" : "") + whole + "e\(exponent)").utf8)
        var number = NumericText()
        _ = number.read(plain.span)
        number.appendCanonical(to: &output)
    }
}
