/// Reads CSV (RFC 4180) as it streams in, split anywhere, and gives each row as a JSON object of strings.
///
/// Cells are separated by commas and may be quoted; a quote within quotes is doubled. Lines end with LF, CR LF or CR.
/// The first line holds the names. A `CSVDialect` says where a text does it otherwise. A leading byte order mark and empty lines are skipped. A row with more or fewer
/// cells than the header, with a quote where none may stand or with invalid UTF-8 is bad; the rows behind it are not.
/// A quote that is never closed is an error, because it swallowed the rest of the file.
public struct CSVScanner {
    private enum State {
        /// Before the first byte; the number of bytes of the byte order mark seen.
        case mark(Int)
        /// In lines before the header; so many are left.
        case skipping(Int)
        /// In a line that is a comment.
        case comment
        case rowStart
        case cellStart
        case unquoted
        case quoted
        /// Behind a quote within a quoted cell: either its end, or the first of two.
        case quoteInQuoted
    }

    private var state = State.mark(0)
    private var isAfterCarriageReturn = false
    private var line = 1
    private var rowLine = 1
    private var number = 0
    private var cell = 0
    /// Where the present header name starts within `row`.
    private var nameStart = 0
    /// True once the first line is read.
    public private(set) var hasHeader = false
    /// OR of all content bytes of the row: its high bit tells of anything that is not ASCII.
    private var seen: UInt8 = 0
    private var problem: String?
    private var row: [UInt8] = []
    /// What stands before each cell: `{"name":"` and so on, and the same without the last quote for null.
    private var openings: [[UInt8]] = []
    private let maximumRowBytes: Int
    private let dialect: CSVDialect
    private let delimiter: UInt8
    /// 0xFF, which is no character, where there is none.
    private let quote: UInt8
    private let commentMark: UInt8?
    /// As they stand in `row`.
    private let nullTexts: [[UInt8]]
    /// Where the present cell and its content start within `row`.
    private var cellStart = (opening: 0, content: 0)
    private var isQuoted = false

    /// The names of the first line, in its order; empty until it is read.
    public private(set) var header: [String] = []
    /// Rows seen so far, bad ones included.
    public var records: Int { number }

    /// A scanner at the start of a text. A row whose JSON object takes more than `maximumRowBytes` is an error.
    public init(maximumRowBytes: Int = 16 << 20, dialect: CSVDialect = CSVDialect()) {
        self.maximumRowBytes = maximumRowBytes
        self.dialect = dialect
        delimiter = dialect.delimiter.utf8.first ?? .comma
        quote = dialect.quote.utf8.first ?? 0xFF
        commentMark = dialect.comment?.utf8.first
        nullTexts = dialect.nullTexts.map { text in
            var bytes: [UInt8] = []
            for byte in text.utf8 { appendJSONEscaped(byte, to: &bytes) }
            return bytes
        }
        row.reserveCapacity(4096)
    }

    /// Goes on with the next bytes and lends every row that they complete.
    /// - Throws: `ConnectorError` of kind parse naming the line, or whatever `emit` throws.
    public mutating func feed(_ chunk: Span<UInt8>, _ emit: (_ record: ConvertedRecord) throws -> Void) throws {
        var position = 0
        while position < chunk.count {
            switch state {
            case .mark(let length): skipMark(chunk[position], length, &position)
            case .skipping, .comment: skipLine(chunk[position], &position)
            case .rowStart: try startRow(chunk[position], &position)
            case .cellStart: try startCell(chunk[position], &position, emit)
            case .unquoted: try scanUnquoted(chunk, &position, emit)
            case .quoted: try scanQuoted(chunk, &position)
            case .quoteInQuoted: try endQuotes(chunk[position], &position, emit)
            }
        }
    }

    /// Says that no more bytes will come and lends the last row, if it had no line end.
    /// - Throws: `ConnectorError` of kind parse for a quote that is never closed and for a text without a header.
    public mutating func finish(_ emit: (_ record: ConvertedRecord) throws -> Void) throws {
        switch state {
        case .mark(let length):
            // A part of a byte order mark is no text.
            if length > 0 { throw failure("the header is not UTF-8") }
        case .rowStart, .skipping, .comment: break
        case .cellStart, .unquoted, .quoteInQuoted:
            endCell()
            try endRow(emit)
        case .quoted:
            line = rowLine
            throw failure("a quoted cell of the row that begins here is never closed", hint: "add the missing quote")
        }
        guard hasHeader || dialect.names != nil else {
            throw failure("there is no header", hint: "the first line must name the columns")
        }
        state = .rowStart
    }
}

