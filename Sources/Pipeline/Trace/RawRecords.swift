internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Primitives

/// Single records of raw files, found by run, file and position. Every file is read to its end, so that its checksum is
/// compared with what was landed.
struct RawRecords {
    /// Where a record lies.
    struct Place: Hashable {
        var run: UUIDValue
        var file: Int
        var record: Int
    }

    let store: RawStore
    let entity: Entity
    /// The entity that landed the files, where it is another one.
    let parent: Entity?
    let timezone: String

    /// The batch whose files hold the records of the run: its own, or those of the run that it is the same as.
    private func batch(of run: UUIDValue) throws -> BatchSource {
        try BatchSource(run, of: entity, parent: parent, timezone: timezone, in: store)
    }

    /// The path of a raw file.
    func path(of file: Int, in run: UUIDValue) throws -> String {
        let batch = try batch(of: run)
        guard batch.manifest.files.indices.contains(file - 1) else {
            throw StepError(.parse, "the manifest of run \(run) has no file \(file); restore it from its backup")
        }
        return "\(batch.folder)/\(batch.manifest.files[file - 1].name)"
    }

    /// Lends the wanted records of one file to `body`, with their position.
    func visit(
        file: Int, in run: UUIDValue, records wanted: Set<Int>,
        _ body: (borrowing RecordWindow, _ index: Int, _ record: Int, _ isText: Bool) throws -> Void
    ) throws {
        var batch = try batch(of: run)
        guard batch.manifest.files.indices.contains(file - 1) else {
            throw StepError(.parse, "the manifest of run \(run) has no file \(file); restore it from its backup")
        }
        batch.keepFiles([file - 1])
        var reader = try batch.reader()
        while try reader.next() {
            for index in 0..<reader.window.count {
                let record = reader.firstRecord + index
                guard wanted.contains(record), reader.problem(at: index) == nil else { continue }
                try body(reader.window, index, record, batch.manifest.shape.isText)
            }
        }
    }

    /// The texts of the wanted records of one file as received; of CSV the row's own text.
    func texts(file: Int, in run: UUIDValue, records wanted: Set<Int>) throws -> [Int: [UInt8]] {
        let batch = try batch(of: run)
        let (manifest, folder) = (batch.manifest, batch.folder)
        guard manifest.shape.format == .csv, manifest.files.indices.contains(file - 1) else {
            return try documents(file: file, in: run, records: wanted)
        }
        let dialect = manifest.shape.csv ?? CSVDialect()
        // A row of another encoding has no text of its own that could be shown.
        guard dialect.encoding == CSVDialect.utf8 else {
            return try documents(file: file, in: run, records: wanted)
        }
        var rows = CSVRows(wanted, dialect)
        var reader = try RawFileReader(manifest.files[file - 1], folder: folder)
        while let chunk = try reader.next() { try rows.read(chunk) }
        try rows.finish()
        return rows.found
    }

    /// The wanted records of one file as JSON objects; a CSV row by the names of its header.
    func documents(file: Int, in run: UUIDValue, records wanted: Set<Int>) throws -> [Int: [UInt8]] {
        var found: [Int: [UInt8]] = [:]
        try visit(file: file, in: run, records: wanted) { window, index, record, _ in
            window.withRecord(index) { bytes in
                var text: [UInt8] = []
                text.append(bytes: bytes)
                found[record] = text
            }
        }
        return found
    }
}

/// Finds rows of a CSV text by their number and keeps them as they were written.
struct CSVRows {
    private let wanted: Set<Int>
    private var scanner: CSVScanner
    /// The scanner before `kept`, and all bytes since: the row under way begins in there.
    private var before: CSVScanner
    private var kept: [UInt8] = []
    private(set) var found: [Int: [UInt8]] = [:]

    init(_ wanted: Set<Int>, _ dialect: CSVDialect = CSVDialect()) {
        self.wanted = wanted
        scanner = CSVScanner(dialect: dialect)
        before = scanner
    }

    mutating func read(_ chunk: [UInt8]) throws {
        let start = scanner
        var numbers: [Int] = []
        try scanner.feed(chunk.span) { numbers.append($0.number) }
        guard !numbers.isEmpty else {
            kept += chunk
            return
        }
        if numbers.contains(where: wanted.contains) { try replay(kept + chunk) }
        (before, kept) = (start, chunk)
    }

    mutating func finish() throws {
        var last: Int?
        try scanner.finish { last = $0.number }
        if let last, wanted.contains(last) { try replay(kept + [0x0A]) }
    }

    /// Goes through the bytes once more, one by one, and cuts them where the scanner finds a row's end.
    private mutating func replay(_ bytes: [UInt8]) throws {
        var scanner = before
        var row: [UInt8] = []
        for byte in bytes {
            let hadHeader = scanner.hasHeader
            var number: Int?
            row.append(byte)
            try scanner.feed([byte].span) { number = $0.number }
            // A row that ended in the bytes kept was cut before; here its beginning may be missing.
            if let number, wanted.contains(number), found[number] == nil { found[number] = CSVRows.trimmed(row) }
            if number != nil || scanner.hasHeader != hadHeader { row.removeAll(keepingCapacity: true) }
        }
    }

    private static func trimmed(_ row: [UInt8]) -> [UInt8] {
        func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
        return Array(row.drop(while: isLineEnd).reversed().drop(while: isLineEnd).reversed())
    }
}
