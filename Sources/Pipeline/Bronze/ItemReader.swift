internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

#if canImport(Glibc)
    internal import Glibc
#endif

/// Makes documents of the lists within a batch's records: windows of items, each with its parent's columns.
///
/// Memory is bounded by a window and the largest list. Items are numbered from 1 within each file, in the order in which
/// they stand there; a value that is no list counts as one item, so that its rejection has a place. Only parents that
/// are accepted by their own columns give items.
final class ItemReader {
    /// About so many bytes of documents make a window, or so many documents.
    private static let (windowBytes, windowDocuments) = (256 << 10, 1 << 14)

    private let explosion: Explosion
    private var records: BatchReader
    private var reader: DocumentReader
    private let filter: CursorFilter?
    private let keepsParents: Bool
    /// The documents that are wanted, by their place in the batch; nil: all of them are.
    private let marks: ChangeMarks?
    /// Where the list and the parent's columns stand among the paths of the records.
    private let list: Int
    private let columns: [(name: [UInt8], index: Int)]

    /// The next record of the records' window.
    private var record = 0
    /// Records and documents so far.
    private var (parents, documents) = (0, 0)
    private var current: Parent?
    /// `{"_parent":{…}` of the current parent, with which each of its documents begins.
    private var head: [UInt8] = []
    /// What is still to be cut of the current parent's list, and how much was.
    private var parts: JSONParts?
    private var position = 0
    /// The document that is being made.
    private var document: [UInt8] = []
    private var rows = CopyBuffer()

    /// The number of the file that the window's documents come from, from 1.
    private(set) var fileNumber = 0
    /// The number of the window's first document within the file, from 1.
    private(set) var firstRecord = 1
    /// The key hash of each document's parent.
    private(set) var scopes: [UUIDValue] = []
    /// The keys of all parents so far, those without items, too.
    private(set) var parentKeys = HashPartitions<KeyPrefix>(expecting: 1 << 20)
    private(set) var problems: [Int: RecordProblem] = [:]

    /// The record whose list is being cut.
    private struct Parent {
        var scope: UUIDValue
        var order: [UInt8]
        var ordinal: Int
        var first: Int
    }

    init(
        _ explosion: Explosion, of parent: Entity, records: consuming BatchReader, reader: consuming DocumentReader,
        filter: CursorFilter?, keepsParents: Bool, marks: ChangeMarks?
    ) {
        self.explosion = explosion
        self.records = records
        self.reader = reader
        self.filter = filter
        self.keepsParents = keepsParents
        self.marks = marks
        list = parent.columns.count
        columns = explosion.parentColumns.compactMap { name in
            parent.columns.firstIndex { $0.name == name }.map { (JSONValue.string(name).serialized(), $0) }
        }
    }

    /// Fills the window with the next documents, all of one file, which are still to be extracted; false behind the last one.
    func fill(_ window: inout RecordWindow) throws -> Bool {
        firstRecord += scopes.count
        window.clear()
        scopes.removeAll(keepingCapacity: true)
        problems.removeAll(keepingCapacity: true)
        var isMore = true
        enterFile()
        // A window of parents without items ends, too.
        let lastParent = parents + 4 * Self.windowDocuments
        while window.byteCount < Self.windowBytes, window.count < Self.windowDocuments, parents < lastParent {
            if let part = parts?.next() {
                append(part, to: &window)
            } else if current != nil {
                closeParent()
            } else if record < records.window.count {
                try open(record, &window)
                record += 1
            } else {
                isMore = try records.next()
                guard isMore else { break }
                record = 0
                guard window.count == 0 || records.fileNumber == fileNumber else { break }
                enterFile()
            }
        }
        return isMore || window.count > 0
    }

    private func enterFile() {
        guard records.fileNumber != fileNumber else { return }
        fileNumber = records.fileNumber
        firstRecord = 1
    }

    // MARK: Parents

