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

    private let columns: [Column]
    /// Where the columns stand among the stored ones.
    private let positions: [Int]
    private let storedCount: Int
    private var hasher: StoredRowHasher
    private var reader: DocumentReader
    private var window: RecordWindow

    init(_ entity: Entity, _ columns: [Column], timezone: String) {
        self.columns = columns
        let stored = entity.storedColumns
        positions = columns.compactMap { column in stored.firstIndex { $0.name == column.name } }
        storedCount = stored.count
        hasher = StoredRowHasher(entity)
        // Only these columns: what else does not fit under today's metadata is no concern here.
        var part = entity
        part.columns = columns
        reader = DocumentReader(part, timezone: timezone, readsLooseBooleans: true)
        window = RecordWindow(.lines, paths: DocumentReader.paths(of: part))
    }

    /// Adds the rows of one chunk of COPY (key hash, stored columns, document).
    mutating func add(_ chunk: [UInt8]) {
        window.clear()
        var documents = BinaryRowReader(chunk)
        while documents.next() {
            documents.withField(storedCount + 1) { document in
                if let document { window.append(document) }
            }
        }
        window.extract()
        var next = 0
        var rows = BinaryRowReader(chunk)
        while rows.next() {
            let hasDocument = !rows.isNull(storedCount + 1)
            add(rows, document: hasDocument ? next : nil)
            if hasDocument { next += 1 }
        }
    }

    private mutating func add(_ row: BinaryRowReader, document: Int?) {
        guard let key = row.uuid(0) else { return }
        rows += 1
        hasher.load(row, firstField: 1)
        var fits = false
        if let document {
            if case .accepted = reader.read(window, document) { fits = true } else { unreadable += 1 }
        }
        if fits {
            for (index, position) in positions.enumerated() { hasher.replace(position, by: reader.row, index) }
        }
        let (overwritten, versioned) = hasher.hashes()
        buffer.beginRow(columns: columns.count + 3)
        buffer.append(uuid: key)
        buffer.append(uuid: overwritten)
        buffer.append(uuid: versioned)
        for (index, position) in positions.enumerated() {
            if fits {
                reader.row.appendField(index, to: &buffer)
            } else {
                row.withField(position + 1) { value in
                    if let value { buffer.append(field: value) } else { buffer.appendNull() }
                }
            }
        }
    }
}
