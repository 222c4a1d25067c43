internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Turns bronze changes into typed rows: for the stage, or for an empty history itself.
struct ChangeStager: ~Copyable {
    private struct Origin {
        var key: UUIDValue
        var change: String
        var file: Int
        var record: Int
    }

    private let row: ChangeRow
    private var reader: DocumentReader
    private var window: RecordWindow
    /// Rows on their way to the stage.
    var buffer = CopyBuffer()
    /// Changes read so far.
    private(set) var changes = 0
    /// Of them, those that are no delete.
    private(set) var opened = 0

    init(_ entity: Entity, timezone: String, into row: ChangeRow) {
        self.row = row
        // What bronze holds was accepted under its own batch's rules: CSV booleans must be read again.
        reader = DocumentReader(entity, timezone: timezone, readsLooseBooleans: true)
        window = RecordWindow(.lines, paths: DocumentReader.paths(of: entity))
    }

    /// Adds the changes of one chunk of COPY (key hash, change, raw file, record number, document).
    mutating func add(_ chunk: [UInt8]) throws {
        var rows = BinaryRowReader(chunk)
        var origins: [Origin] = []
        window.clear()
        while rows.next() {
            guard let key = rows.uuid(0), let change = rows.text(1), let file = rows.int64(2),
                let record = rows.int64(3)
            else { continue }
            changes += 1
            guard change != "delete" else {
                row.appendDelete(of: key, to: &buffer)
                continue
            }
            opened += 1
            rows.withField(4) { document in
                if let document { window.append(document) }
            }
            origins.append(Origin(key: key, change: change, file: Int(file), record: Int(record)))
        }
        window.extract()
        for (index, origin) in origins.enumerated() { try append(index, origin) }
    }

    private mutating func append(_ index: Int, _ origin: Origin) throws {
        if case .rejected(let column, let reason, _) = reader.read(window, index) {
            let place = column.map { "column '\($0)' " } ?? ""
            throw StepError(
                .merge,
                "the document of raw file \(origin.file), record \(origin.record) was accepted in bronze but "
                    + "\(place)\(reason) under today's metadata; mend the column's type or format")
        }
        row.append(
            origin.change, &reader, key: origin.key, file: origin.file, record: origin.record, to: &buffer)
    }
}
