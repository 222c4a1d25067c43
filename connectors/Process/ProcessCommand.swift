import ConnectorKit
import Foundation
import Glibc
import Logging
import Programs

/// The program of a system, resolved, and the limits within which it runs.
struct ProcessCommand: Sendable {
    /// What it writes, bit by bit.
    enum Event {
        case output([UInt8])
        case ended
    }

    /// The program as people know it, for errors.
    let title: String
    /// Behind the program's name.
    var arguments: [String]
    let mask: SecretMask
    let logger: Logger
    let lineBytes: Int
    let fileBytes: Int
    private let path: String
    private let environment: [String: String]
    private let timeout: Duration
    private let memoryBytes: Int?
    private let outputBytes: Int

    /// Time between SIGTERM and SIGKILL.
    private static let grace = Duration.seconds(3)
    /// Time that a program may take to end after it said that it is done.
    private static let farewell = Duration.seconds(10)

    init(_ configuration: ProcessConnector.Configuration, context: ConnectorContext, mask: SecretMask) throws {
        guard let program = configuration.command.first, !program.isEmpty else {
            throw ConnectorError("connection.command is empty", hint: "name the program: [\"bin/tap\", …]")
        }
        title = "program '\(program)'"
        arguments = Array(configuration.command.dropFirst())
        self.mask = mask
        logger = context.logger
        lineBytes = configuration.maxLineMb << 20
        fileBytes = configuration.fileMb << 20
        timeout = .seconds(configuration.timeoutS)
        memoryBytes = configuration.memoryMb.map { $0 << 20 }
        outputBytes = configuration.maxOutputMb << 20
        var environment: [String: String] = [:]
        for (name, text) in configuration.env {
            guard !name.isEmpty, !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") }) else {
                throw ConnectorError("connection.env: '\(name)' is no name of a variable")
            }
            environment[name] = try Self.expand(text, "connection.env.\(name)", context)
        }
        let fallback = "/usr/local/bin:/usr/bin:/bin"
        environment["PATH"] = environment["PATH"] ?? context.environment["PATH"] ?? fallback
        environment["LANG"] = environment["LANG"] ?? context.environment["LANG"] ?? "C.UTF-8"
        self.environment = environment
        path = try Self.find(program, environment["PATH"] ?? fallback, context)
    }

    private static func expand(_ text: String, _ place: String, _ context: ConnectorContext) throws -> String {
        guard text.contains("${") else { return text }
        do {
            return try FolderPath.expandVariables(text, context.environment)
        } catch {
            throw ConnectorError("\(place) '\(text)' \(error.reason)", hint: error.hint)
        }
    }

    private static func find(_ program: String, _ search: String, _ context: ConnectorContext) throws -> String {
        if program.contains("/") || program.contains("$") {
            do {
                return try FolderPath(program, environment: context.environment).absolute(from: context.projectFolder)
            } catch {
                throw ConnectorError("connection.command '\(program)' \(error.reason)", hint: error.hint)
            }
        }
        for folder in search.split(separator: ":") where folder.hasPrefix("/") {
            let path = "\(folder)/\(program)"
            if access(path, X_OK) == 0 { return path }
        }
        // It may be there when it is needed; `run` says then that it is not.
        return program
    }

    /// What was asked, for the manifest.
    func noted(_ speech: ProcessProtocol, _ more: [String]) -> String {
        let words = [path] + arguments + more
        return mask.mask("process \(speech.rawValue): " + words.map(\.inOneLine).joined(separator: " "))
    }

    /// Runs the program to its end and lends what it writes; `body` returns true when it said that it is done.
    /// - Throws: `ConnectorError` with the program's last words; `CancellationError`.
    func run(_ more: [String], in folder: WorkFolder, _ body: (Event) throws -> Bool) async throws {
        guard path.hasPrefix("/") else {
            throw ConnectorError(
                "\(title): no such program in PATH", hint: "install it, or write its path into connection.command")
        }
        let program: RunningProgram
        do {
            program = try RunningProgram(
                ProgramStart(
                    path: path, arguments: [path] + arguments + more,
                    environment: environment.merging(["HOME": folder.path]) { $1 }, folder: folder.path,
                    memoryBytes: memoryBytes))
        } catch {
            throw ConnectorError("\(title): \(error)", hint: "check connection.command")
        }
        var words = LastWords(mask: mask)
        do {
            try await follow(program, &words, body)
        } catch let error as ConnectorError {
            let last = await program.end(grace: Self.grace)
            words.add(last.complaint, logger)
            throw explained(error, words)
        } catch {
            _ = await program.end(grace: Self.grace)
            throw error
        }
        let last = await program.end(grace: .zero)
        words.add(last.complaint, logger)
        switch last.end {
        case .code(0): break
        case .code(let code):
            let hint = words.text == nil ? "it said nothing on its standard error: call connection.command by hand" : ""
            throw explained(ConnectorError("it ended with exit code \(code)", hint: hint), words)
        case .signal(let number):
            let hint = number == SIGKILL || number == SIGSEGV || number == SIGABRT ? "check connection.memory_mb" : ""
            throw explained(
                ConnectorError("it was ended by signal \(number)", hint: memoryBytes == nil ? "" : hint), words)
        }
        do {
            _ = try body(.ended)
        } catch let error as ConnectorError {
            throw explained(error, words)
        }
    }

    private func follow(
        _ program: RunningProgram, _ words: inout LastWords, _ body: (Event) throws -> Bool
    ) async throws {
        var deadline = ContinuousClock.now + timeout
        var isDone = false
        var bytes = 0
        while true {
            switch try await program.next(before: deadline) {
            case .output(let chunk):
                bytes += chunk.count
                guard bytes <= outputBytes else {
                    throw ConnectorError(
                        "it wrote more than \(outputBytes >> 20) MB", hint: "raise connection.max_output_mb")
                }
                let wasDone = isDone
                isDone = try body(.output(chunk))
                if isDone, !wasDone { deadline = min(deadline, .now + Self.farewell) }
            case .complaint(let chunk): words.add(chunk, logger)
            case .ended: return
            case .late:
                throw isDone
                    ? ConnectorError("it said that it is done, but did not end", kind: .timeout)
                    : ConnectorError(
                        "it did not end within \(timeout / .seconds(1)) s", kind: .timeout,
                        hint: "raise connection.timeout_s", isTransient: true)
            }
        }
    }

    private func explained(_ error: ConnectorError, _ words: LastWords) -> ConnectorError {
        let said = words.text.map { "; its last words: \($0)" } ?? ""
        return ConnectorError(
            mask.mask("\(title): \(error.message)").inOneLine + said, kind: error.kind,
            hint: mask.mask(error.hint).inOneLine, isTransient: error.isTransient)
    }
}

