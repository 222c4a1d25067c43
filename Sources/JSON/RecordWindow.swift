internal import CSimdJSON

/// What stands at a wanted path of a record.
public enum CellKind: UInt8, Sendable {
    /// Nothing.
    case missing
    /// `null`.
    case null
    /// `false`.
    case `false`
    /// `true`.
    case `true`
    /// A number; the cell is its text as written.
    case number
    /// A string; the cell is its content, unescaped.
    case string
    /// An object; the cell is its JSON text as written.
    case object
    /// An array; the cell is its JSON text as written.
    case array
}

/// Whether a record can become a document.
public enum RecordState: UInt8, Sendable {
    /// It can.
    case valid
    /// No JSON text.
    case malformed
    /// A scalar, null or an array.
    case notAnObject
    /// U+0000 in a string or name: PostgreSQL has no place for it.
    case nul
    /// Half of a surrogate pair.
    case loneSurrogate
    /// A number beyond the range of a double, or one of over 100,000 digits.
    case number
    /// Nesting above 128.
    case tooDeep
    /// Bytes that are not UTF-8.
    case notUTF8
    /// A wanted name occurs twice.
    case duplicateName

    /// Why the record is rejected, for people.
    public var reason: String {
        switch self {
        case .valid: "valid"
        case .malformed: "not a JSON text"
        case .notAnObject: "not a JSON object"
        case .nul: "a string contains U+0000"
        case .loneSurrogate: "a string contains half of a surrogate pair"
        case .number: "a number is out of range"
        case .tooDeep: "nesting is deeper than 128"
        case .notUTF8: "not UTF-8"
        case .duplicateName: "a name occurs twice"
        }
    }
}

/// A window of whole records and the cells of their wanted paths, filled again and again.
///
/// Either `push` the chunks of a text and let the window find the records, or `append` records one by one; then read
/// `count` records and their cells, and go on. Memory is bounded by a chunk and the largest record.
@safe public struct RecordWindow: ~Copyable {
    /// Records above this size (bytes) make the text unreadable rather than memory unbounded.
    public static let largestRecord = 256 << 20

    private let scanner: OpaquePointer
    private let extractor: OpaquePointer
    private let format: RecordFormat
    private let columns: Int
    private let stopsEarly: Bool
    /// For each wanted path the first one that is equal to it.
    private var slots: [Int] = []

    private var bytes: [UInt8]
    private var used = 0
    private var scanned = 0
    private var base = 0
    private var records: [medallion_record] = []
    private var cells: [medallion_cell] = []
    private var states: [UInt8] = []
    private var wanted: [UInt8] = []

    /// Records that may be read now.
    public private(set) var count = 0

    /// A window over texts of `format` that wants the values at `paths` (member names from the record's root).
    /// - Parameter stopsEarly: Read a record only until each path was seen; what stands behind is not checked.
    public init(_ format: RecordFormat, paths: [[String]], stopsEarly: Bool = false) {
        unsafe scanner = makeScanner(format)
        guard let made = unsafe medallion_extractor_new() else { preconditionFailure("no memory for an extractor") }
        unsafe extractor = made
        self.format = format
        self.stopsEarly = stopsEarly
        columns = paths.count
        for (index, path) in paths.enumerated() {
            unsafe withPaths(path) { unsafe medallion_extractor_add(made, $0, $1, $2) }
            slots.append(paths.firstIndex(of: path) ?? index)
        }
        bytes = [UInt8](repeating: 0, count: 64 << 10)
    }

    deinit {
        unsafe medallion_scanner_free(scanner)
        unsafe medallion_extractor_free(extractor)
    }

    /// Goes on with the next bytes of the text; the records that they complete can be read until the next call.
    /// - Parameter extracts: False where `extract` follows.
    /// - Throws: `RecordScanError` with the offset from the text's start.
    public mutating func push(_ chunk: Span<UInt8>, extracts: Bool = true) throws {
        dropConsumed()
        if used + chunk.count > RecordWindow.largestRecord { throw tooLarge() }
        add(chunk)
        var error: Int32 = 0
        while scanned < used {
            records.grow(to: count + 1024, filler: medallion_record())
            var stopped = 0
            count += unsafe bytes.withUnsafeBufferPointer { window in
                unsafe records.withUnsafeMutableBufferPointer { places in
                    unsafe medallion_scan(
                        scanner, window.baseAddress, scanned, used, places.baseAddress.map { unsafe $0 + count },
                        places.count - count, &stopped, &error)
                }
            }
            scanned = stopped
            if error != 0 { throw RecordScanError(code: error, offset: base + scanned, path: format.path) }
        }
        if extracts { extract() }
    }

    /// The text ended; a last record may be read now. The next `push` begins another text.
    /// - Parameter extracts: False where `extract` follows.
    public mutating func finish(extracts: Bool = true) throws {
        dropConsumed()
        records.grow(to: 1, filler: medallion_record())
        var error: Int32 = 0
        count = unsafe bytes.withUnsafeBufferPointer { window in
            unsafe records.withUnsafeMutableBufferPointer { places in
                unsafe medallion_scan_finish(scanner, window.baseAddress, used, places.baseAddress, &error)
            }
        }
        let end = base + used
        unsafe medallion_scanner_reset(scanner)
        if extracts { extract() }
        scanned = used
        if error != 0 { throw RecordScanError(code: error, offset: end, path: format.path) }
    }

    /// Adds one whole record; call `extract` before reading.
    public mutating func append(_ record: Span<UInt8>) {
        records.grow(to: count + 1, filler: medallion_record())
        records[count] = medallion_record(start: UInt32(used), length: UInt32(record.count))
        add(record)
        count += 1
        scanned = used
    }

    /// Bytes held by the records that were appended.
    public var byteCount: Int { used }

