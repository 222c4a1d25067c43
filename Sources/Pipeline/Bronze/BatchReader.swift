internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Primitives

/// What of a batch's records is read.
enum Extraction {
    /// Every wanted path of every record, and whether it can become a document.
    case whole
    /// Every record until its wanted paths were seen.
    case untilSeen
    /// Only marked records, of a batch that the same step has read as a whole before.
    case marked(ChangeMarks)

    fileprivate var stopsEarly: Bool {
        if case .untilSeen = self { true } else { false }
    }

    /// The records that are wanted; nil: all of them are.
    var marks: ChangeMarks? {
        if case .marked(let marks) = self { marks } else { nil }
    }
}

/// Reads the records of a batch window by window, in the order in which they arrived. Memory is bounded by a window.
struct BatchReader: ~Copyable {
    private let files: RawFiles
    private let shape: DocumentShape
    private var current: RawFileReader?
    /// Of a file whose records become JSON on their way.
    private var converter: RecordConverter?
    /// What was read of such a file, and how much of it has been converted.
    private var unconverted: (chunk: [UInt8], next: Int)?
    /// JSON names each field of each record: so many bytes become a window of about the usual size.
    private static let mostConverted = 64 << 10
    /// Takes the records of a file that belongs to a row of `for_each`, before they get it.
    private var received: RecordWindow?
    /// `{"_parent":{…}` of the file at hand, with which each of its documents begins; nil where records are documents.
    private var head: [UInt8]?
    private let format: RecordFormat
    /// True where the last file was cut behind its last record, as that of a sample.
    private let endsCut: Bool
    private var problems: [Int: String] = [:]
    /// Makes the documents of an exploded entity; nil where records are documents.
    private let items: ItemReader?
    private let extraction: Extraction
    /// The position within the batch of the window's first record, from 0.
    private(set) var firstOrdinal = 0

    /// The records that may be read now.
    private(set) var window: RecordWindow
    /// The number of the file at hand, from 1.
    private(set) var fileNumber = 0
    /// The position of the window's first record within the file, from 1.
    private(set) var firstRecord = 1

    /// Reads the records of files of one shape.
    init(
        _ files: RawFiles, of shape: DocumentShape, paths: [[String]], endsCut: Bool = false,
        _ extraction: Extraction = .whole
    ) throws {
        self.files = files
        self.endsCut = endsCut
        self.shape = shape
        items = nil
        format = try shape.recordFormat
        self.extraction = extraction
        window = RecordWindow(format, paths: paths, stopsEarly: extraction.stopsEarly)
    }

    /// Reads the items of lists within records; `paths` are those of the items' documents.
    init(_ items: ItemReader, paths: [[String]], _ extraction: Extraction) {
        files = .landed([], bytes: 0, folder: "", nil)
        endsCut = false
        shape = DocumentShape(format: .jsonl)
        self.items = items
        self.extraction = extraction
        format = .lines
        window = RecordWindow(format, paths: paths, stopsEarly: extraction.stopsEarly)
    }

    /// Goes on to the next window, which may be empty; false at the end of the batch.
    /// - Throws: `StepError` naming file and byte where a file is missing, damaged or no longer parses.
    mutating func next() throws -> Bool {
        firstOrdinal += window.count
        if let items {
            let isMore = try items.fill(&window)
            extract()
            (fileNumber, firstRecord) = (items.fileNumber, items.firstRecord)
            return isMore
        }
        firstRecord += window.count
        if current == nil {
            guard let file = try files.reader(at: fileNumber) else { return false }
            current = consume file
            fileNumber += 1
            firstRecord = 1
            converter = try RecordConverter.make(shape)
            enterParent(files.parent(at: fileNumber - 1))
        }
        do {
            if shape.isConverted { try nextRows() } else { try nextText() }
        } catch let error as StepError {
            throw error
        } catch {
            throw StepError(.parse, "raw file \(files.path(at: fileNumber - 1)): \(error)")
        }
        return true
    }

    /// Like `next`, of files that may still be on their way: waits until it can be done.
    mutating func nextArrived() async throws -> Bool {
        if case .arriving(let files) = files {
            try await files.wait(for: current == nil ? fileNumber : fileNumber - 1, behind: current?.position ?? 0)
        }
        return try next()
    }

    /// Why the row at this index of the window is no record, or what stands in a list's place; nil where all is well.
    func problem(at index: Int) -> RecordProblem? {
        items?.problems[index] ?? problems[index].map { RecordProblem(column: nil, reason: $0) }
    }

