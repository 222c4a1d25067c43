internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Turns bronze changes into typed rows: for the stage, or for an empty history itself.
struct ChangeStager: ~Copyable {
    private let row: ChangeRow
    private let entity: EntityID
    /// Columns whose values come behind the document.
    private let carried: [Int]
    private var reader: DocumentReader
    private var window: RecordWindow
    /// Rows on their way to the stage.
    var buffer = CopyBuffer()
    /// Changes read so far.
    private(set) var changes = 0
    /// Of them, those that are no delete.
    private(set) var opened = 0

    init(_ entity: Entity, timezone: String, carrying carried: [Int] = [], into row: ChangeRow) {
        self.row = row
        self.carried = carried
        self.entity = entity.id
        reader = DocumentReader(ofLog: entity, timezone: timezone)
        window = RecordWindow(.lines, paths: DocumentReader.paths(of: entity))
    }

    /// What to do about a document that bronze has and that no longer fits.
    static func waysOut(of entity: EntityID) -> String {
        "set the column's definition back, or read all batches by today's: medallion rebuild \(entity) --from raw"
    }

    /// Adds the changes of one chunk of COPY (key hash, change, raw file, record number, document, and with carried columns
    /// whether there is an open row and its values).
    mutating func add(_ chunk: [UInt8]) throws {
        window.clear()
        var documents = BinaryRowReader(chunk)
        while documents.next() {
            guard !isDelete(documents) else { continue }
            documents.withField(4) { document in
                if let document { window.append(document) }
            }
        }
        window.extract()
        var document = 0
        var rows = BinaryRowReader(chunk)
        while rows.next() {
            guard let key = rows.uuid(0) else { continue }
            changes += 1
            if isDelete(rows) {
                row.appendDelete(of: key, to: &buffer)
            } else {
                try append(rows, key, document: document)
                document += 1
            }
        }
    }

    private func isDelete(_ row: borrowing BinaryRowReader) -> Bool { row.text(1) == "delete" }

    /// Appends the change whose document is the window's next.
    private mutating func append(_ change: borrowing BinaryRowReader, _ key: UUIDValue, document: Int) throws {
        let (file, record) = (Int(change.int64(2) ?? 0), Int(change.int64(3) ?? 0))
        if case .rejected(let column, let reason, _) = reader.read(window, document) {
            let place = column.map { "column '\($0)' " } ?? ""
            throw StepError(
                .merge,
                "the document of raw file \(file), record \(record) was accepted in bronze but "
                    + "\(place)\(reason) under today's metadata; \(ChangeStager.waysOut(of: entity))")
        }
        if !carried.isEmpty, change.bool(5) == true {
            for (index, place) in carried.enumerated() {
                change.withField(6 + index) { reader.carry($0, into: place) }
            }
        }
        opened += 1
        row.append(change.text(1) ?? "", &reader, key: key, file: file, record: record, to: &buffer)
    }
}