// MARK: The parser's steps; each moves `position` forwards or changes the state.
extension CSVScanner {
    private mutating func skipMark(_ byte: UInt8, _ length: Int, _ position: inout Int) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if byte == mark[length] {
            position += 1
            state = length == 2 ? textStart : .mark(length + 1)
        } else {
            state = textStart
            // The beginning of a mark that is none belongs to the first name, which it makes invalid UTF-8.
            if length > 0, case .rowStart = state {
                beginCell()
                row += mark[..<length]
                seen = 0x80
                state = .unquoted
            }
        }
    }

    private var textStart: State { dialect.skippedLines > 0 ? .skipping(dialect.skippedLines) : .rowStart }

    /// Moves on in a line that holds no row.
    private mutating func skipLine(_ byte: UInt8, _ position: inout Int) {
        position += 1
        let isEnd = byte == .carriageReturn || byte == .lineFeed && !isAfterCarriageReturn
        isAfterCarriageReturn = byte == .carriageReturn
        guard isEnd else { return }
        line += 1
        if case .skipping(let left) = state, left > 1 { state = .skipping(left - 1) } else { state = .rowStart }
    }

    private mutating func startRow(_ byte: UInt8, _ position: inout Int) throws {
        if !hasHeader, let names = dialect.names {
            header = names
            try endHeader()
        }
        switch byte {
        case .lineFeed:
            if !isAfterCarriageReturn { line += 1 }
            isAfterCarriageReturn = false
            position += 1
        case .carriageReturn:
            line += 1
            isAfterCarriageReturn = true
            position += 1
        default:
            isAfterCarriageReturn = false
            rowLine = line
            state = byte == commentMark ? .comment : .cellStart
        }
    }

    private mutating func startCell(_ byte: UInt8, _ position: inout Int, _ emit: (ConvertedRecord) throws -> Void)
        throws
    {
        switch byte {
        case quote where quote != 0xFF:
            beginCell()
            isQuoted = true
            state = .quoted
            position += 1
        case delimiter, .lineFeed, .carriageReturn:
            try endCell(at: byte, emit)
            position += 1
        default:
            beginCell()
            state = .unquoted
        }
    }

    private mutating func scanUnquoted(
        _ chunk: Span<UInt8>, _ position: inout Int, _ emit: (ConvertedRecord) throws -> Void
    ) throws {
        let start = position
        while position < chunk.count {
            let byte = chunk[position]
            guard byte >= 0x20, byte != delimiter, byte != quote, byte != .backslash, byte != .quote else { break }
            seen |= byte
            position += 1
        }
        try append(chunk, start..<position)
        guard position < chunk.count else { return }
        let byte = chunk[position]
        position += 1
        switch byte {
        case delimiter, .lineFeed, .carriageReturn: try endCell(at: byte, emit)
        case quote where quote != 0xFF:
            complain("a quote within a cell that does not begin with one")
            append(escaped: byte)
        default:
            seen |= byte
            append(escaped: byte)
        }
    }

    private mutating func scanQuoted(_ chunk: Span<UInt8>, _ position: inout Int) throws {
        let start = position
        while position < chunk.count {
            let byte = chunk[position]
            guard byte >= 0x20, byte != quote, byte != .backslash, byte != .quote else { break }
            seen |= byte
            position += 1
        }
        try append(chunk, start..<position)
        guard position < chunk.count else { return }
        let byte = chunk[position]
        position += 1
        if byte == quote {
            state = .quoteInQuoted
        } else {
            if byte == .lineFeed { line += 1 }
            append(escaped: byte)
        }
    }

    private mutating func endQuotes(_ byte: UInt8, _ position: inout Int, _ emit: (ConvertedRecord) throws -> Void)
        throws
    {
        switch byte {
        case quote:
            append(escaped: byte)
            state = .quoted
            position += 1
        case delimiter, .lineFeed, .carriageReturn:
            try endCell(at: byte, emit)
            position += 1
        default:
            complain("text behind a closing quote")
            state = .unquoted
        }
    }
}

