internal import Postgres
internal import Primitives

/// The typed columns of one record: each value as a field of binary COPY and in its canonical form.
///
/// The canonical form does not depend on the width or notation of a value, so that hashes over it survive both:
/// integers, instants, dates and times are 8 bytes, numerics their shortest text, json its canonical text.
///
/// Both are kept with their length before them: so they stand in COPY, and so a hash takes them. Where they are the same,
/// they are kept once; columns that were read one after the other are sent as one piece.
struct TypedRow {
    private struct Cell {
        /// Where the field stands in `fields`, its length included; empty where the column has not been read.
        var start: Int32 = 0
        var end: Int32 = 0
        /// Where the canonical form stands in `forms`, its length included; negative where it is the field itself.
        var form: Int32 = -1
        var formEnd: Int32 = -1
        var isNull = true
    }

    private var fields = ByteWriter()
    private var forms = ByteWriter()
    private var cells: [Cell]

    init(columns: Int) { cells = Array(repeating: Cell(), count: columns) }

    mutating func clear() {
        fields.removeAll()
        forms.removeAll()
        for index in cells.indices { cells[index] = Cell() }
    }

    func isNull(_ column: Int) -> Bool { cells[column].isNull }

    /// The canonical form of a value that is not NULL.
    func canonical(_ column: Int) -> ArraySlice<UInt8> {
        let cell = cells[column]
        return cell.form < 0
            ? fields[Int(cell.start) + 4..<Int(cell.end)] : forms[Int(cell.form) + 4..<Int(cell.formEnd)]
    }

    // MARK: Writing

    mutating func setNull(_ column: Int) {
        let start = Int32(fields.count)
        fields.append(bigEndian: Int32(-1))
        cells[column] = Cell(start: start, end: start + 4)
    }

    /// Bytes that are their own canonical form.
    @inline(__always)
    mutating func set(_ column: Int, _ bytes: Span<UInt8>) {
        let start = Int32(fields.count)
        fields.append(bigEndian: Int32(bytes.count), bytes)
        cells[column] = Cell(start: start, end: Int32(fields.count), isNull: false)
    }

    @inline(__always)
    mutating func set(_ column: Int, _ id: UUIDValue) {
        let start = Int32(fields.count)
        fields.append(bigEndian: Int32(16), id)
        cells[column] = Cell(start: start, end: start + 20, isNull: false)
    }

    /// A number that is its own canonical form.
    @inline(__always)
    mutating func set<Number: FixedWidthInteger>(_ column: Int, _ number: Number) {
        let start = Int32(fields.count)
        fields.append(bigEndian: Int32(MemoryLayout<Number>.size), number)
        cells[column] = Cell(start: start, end: Int32(fields.count), isNull: false)
    }

    /// A number whose canonical form is another one.
    @inline(__always)
    mutating func set<Number: FixedWidthInteger>(_ column: Int, _ number: Number, canonical: Int64) {
        set(column, number)
        cells[column].form = Int32(forms.count)
        forms.append(bigEndian: Int32(8), canonical)
        cells[column].formEnd = Int32(forms.count)
    }

    /// A value whose field and canonical form are written by these.
    @inline(__always)
    mutating func set(_ column: Int, field: (inout ByteWriter) -> Void, canonical: (inout ByteWriter) -> Void) {
        let start = TypedRow.append(field, to: &fields)
        let form = TypedRow.append(canonical, to: &forms)
        cells[column] = Cell(
            start: Int32(start), end: Int32(fields.count), form: Int32(form), formEnd: Int32(forms.count), isNull: false
        )
    }

    /// Takes a column's value from another row.
    mutating func copy(_ column: Int, from other: TypedRow, _ otherColumn: Int) {
        let cell = other.cells[otherColumn]
        guard !cell.isNull else { return setNull(column) }
        let start = Int32(fields.count)
        fields.append(other.fields, Int(cell.start)..<Int(cell.end))
        cells[column] = Cell(start: start, end: Int32(fields.count), isNull: false)
        guard cell.form >= 0 else { return }
        cells[column].form = Int32(forms.count)
        forms.append(other.forms, Int(cell.form)..<Int(cell.formEnd))
        cells[column].formEnd = Int32(forms.count)
    }

    /// Appends a value with its length before it; returns where it stands.
    @inline(__always)
    private static func append(_ value: (inout ByteWriter) -> Void, to writer: inout ByteWriter) -> Int {
        let start = writer.count
        writer.append(bigEndian: Int32(0))
        value(&writer)
        writer.replace(at: start, bigEndian: Int32(writer.count - start - 4))
        return start
    }

    // MARK: Reading

    /// Appends the column as COPY takes it.
    func appendField(_ column: Int, to buffer: inout CopyBuffer) {
        let cell = cells[column]
        guard cell.end > cell.start else { return buffer.appendNull() }
        fields.withBytes(Int(cell.start)..<Int(cell.end)) { buffer.append(fields: $0) }
    }

    /// Appends columns as COPY takes them; those that stand side by side as one piece.
    func appendFields(_ columns: [Int], to buffer: inout CopyBuffer) {
        var next = 0
        while next < columns.count {
            let first = cells[columns[next]]
            next += 1
            guard first.end > first.start else {
                buffer.appendNull()
                continue
            }
            var end = first.end
            while next < columns.count, cells[columns[next]].start == end {
                end = cells[columns[next]].end
                next += 1
            }
            fields.withBytes(Int(first.start)..<Int(end)) { buffer.append(fields: $0) }
        }
    }

    /// Appends the canonical forms of some columns as the input of a hash: version, then each value length-prefixed.
    func appendHashInput(of columns: [Int], to input: inout ByteWriter) {
        input.append(bigEndian: RowHash.version)
        for column in columns {
            let cell = cells[column]
            if cell.isNull {
                input.append(bigEndian: Int32(-1))
            } else if cell.form < 0 {
                input.append(fields, Int(cell.start)..<Int(cell.end))
            } else {
                input.append(forms, Int(cell.form)..<Int(cell.formEnd))
            }
        }
    }
}