    private func open(_ index: Int, _ window: inout RecordWindow) throws {
        defer { parents += 1 }
        guard case .accepted = reader.read(records.window, index), filter?.excludes(reader) != true else { return }
        var parent = Parent(
            scope: reader.keyHash(), order: [], ordinal: parents, first: documents)
        try parentKeys.add(KeyPrefix(parent.scope))
        reader.appendSortKey(to: &parent.order)
        let kind = records.window.kind(index, list)
        let cell = records.window.withCell(index, list) { [UInt8](copying: $0) }
        makeHead(of: index)
        (parts, position) = (nil, 0)
        // What is deleted has no items, whatever its last record still shows.
        switch (kind, explosion.pattern) {
        case _ where reader.isDelete: break
        case (.missing, _), (.null, _): break
        case (.array, .explode), (.object, .mapEntries): parts = JSONParts(cell)
        default:
            problems[window.count] = RecordProblem(
                column: explosion.pointer, reason: "\(kind.words), expected \(explosion.pattern.words)")
            beginDocument()
            document.append(contentsOf: #","value":"#.utf8)
            ItemReader.append(cell, of: kind, to: &document)
            endDocument(of: parent, to: &window)
        }
        current = parent
    }

    private func closeParent() {
        guard let parent = current else { return }
        current = nil
        guard keepsParents else { return }
        rows.beginRow(columns: 5)
        rows.append(uuid: parent.scope)
        rows.append(int64: Int64(parent.ordinal))
        if parent.order.isEmpty { rows.appendNull() } else { rows.append(bytea: parent.order.span) }
        rows.append(int64: Int64(parent.first))
        rows.append(int64: Int64(documents))
    }

    /// Rows of `ParentScopes.table`, as COPY takes them: whenever many have come together, and at last the others.
    func takeParents(isLast: Bool) -> [UInt8]? {
        guard isLast || rows.needsFlush else { return nil }
        rows.finish()
        let bytes = rows.takeBytes()
        rows = CopyBuffer()
        return bytes
    }

    private func makeHead(of index: Int) {
        head.removeAll(keepingCapacity: true)
        head.append(contentsOf: "{\"\(Explosion.parentMember)\":{".utf8)
        for (position, column) in columns.enumerated() {
            if position > 0 { head.append(UInt8(ascii: ",")) }
            head.append(contentsOf: column.name)
            head.append(UInt8(ascii: ":"))
            let kind = records.window.kind(index, column.index)
            let cell = records.window.withCell(index, column.index) { [UInt8](copying: $0) }
            ItemReader.append(cell, of: kind, to: &head)
        }
        head.append(UInt8(ascii: "}"))
    }

    /// Writes a cell as the JSON text that it was.
    private static func append(_ cell: [UInt8], of kind: CellKind, to text: inout [UInt8]) {
        switch kind {
        case .string: text.append(contentsOf: JSONValue.string(String(decoding: cell, as: UTF8.self)).serialized())
        case .missing, .null: text.append(contentsOf: "null".utf8)
        default: text.append(contentsOf: cell)
        }
    }

    // MARK: Items

    private func append(_ part: JSONParts.Part, to window: inout RecordWindow) {
        guard let parent = current, let text = parts?.bytes else { return }
        position += 1
        if let marks, !marks.isChanged(documents) {
            // It has its place all the same.
            return add(ItemReader.emptyObject, of: parent, to: &window)
        }
        beginDocument()
        document.append(contentsOf: ItemReader.positionHead)
        document.append(contentsOf: String(position).utf8)
        if let name = part.name {
            document.append(contentsOf: #","key":"#.utf8)
            document.append(contentsOf: text[name])
            document.append(contentsOf: #","value":"#.utf8)
            document.append(contentsOf: text[part.value])
        } else if text[part.value].first == UInt8(ascii: "{") {
            appendMembers(of: text[part.value])
        } else {
            document.append(contentsOf: #","value":"#.utf8)
            document.append(contentsOf: text[part.value])
        }
        endDocument(of: parent, to: &window)
    }

    private static let emptyObject = Array("{}".utf8)
    private static let positionHead = Array(",\"\(Explosion.positionMember)\":".utf8)

    /// The members of an element, but for those that have the names of ours.
    private func appendMembers(of element: ArraySlice<UInt8>) {
        let inner = element.dropFirst().dropLast()
        guard ItemReader.mayClash(inner) else {
            guard inner.contains(where: { $0 > 0x20 }) else { return }
            document.append(UInt8(ascii: ","))
            return document.append(contentsOf: inner)
        }
        var members = JSONParts(Array(element))
        while let member = members.next() {
            guard let name = member.name, !ItemReader.isOurs(members.bytes[name]) else { continue }
            document.append(UInt8(ascii: ","))
            document.append(contentsOf: members.bytes[name])
            document.append(UInt8(ascii: ":"))
            document.append(contentsOf: members.bytes[member.value])
        }
    }

    /// A name of ours may stand in the text: `_p`, or an escape that could hide it.
    private static func mayClash(_ text: ArraySlice<UInt8>) -> Bool {
        unsafe text.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            if unsafe memchr(start, Int32(UInt8(ascii: "\\")), bytes.count) != nil { return true }
            var at = 0
            while let found = unsafe memchr(start + at, Int32(UInt8(ascii: "_")), bytes.count - at) {
                at = unsafe start.distance(to: UnsafeRawPointer(found)) + 1
                if at < bytes.count, unsafe bytes[at] == UInt8(ascii: "p") { return true }
            }
            return false
        }
    }

    private static func isOurs(_ token: ArraySlice<UInt8>) -> Bool {
        // The record was read as JSON before; a token that is none has no name.
        guard case .string(let name)? = try? JSONReader.parse(Array(token)) else { return false }
        return [Explosion.parentMember, Explosion.positionMember].contains { $0.utf8.elementsEqual(name.utf8) }
    }

    private func beginDocument() {
        document.removeAll(keepingCapacity: true)
        document.append(contentsOf: head)
    }

    private func endDocument(of parent: Parent, to window: inout RecordWindow) {
        document.append(UInt8(ascii: "}"))
        add(document, of: parent, to: &window)
    }

    private func add(_ document: [UInt8], of parent: Parent, to window: inout RecordWindow) {
        window.append(document.span)
        scopes.append(parent.scope)
        documents += 1
    }
}

/// Why a document cannot be read although its text can.
struct RecordProblem {
    /// The column, or place, that it is about.
    var column: String?
    var reason: String
}

extension Explosion.Pattern {
    fileprivate var words: String { self == .explode ? "a list" : "an object" }
}

extension CellKind {
    fileprivate var words: String {
        switch self {
        case .missing: "nothing"
        case .null: "null"
        case .false, .true: "a truth value"
        case .number: "a number"
        case .string: "a string"
        case .object: "an object"
        case .array: "a list"
        }
    }
}

extension [UInt8] {
    init(copying span: Span<UInt8>) {
        self = span.withUnsafeBufferPointer { Array($0) }
    }
}
