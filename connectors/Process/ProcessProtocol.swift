import ConnectorKit
import JSON
import Logging

/// How a program speaks. Every program gets `config.json` in its working folder, and nothing secret in its arguments.
///
/// - plain: standard output is the payload; exit code 0 is its end.
/// - singer: `--config config.json --catalog catalog.json [--state state.json]`, where the catalog is what `--discover`
///   gave with one stream selected; SCHEMA, RECORD, STATE, ACTIVATE_VERSION and BATCH (files of JSON Lines).
///   Source: <https://github.com/singer-io/getting-started/blob/master/docs/SPEC.md>.
/// - airbyte: `spec`, `check`, `discover`, then `read --config config.json --catalog catalog.json [--state state.json]`;
///   RECORD, STATE, TRACE, CONTROL and LOG. Source: <https://docs.airbyte.com/understanding-airbyte/airbyte-protocol>.
/// - jsonl: our own, small enough for a shell script; see `JSONLinesDialect`.
enum ProcessProtocol: String, Decodable, Sendable, CaseIterable {
    case plain, singer, airbyte, jsonl

    /// How its messages are read; nil where there are none.
    func dialect(_ catalog: CatalogUse) -> (any ProcessDialect)? {
        switch self {
        case .plain: nil
        case .singer: SingerDialect(use: catalog)
        case .airbyte: AirbyteDialect()
        case .jsonl: JSONLinesDialect()
        }
    }
}

/// What a Singer tap does with a catalog.
enum CatalogUse: String, Decodable, Sendable, CaseIterable {
    /// It tells one and takes it back by `--catalog`.
    case discover
    /// It tells one and takes it back by `--properties`, as old taps do.
    case properties
    /// It knows none.
    case none
}

/// One protocol of messages, a JSON object a line.
protocol ProcessDialect: Sendable {
    /// True where a message says that all is said; without it the exit code does.
    var hasEndMark: Bool { get }
    /// True where a stream is announced before its records, and also when it has none.
    var announcesStreams: Bool { get }

    /// Asks the program what it is and what it has.
    func catalog(
        _ command: ProcessCommand, _ settings: ProcessSettings, in folder: WorkFolder
    ) async throws -> ProcessCatalog

    /// Writes the files of one landing; returns the arguments that go with them.
    func prepare(_ request: ProcessRequest, _ catalog: ProcessCatalog, in folder: WorkFolder) throws -> [String]

    /// What a line says; ranges are those of the line.
    /// - Throws: `ConnectorError` when it is no message.
    func message(in line: Span<UInt8>, stream: String) throws -> ProcessMessage
}

/// What one line of a program's output says.
enum ProcessMessage {
    /// A record of the wanted stream.
    case record(Range<Int>)
    /// The wanted stream was spoken of.
    case announcement
    /// Something about another stream.
    case other(String)
    /// Where to go on next time.
    case state([UInt8])
    /// Files with records of the wanted stream.
    case files([String])
    /// A line for our log.
    case log(Logger.Level, String)
    /// The program gave up.
    case failure(ConnectorError)
    /// The program is done.
    case done
    /// Nothing that matters here.
    case nothing
}

/// The streams that a program offers; nil where it was not asked or did not say.
struct ProcessCatalog: Sendable {
    var streams: [JSONValue]?

    /// The place of the stream of that name, which stands in one of these members.
    func index(of name: String, in members: [String]) throws -> Int? {
        guard let streams else { return nil }
        let found = streams.firstIndex { stream in
            members.contains { stream[$0]?.stringValue?.utf8.elementsEqual(name.utf8) == true }
        }
        if let found { return found }
        let known = streams.compactMap { stream in members.lazy.compactMap { stream[$0]?.stringValue }.first }
        throw unknownStream(name, known: known)
    }
}

/// The failure of a wanted stream that the program does not have.
func unknownStream(_ name: String, known: [String]) -> ConnectorError {
    let names = known.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let hint =
        names.isEmpty
        ? "it has none"
        : "it has " + names.prefix(8).joined(separator: ", ")
            + (names.count > 8 ? " and \(names.count - 8) more" : "") + "; set source.stream"
    return ConnectorError("it has no stream '\(name)'", hint: hint)
}

extension ProcessCommand {
    /// Runs the program for a short answer and returns the whole of it.
    func answer(_ arguments: [String], in folder: WorkFolder) async throws -> [UInt8] {
        var answer: [UInt8] = []
        try await run(arguments, in: folder) { event in
            guard case .output(let bytes) = event else { return true }
            guard answer.count + bytes.count <= Self.answerBytes else {
                throw ConnectorError("its answer to \(arguments.first ?? "") is longer than 64 MB", kind: .parse)
            }
            answer += bytes
            return false
        }
        return answer
    }

    /// Runs the program for an answer of a few messages.
    /// - Throws: `ConnectorError` when a line is no message, or says that the program failed.
    func messages(
        _ dialect: some ProcessDialect, _ arguments: [String], in folder: WorkFolder
    ) async throws -> [JSONValue] {
        var messages: [JSONValue] = []
        var isDone = false
        for (index, line) in try await answer(arguments, in: folder).split(separator: 0x0A).enumerated() {
            let bytes = Array(line)
            do {
                switch try dialect.message(in: bytes.span, stream: "") {
                case .log(let level, let text): log(level, text)
                case .failure(let error): throw error
                case .done: isDone = true
                default: messages.append(try JSONReader.parse(bytes))
                }
            } catch let error as ConnectorError {
                throw named(error)
            } catch {
                throw named(
                    ConnectorError("line \(index + 1) of its answer to \(arguments[0]): \(error)", kind: .parse))
            }
        }
        guard isDone || !dialect.hasEndMark else {
            throw named(ConnectorError("its answer to \(arguments[0]) ended without done", kind: .parse))
        }
        return messages
    }

    /// The error with the program's name before it, secrets masked.
    func named(_ error: ConnectorError) -> ConnectorError {
        ConnectorError(
            mask.mask("\(title): \(error.message)").inOneLine, kind: error.kind, hint: mask.mask(error.hint).inOneLine,
            isTransient: error.isTransient)
    }

    /// Logs what the program said for our log.
    func log(_ level: Logger.Level, _ text: String) {
        logger.log(level: level, "a program said", metadata: ["program.log": "\(mask.mask(text).inOneLine)"])
    }

    private static let answerBytes = 64 << 20
}