    /// Makes the records at hand readable.
    /// - Parameter isWanted: Leaves out the records for which it is false: only their bytes may be read then.
    public mutating func extract(where isWanted: ((Int) -> Bool)? = nil) {
        cells.grow(to: count * columns, filler: medallion_cell())
        states.grow(to: count, filler: 0)
        if let isWanted {
            var isAny = false
            wanted.grow(to: count, filler: 0)
            for record in 0..<count {
                let isOne = isWanted(record)
                wanted[record] = isOne ? 1 : 0
                isAny = isAny || isOne
            }
            guard isAny else { return }
        }
        unsafe bytes.withUnsafeBufferPointer { window in
            unsafe wanted.withUnsafeBufferPointer { wanted in
                unsafe medallion_extract(
                    extractor, window.baseAddress, &records, count,
                    isWanted == nil ? nil : wanted.baseAddress, stopsEarly ? 1 : 0, &cells, &states)
            }
        }
    }

    /// Forgets every record, and the text at hand.
    public mutating func clear() {
        (used, scanned, base, count) = (0, 0, 0, 0)
        unsafe medallion_scanner_reset(scanner)
    }

    /// Whether the record can become a document.
    public func state(_ record: Int) -> RecordState {
        precondition(record < count)
        return RecordState(rawValue: states[record] & ~Self.oddNumber) ?? .malformed
    }

    /// True where a number at a wanted path is written with an exponent, or begins with `-0`: jsonb would show it in another
    /// notation.
    public func hasOddNumber(_ record: Int) -> Bool {
        precondition(record < count)
        return states[record] & Self.oddNumber != 0
    }

    private static let oddNumber = UInt8(MEDALLION_RECORD_ODD_NUMBER)

    /// Lends the record's bytes as received.
    public func withRecord<R>(_ record: Int, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        precondition(record < count)
        let place = records[record]
        return try body(bytes.span.extracting(Int(place.start)..<Int(place.start) + Int(place.length)))
    }

    /// Lends a valid record's text with its members in the order in which PostgreSQL's jsonb keeps them, which spares the
    /// server the sorting; the value is the same. Lends it as received where that cannot be told.
    public func withSortedRecord<R>(_ record: Int, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        precondition(record < count)
        var length = 0
        let sorted = unsafe bytes.withUnsafeBufferPointer { window in
            unsafe medallion_sorted_record(extractor, window.baseAddress, record, &length)
        }
        guard let sorted = unsafe sorted else { return try withRecord(record, body) }
        let buffer = unsafe UnsafeBufferPointer(start: sorted, count: length)
        return try body(unsafe buffer.span)
    }

    /// What stands at the wanted path `column` of the record.
    public func kind(_ record: Int, _ column: Int) -> CellKind {
        precondition(record < count)
        return CellKind(rawValue: cells[record * columns + slots[column]].kind) ?? .missing
    }

    /// Lends the cell's bytes: see `CellKind` for what they are.
    public func withCell<R>(_ record: Int, _ column: Int, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        try withCell(record, column) { _, cell in try body(cell) }
    }

    /// Lends the cell's bytes together with what they are.
    public func withCell<R>(
        _ record: Int, _ column: Int, _ body: (CellKind, Span<UInt8>) throws -> R
    ) rethrows -> R {
        precondition(record < count)
        let cell = cells[record * columns + slots[column]]
        let kind = CellKind(rawValue: cell.kind) ?? .missing
        let place = Int(cell.offset)..<Int(cell.offset) + Int(cell.length)
        if cell.in_arena == 0 { return try body(kind, bytes.span.extracting(place)) }
        var length = 0
        let arena = unsafe medallion_arena(extractor, &length)
        let buffer = unsafe UnsafeBufferPointer(start: arena, count: length)
        return try body(kind, unsafe buffer.span.extracting(place))
    }

    /// Names of top-level members that no path wants, at most 100, since the window was made.
    public var unknownNames: [String] {
        (0..<(unsafe medallion_unknown_count(extractor))).map { index in
            var length = 0
            let name = unsafe medallion_unknown_name(extractor, index, &length)
            return unsafe String(decoding: UnsafeBufferPointer(start: name, count: length), as: UTF8.self)
        }
    }

    /// Moves the unfinished record to the window's start.
    private mutating func dropConsumed() {
        count = 0
        let keep = unsafe medallion_scanner_keep(scanner, scanned)
        guard keep > 0 else { return }
        bytes.withContiguousMove(from: keep, to: used)
        unsafe medallion_scanner_shift(scanner, keep)
        used -= keep
        scanned -= keep
        base += keep
    }

    private mutating func add(_ chunk: Span<UInt8>) {
        bytes.grow(to: used + chunk.count, filler: 0)
        unsafe bytes.withUnsafeMutableBufferPointer { window in
            unsafe chunk.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress, let to = window.baseAddress else { return }
                unsafe (to + used).update(from: from, count: source.count)
            }
        }
        used += chunk.count
    }

    private func tooLarge() -> RecordScanError {
        RecordScanError(message: "a record at byte \(base) is larger than \(RecordWindow.largestRecord >> 20) MiB")
    }
}

extension Array {
    /// Makes the array at least `size` long; it never shrinks.
    fileprivate mutating func grow(to size: Int, filler: Element) {
        if count < size { append(contentsOf: repeatElement(filler, count: Swift.max(size, count * 2) - count)) }
    }
}

extension [UInt8] {
    /// Moves the bytes [from, to) to the array's start; its size stays.
    fileprivate mutating func withContiguousMove(from: Int, to: Int) {
        unsafe withUnsafeMutableBufferPointer { window in
            guard let start = window.baseAddress, from < to else { return }
            unsafe start.update(from: start + from, count: to - from)
        }
    }
}
