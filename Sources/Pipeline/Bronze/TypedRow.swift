internal import Primitives

/// The typed columns of one record: each value as the payload of a binary COPY field and in its canonical form.
///
/// The canonical form does not depend on the width or notation of a value, so that hashes over it survive both:
/// integers, instants, dates and times are 8 bytes, numerics their shortest text, json its canonical text.
struct TypedRow {
    private struct Cell {
        var start: Int32 = 0
        var length: Int32 = -1
        var canonicalStart: Int32 = 0
        var canonicalLength: Int32 = 0
    }

    private(set) var bytes: [UInt8] = []
    private var cells: [Cell]

    init(columns: Int) { cells = Array(repeating: Cell(), count: columns) }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        for index in cells.indices { cells[index] = Cell() }
    }

    func isNull(_ column: Int) -> Bool { cells[column].length < 0 }

    /// Where the COPY payload of a value that is not NULL stands in `bytes`.
    func payload(_ column: Int) -> Range<Int> {
        Int(cells[column].start)..<Int(cells[column].start) + Int(cells[column].length)
    }

    /// Where the canonical form of a value that is not NULL stands in `bytes`.
    func canonical(_ column: Int) -> Range<Int> {
        let start = Int(cells[column].canonicalStart)
        return start..<start + Int(cells[column].canonicalLength)
    }

    /// A value whose payload is its canonical form, but for the first `skipping` bytes.
    mutating func set(_ column: Int, skipping: Int = 0, _ write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        cells[column] = Cell(
            start: Int32(start), length: Int32(bytes.count - start), canonicalStart: Int32(start + skipping),
            canonicalLength: Int32(bytes.count - start - skipping))
    }

    /// A value whose payload differs from its canonical form.
    mutating func set(_ column: Int, payload: (inout [UInt8]) -> Void, canonical: (inout [UInt8]) -> Void) {
        let start = bytes.count
        payload(&bytes)
        let middle = bytes.count
        canonical(&bytes)
        cells[column] = Cell(
            start: Int32(start), length: Int32(middle - start), canonicalStart: Int32(middle),
            canonicalLength: Int32(bytes.count - middle))
    }

    /// Takes a column's value from another row of the same columns.
    mutating func copy(_ column: Int, from other: TypedRow) {
        guard !other.isNull(column) else { return setNull(column) }
        set(column) {
            $0.append(contentsOf: other.bytes[other.payload(column)])
        } canonical: {
            $0.append(contentsOf: other.bytes[other.canonical(column)])
        }
    }

    mutating func setNull(_ column: Int) { cells[column] = Cell() }

    /// Appends the canonical forms of some columns as the input of a hash: version, then each value length-prefixed.
    func appendHashInput(of columns: [Int], to input: inout [UInt8]) {
        input.append(RowHash.version)
        for column in columns {
            let cell = cells[column]
            guard cell.length >= 0 else {
                input.append(bigEndian: UInt32.max)
                continue
            }
            input.append(bigEndian: UInt32(cell.canonicalLength))
            input.append(contentsOf: bytes[canonical(column)])
        }
    }
}
