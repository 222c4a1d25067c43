internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

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

    /// Takes a row whose stored columns begin at `firstField`.
    mutating func load(_ rows: borrowing BinaryRowReader, firstField: Int) {
        row.clear()
        for index in columns.indices {
            rows.withField(firstField + index) { value in
                if let value { row.set(index, stored: value, as: columns[index].type) }
            }
        }
    }

    /// Replaces one of the stored columns of the row by a column of another row.
    mutating func replace(_ index: Int, by other: TypedRow, _ column: Int) {
        row.copy(index, from: other, column)
    }

    /// The scd1 and the scd2 hash of the row as it stands now.
    mutating func hashes() -> (UUIDValue, UUIDValue) { (hash.values(row, overwritten), hash.values(row, versioned)) }
}

extension TypedRow {
    /// Takes a value as binary COPY sends it, which is also how it goes back.
    mutating func set(_ column: Int, stored value: Span<UInt8>, as type: ColumnType) {
        func whole() -> Int64 {
            var number: Int64 = value.count > 0 && value[0] & 0x80 != 0 ? -1 : 0
            for position in value.indices { number = number << 8 | Int64(value[position]) }
            return number
        }
        func set(canonical: Int64) {
            self.set(column, field: { $0.append(value) }, canonical: { $0.append(bigEndian: canonical) })
        }
        switch type {
        case .smallint, .int, .bigint, .time: set(canonical: whole())
        case .date: set(canonical: whole() + ColumnReader.daysTo2000)
        case .timestamp, .timestamptz: set(canonical: whole() + ColumnReader.daysTo2000 * 86_400_000_000)
        case .numeric:
            self.set(
                column, field: { $0.append(value) },
                canonical: { NumericText.appendCanonical(ofBinary: value, to: &$0) })
        case .json:
            var text: [UInt8] = []
            JSONCanonical.append(value.extracting(min(1, value.count)..<value.count), to: &text)
            self.set(column, field: { $0.append(value) }, canonical: { $0.append(text.span) })
        default: self.set(column, value)
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
