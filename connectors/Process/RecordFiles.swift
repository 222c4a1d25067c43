import ConnectorKit
import Metadata
import Primitives

/// Turns a program's messages into raw files of JSON Lines: the records of one stream, as received.
struct RecordFiles {
    /// The last state that the program told; kept only with the batch.
    private(set) var state: [UInt8]?

    private let dialect: any ProcessDialect
    private let stream: String
    private let command: ProcessCommand
    /// The beginning of a line whose end has not come yet.
    private var pending: [UInt8] = []
    private var lineNumber = 0
    /// Records on their way into the open file.
    private var buffer: [UInt8] = []
    private var openBytes: Int?
    private var isDone = false
    private var wasAnnounced = false
    private var others: Set<String> = []

    init(_ dialect: any ProcessDialect, stream: String, command: ProcessCommand) {
        self.dialect = dialect
        self.stream = stream
        self.command = command
    }

    /// Takes what the program wrote; true once it said that it is done.
    mutating func take(
        _ event: ProcessCommand.Event, _ folder: WorkFolder, into writer: inout RawWriter
    ) throws -> Bool {
        switch event {
        case .output(let chunk):
            var start = 0
            while let end = chunk[start...].firstIndex(of: 0x0A) {
                try takeLine(chunk, start..<end, into: &writer)
                start = end + 1
            }
            pending += chunk[start...]
            guard pending.count <= command.lineBytes else { throw tooLong }
        case .ended:
            try takeLine([], 0..<0, into: &writer)
            guard isDone || !dialect.hasEndMark else {
                throw ConnectorError(
                    "it ended without {\"type\": \"done\"}, so nobody knows whether that was all", kind: .parse,
                    hint: "let it write done as its last line")
            }
        }
        return isDone
    }

    /// Closes the last file.
    /// - Throws: `ConnectorError` when the program never spoke of the stream that a full load is to bring.
    mutating func finish(_ request: ProcessRequest, into writer: inout RawWriter) throws {
        if dialect.announcesStreams, !wasAnnounced, request.window.loadType == .full {
            let names = others.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            throw command.named(
                ConnectorError(
                    "it never spoke of stream '\(stream)'"
                        + (names.isEmpty ? "" : ", but of \(names.joined(separator: ", "))"),
                    hint: "set source.stream, or connection.catalog to \"properties\" for a tap that ignores --catalog")
            )
        }
        try closeFile(of: &writer)
    }

    private mutating func takeLine(_ chunk: [UInt8], _ range: Range<Int>, into writer: inout RawWriter) throws {
        lineNumber += 1
        if pending.isEmpty {
            guard range.count <= command.lineBytes else { throw tooLong }
            return try takeMessage(chunk.span.extracting(range), into: &writer)
        }
        var line: [UInt8] = []
        swap(&line, &pending)
        line += chunk[range]
        guard line.count <= command.lineBytes else { throw tooLong }
        try takeMessage(line.span, into: &writer)
    }

    private mutating func takeMessage(_ line: Span<UInt8>, into writer: inout RawWriter) throws {
        guard (0..<line.count).contains(where: { line[$0] > 0x20 }) else { return }
        guard !isDone else {
            throw ConnectorError("line \(lineNumber) of its output follows its done", kind: .parse)
        }
        let message: ProcessMessage
        do {
            message = try dialect.message(in: line, stream: stream)
        } catch let error as ConnectorError {
            throw ConnectorError(
                "line \(lineNumber) of its output \(error.message)", kind: error.kind,
                hint: error.hint.isEmpty ? "let it write its messages only; nothing was kept" : error.hint)
        }
        switch message {
        case .record(let range):
            wasAnnounced = true
            try add(line.extracting(range), into: &writer)
        case .announcement: wasAnnounced = true
        case .other(let name): if others.count < 100 { others.insert(name) }
        case .state(let value): state = value
        case .files(let paths):
            wasAnnounced = true
            try closeFile(of: &writer)
            for path in paths { try SourceFile(path: path, name: path).land(into: &writer) }
        case .log(let level, let text): command.log(level, text)
        case .failure(let error): throw error
        case .done: isDone = true
        case .nothing: break
        }
    }

    private mutating func add(_ record: Span<UInt8>, into writer: inout RawWriter) throws {
        if let bytes = openBytes, bytes + record.count >= command.fileBytes { try closeFile(of: &writer) }
        if openBytes == nil {
            try writer.open()
            openBytes = 0
        }
        buffer.append(bytes: record)
        buffer.append(0x0A)
        openBytes = (openBytes ?? 0) + record.count + 1
        if buffer.count >= 256 << 10 { try flush(to: &writer) }
    }

    private mutating func flush(to writer: inout RawWriter) throws {
        try writer.append(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func closeFile(of writer: inout RawWriter) throws {
        guard openBytes != nil else { return }
        try flush(to: &writer)
        try writer.close()
        openBytes = nil
    }

    private var tooLong: ConnectorError {
        ConnectorError(
            "line \(lineNumber + 1) of its output is longer than \(command.lineBytes >> 20) MB", kind: .parse,
            hint: "raise connection.max_line_mb")
    }
}