    /// The key hash of the parent of the document at this index of the window; nil where records are documents.
    func scope(at index: Int) -> UUIDValue? { items?.scopes[index] }

    /// True where each parent of documents has been read once so far.
    func areParentsDistinct() throws -> Bool { try items?.parentKeys.areDistinct() ?? true }

    /// Top-level fields seen so far that no column reads. The place in its list is no field of the source's.
    var unknownNames: [String] {
        window.unknownNames.filter { items == nil || $0 != Explosion.positionMember }
    }

    /// Rows of `ParentScopes`, whenever many have come together, and at last the others; nil otherwise, and where records
    /// are documents.
    func takeParents(isLast: Bool) -> [UInt8]? { items?.takeParents(isLast: isLast) }

    /// Documents of the file begin with this row. Its window is made anew: the last one's text may not have ended.
    private mutating func enterParent(_ parent: String?) {
        if (head == nil) != (parent == nil) { window.clear() }
        head = parent.map { Array("{\"\(Explosion.parentMember)\":\($0)".utf8) }
        received = head == nil || shape.isConverted ? nil : RecordWindow(format, paths: [])
    }

    /// Adds a record, in its parent's name where it has one.
    private mutating func add(_ record: Span<UInt8>) {
        guard let head, let document = BatchReader.join(head, record) else { return window.append(record) }
        window.append(document.span)
    }

    /// The object with the head before its members; nil for what is no object and will be rejected as it is.
    private static func join(_ head: [UInt8], _ record: Span<UInt8>) -> [UInt8]? {
        guard record.count > 1, record[0] == UInt8(ascii: "{") else { return nil }
        var next = 1
        while next < record.count, record[next] <= 0x20 { next += 1 }
        var document = head
        if next < record.count, record[next] != UInt8(ascii: "}") { document.append(UInt8(ascii: ",")) }
        record.extracting(1...).withUnsafeBufferPointer { document.append(contentsOf: $0) }
        return document
    }

    private mutating func nextText() throws {
        guard head != nil else { return try nextPlainText() }
        window.clear()
        if let chunk = try current?.next() {
            try received?.push(chunk.span)
        } else {
            current = nil
            if isCut { received?.clear() } else { try received?.finish() }
        }
        for record in 0..<(received?.count ?? 0) {
            let bytes = received?.withRecord(record) { [UInt8](copying: $0) } ?? []
            add(bytes.span)
        }
        extract()
    }

    private mutating func nextPlainText() throws {
        if let chunk = try current?.next() {
            try window.push(chunk.span, extracts: false)
        } else {
            current = nil
            // What came before a fault in the text is not read.
            if isCut { window.clear() } else { try window.finish(extracts: false) }
        }
        extract()
    }

    private mutating func extract() {
        guard let marks = extraction.marks else { return window.extract() }
        let first = firstOrdinal
        window.extract { marks.isChanged(first + $0) }
    }

    /// Records become JSON objects of strings on their way; a row that cannot is kept as an empty object and its problem.
    private mutating func nextRows() throws {
        window.clear()
        problems.removeAll()
        var rows: [(document: [UInt8], problem: String?)] = []
        if unconverted == nil { unconverted = try current?.next().map { ($0, 0) } }
        if let (chunk, start) = unconverted {
            let end = min(start + BatchReader.mostConverted, chunk.count)
            try converter?.feed(chunk.span.extracting(start..<end)) { rows.append(($0.document, $0.problem)) }
            unconverted = end < chunk.count ? (chunk, end) : nil
        } else {
            current = nil
            if !isCut { try converter?.finish { rows.append(($0.document, $0.problem)) } }
        }
        for (index, row) in rows.enumerated() {
            if let problem = row.problem { problems[index] = problem }
            add(row.problem == nil ? row.document.span : BatchReader.emptyObject.span)
        }
        extract()
    }

    /// What stands behind the last record of the file at hand is no part of it.
    private var isCut: Bool { endsCut && files.isLast(fileNumber - 1) }

    private static let emptyObject = Array("{}".utf8)
}

extension DocumentReader {
    /// Reads a record of a batch. What was found wrong with it as a whole comes before what its values say.
    mutating func read(_ records: borrowing BatchReader, _ index: Int) -> Verdict {
        let verdict = read(records.window, index)
        guard let problem = records.problem(at: index) else { return verdict }
        return .rejected(column: problem.column, reason: problem.reason, keyIsKnown: false)
    }
}
