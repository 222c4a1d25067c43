internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Turns open rows and their last documents into what the rows are to be: hashes, and the columns that are read again.
struct RowRefiller: ~Copyable {
    /// Rows on their way to the stage.
    var buffer = CopyBuffer()
    /// Rows so far.
    private(set) var rows = 0
    /// Of them, those whose document does not fit: they keep their values.
    private(set) var unreadable = 0

    /// Columns that are read from the same documents.
    private final class Part {
        /// Where the columns stand among the stored ones.
        let positions: [Int]
        var reader: DocumentReader
        var window: RecordWindow
        /// How many documents of the chunk have been read.
        var next = 0
        /// The row's document was read, and fits.
        var fits = false

        init(_ entity: Entity, _ columns: [Column], timezone: String) {
            let stored = entity.storedColumns
            positions = columns.compactMap { column in stored.firstIndex { $0.name == column.name } }
            // Only these columns: what else does not fit under today's metadata is no concern here.
            var part = entity
            part.columns = columns
            reader = DocumentReader(ofLog: part, timezone: timezone)
            window = RecordWindow(.lines, paths: DocumentReader.paths(of: part))
        }

        /// Reads the row's document; true where it does not fit.
        func read(hasDocument: Bool) -> Bool {
            fits = false
            guard hasDocument else { return false }
            if case .accepted = reader.read(window, next) { fits = true }
            next += 1
            return !fits
        }
    }

    private let storedCount: Int
    private let parts: [Part]
    private var hasher: StoredRowHasher

    /// `columns`: those that are read again, by the documents that they are read from.
    init(_ entity: Entity, _ columns: [[Column]], timezone: String) {
        storedCount = entity.storedColumns.count
        parts = columns.map { Part(entity, $0, timezone: timezone) }
        hasher = StoredRowHasher(entity)
    }

    /// Adds the rows of one chunk of COPY (key hash, stored columns, a document for each list of columns).
    mutating func add(_ chunk: [UInt8]) {
        for (index, part) in parts.enumerated() {
            part.window.clear()
            part.next = 0
            var documents = BinaryRowReader(chunk)
            while documents.next() {
                documents.withField(storedCount + 1 + index) { document in
                    if let document { part.window.append(document) }
                }
            }
            part.window.extract()
        }
        var rows = BinaryRowReader(chunk)
        while rows.next() { add(rows) }
    }

    private mutating func add(_ row: borrowing BinaryRowReader) {
        guard let key = row.uuid(0) else { return }
        rows += 1
        hasher.load(row, firstField: 1)
        for (index, part) in parts.enumerated() {
            if part.read(hasDocument: !row.isNull(storedCount + 1 + index)) { unreadable += 1 }
            guard part.fits else { continue }
            for (index, position) in part.positions.enumerated() {
                hasher.replace(position, by: part.reader.row, index)
            }
        }
        let (overwritten, versioned) = hasher.hashes()
        buffer.beginRow(columns: parts.reduce(3) { $0 + $1.positions.count })
        buffer.append(uuid: key)
        buffer.append(uuid: overwritten)
        buffer.append(uuid: versioned)
        for part in parts {
            for (index, position) in part.positions.enumerated() {
                guard !part.fits else {
                    part.reader.row.appendField(index, to: &buffer)
                    continue
                }
                row.withField(position + 1) { value in
                    if let value { buffer.append(field: value) } else { buffer.appendNull() }
                }
            }
        }
    }
}