/// The last lines that a program wrote to its standard error, secrets masked.
private struct LastWords {
    let mask: SecretMask
    private var lines: [String] = []
    private var open: [UInt8] = []
    private var isOverlong = false

    private static let lines = 8
    private static let lineBytes = 64 << 10
    private static let shown = 300

    init(mask: SecretMask) { self.mask = mask }

    mutating func add(_ bytes: [UInt8], _ logger: Logger) {
        for byte in bytes {
            guard byte == 0x0A || byte == 0x0D else {
                if open.count < Self.lineBytes { open.append(byte) } else { isOverlong = true }
                continue
            }
            guard let line = current else { continue }
            logger.debug("a program said", metadata: ["program.stderr": "\(line)"])
            lines.append(line)
            if lines.count > Self.lines { lines.removeFirst() }
            open.removeAll(keepingCapacity: true)
            isOverlong = false
        }
    }

    /// The line at hand; masked as a whole before it is cut, so that no part of a secret stays.
    private var current: String? {
        guard !open.isEmpty else { return nil }
        if isOverlong { return "(a line of over 64 KB)" }
        return String(mask.mask(String(decoding: open, as: UTF8.self)).inOneLine.prefix(Self.shown))
    }

    /// One line; nil when it said nothing.
    var text: String? {
        let all = (lines + [current].compactMap(\.self)).filter { !$0.isEmpty }.suffix(Self.lines)
        return all.isEmpty ? nil : all.joined(separator: " | ")
    }
}

extension String {
    /// Without control characters, which would break a line of an error or of the log.
    var inOneLine: String {
        let scalars = unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control || scalar.value == 0x2028 || scalar.value == 0x2029
                ? " " : Character(scalar)
        }
        return String(scalars).trimmingCharacters(in: .whitespaces)
    }
}