// MARK: Cells and rows
extension CSVScanner {
    private mutating func beginCell() {
        isQuoted = false
        cellStart.opening = row.count
        if !hasHeader {
            nameStart = row.count
        } else if cell < openings.count {
            row.append(contentsOf: openings[cell])
        }
        cellStart.content = row.count
    }

    /// True where the present cell is one of the texts that stand for NULL; what it left in the row is taken back.
    private mutating func takeNullText() -> Bool {
        guard !nullTexts.isEmpty, hasHeader, !isQuoted,
            nullTexts.contains(where: { row[cellStart.content...].elementsEqual($0) })
        else { return false }
        row.removeSubrange(cellStart.opening...)
        return true
    }

    /// Ends the present cell at the byte behind it, and the row with it unless that is a delimiter.
    private mutating func endCell(at byte: UInt8, _ emit: (ConvertedRecord) throws -> Void) throws {
        endCell()
        guard byte != delimiter else {
            state = .cellStart
            return
        }
        try endRow(emit)
        line += 1
        isAfterCarriageReturn = byte == .carriageReturn
        state = .rowStart
    }

    private mutating func endCell() {
        let isEmpty = if case .cellStart = state { true } else { false }
        let isNull = isEmpty || takeNullText()
        if !hasHeader {
            if isNull { nameStart = row.count }
            header.append(String(decoding: row[nameStart...], as: UTF8.self))
        } else if cell < openings.count {
            if isNull {
                row.append(contentsOf: openings[cell].dropLast())
                row.append(contentsOf: "null".utf8)
            } else {
                row.append(.quote)
            }
        }
        cell += 1
    }

    private mutating func endRow(_ emit: (ConvertedRecord) throws -> Void) throws {
        if hasHeader {
            number += 1
            if cell != openings.count {
                complain("\(cell) cell\(cell == 1 ? "" : "s") where the header has \(openings.count)")
            }
            if seen >= 0x80, !isUTF8 { complain("invalid UTF-8") }
            if problem == nil { row.append(UInt8(ascii: "}")) } else { row.removeAll(keepingCapacity: true) }
            try emit(ConvertedRecord(number: number, line: rowLine, document: row, problem: problem))
        } else {
            try endHeader()
        }
        row.removeAll(keepingCapacity: true)
        (cell, seen, problem) = (0, 0, nil)
    }

    private mutating func endHeader() throws {
        line = rowLine
        let encoding = "save the file as UTF-8"
        if let problem { throw failure("the header has \(problem)") }
        if seen >= 0x80, !isUTF8 { throw failure("the header is not UTF-8", hint: encoding) }
        if row.contains(0) { throw failure("the header holds NUL characters", hint: encoding) }
        for (place, name) in header.enumerated() {
            if name.isEmpty {
                throw failure("column \(place + 1) of the header has no name", hint: "name every column")
            }
            if let first = header[..<place].firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) {
                throw failure(
                    "columns \(first + 1) and \(place + 1) of the header are both called '\(name)'",
                    hint: "give every column a name of its own")
            }
        }
        for (place, name) in header.enumerated() {
            var opening: [UInt8] = [place == 0 ? UInt8(ascii: "{") : .comma]
            appendJSONString(name.utf8, to: &opening)
            openings.append(opening + [UInt8(ascii: ":"), .quote])
        }
        hasHeader = true
    }

    /// The row's JSON is UTF-8 exactly when its cells are: all that was added is ASCII or came from the header.
    private var isUTF8: Bool {
        do {
            _ = try UTF8Span(validating: row.span)
            return true
        } catch {
            return false
        }
    }

    private mutating func append(_ chunk: Span<UInt8>, _ range: Range<Int>) throws {
        guard !range.isEmpty else { return }
        row.append(addingCapacity: range.count) { output in
            for position in range { output.append(chunk[position]) }
        }
        guard row.count <= maximumRowBytes else {
            line = rowLine
            throw failure(
                "the row that begins here is longer than \(maximumRowBytes) bytes", hint: "look for a missing quote")
        }
    }

    private mutating func append(escaped byte: UInt8) {
        if hasHeader { appendJSONEscaped(byte, to: &row) } else { row.append(byte) }
    }

    private mutating func complain(_ text: String) {
        if problem == nil { problem = text }
    }

    private func failure(_ message: String, hint: String = "") -> ConnectorError {
        ConnectorError("line \(line): \(message)", kind: .parse, hint: hint)
    }
}
