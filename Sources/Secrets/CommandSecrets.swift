public import ConnectorKit
internal import Foundation
internal import Glibc
internal import Programs

/// The standard output of a program, as of `["pass", "show", "{name}"]`: started by argv, without a shell.
///
/// It gets the environment without our own variables, no input, and a process group of its own, which ends with it. One
/// line end at the end of its output is no part of the secret.
public struct CommandSecrets: SecretProvider {
    /// Which program, and how far it may go.
    public struct Settings: Decodable, Sendable {
        /// The program and its arguments; `{name}` stands for the secret's name.
        public var command: [String]
        /// Seconds that it may take.
        public var timeoutS: Int
        /// Exit codes that mean: there is no such secret.
        public var missingCodes: [Int]
    }

    private let settings: Settings
    private let environment: [String: String]
    private let folder: String
    private let known: KnownSecrets

    /// More than this is no secret.
    private static let maximumBytes = 64 << 10

    /// A program that works in the project's folder.
    public init(_ settings: Settings, environment: [String: String], projectFolder: String, known: KnownSecrets) {
        self.settings = settings
        self.environment = environment.filter { !$0.key.hasPrefix("MEDALLION_") && $0.key != "VAULT_TOKEN" }
        folder = projectFolder
        self.known = known
    }

    private var program: String { settings.command.first ?? "" }

    /// `command pass`.
    public var title: String { "command \(program)" }

    /// Names the program and its arguments.
    public func remedy(for name: String) -> String {
        "make '\(arguments(for: name).joined(separator: " "))' print it"
    }

    private func arguments(for name: String) -> [String] {
        settings.command.map { $0.replacing("{name}", with: name) }
    }

    /// What the program prints.
    /// - Throws: `ConnectorError` with the last line that it wrote to its standard error; `CancellationError`.
    public func value(of name: String) async throws -> Secret? {
        let start = ProgramStart(
            path: try path(for: name), arguments: arguments(for: name), environment: environment, folder: folder)
        let process: RunningProgram
        do { process = try RunningProgram(start) } catch {
            throw failure(name, "\(error)", hint: "check \"command\" of that provider in metadata/secrets.json")
        }
        var (output, complaints): ([UInt8], [UInt8]) = ([], [])
        var (isLate, isTooLong) = (false, false)
        do {
            let deadline = ContinuousClock.now + .seconds(settings.timeoutS)
            reading: while true {
                switch try await process.next(before: deadline) {
                case .output(let bytes): output += bytes
                // The end counts: what is said last says why.
                case .complaint(let bytes): complaints = Array((complaints + bytes).suffix(Self.maximumBytes))
                case .ended: break reading
                case .late: isLate = true
                }
                isTooLong = output.count > Self.maximumBytes
                if isLate || isTooLong { break }
            }
        } catch {
            _ = await process.end(grace: .seconds(1))
            throw error
        }
        let last = await process.end(grace: isLate || isTooLong ? .seconds(1) : .zero)
        complaints += last.complaint
        let text = Self.withoutLineEnd(output)
        // What it wrote may be the secret whatever came of it, and its complaint may quote it.
        if let text { known.register(Secret(text)) }
        let said = Self.lastLine(complaints).map { ": \(known.mask($0))" } ?? ""
        if isLate {
            throw failure(
                name, "it took longer than \(settings.timeoutS) s\(said)", hint: "unlock it, or raise \"timeout_s\"",
                isTransient: true)
        }
        if isTooLong {
            throw failure(
                name, "it wrote more than \(Self.maximumBytes >> 10) kB", hint: "let it print the secret only")
        }
        switch last.end {
        case .code(0): break
        case .code(let code) where settings.missingCodes.contains(Int(code)): return nil
        case .code(let code):
            throw failure(
                name, "exit code \(code)\(said)",
                hint: "run it by hand; a code that means that there is no such secret belongs into \"missing_codes\"")
        case .signal(let signal): throw failure(name, "it was ended by signal \(signal)\(said)", hint: "run it by hand")
        }
        guard let text else { throw failure(name, "what it wrote is not UTF-8 text", hint: "run it by hand") }
        guard !text.isEmpty else { throw failure(name, "it wrote nothing\(said)", hint: "run it by hand") }
        return Secret(text)
    }

    private func failure(
        _ name: String, _ what: String, hint: String, isTransient: Bool = false
    ) -> ConnectorError {
        ConnectorError(
            "the secret '\(name)': program '\(program)': \(what)", kind: .auth, hint: hint, isTransient: isTransient)
    }

    /// As written where it is a path, from the project's folder on; else the first of PATH.
    private func path(for name: String) throws -> String {
        if program.hasPrefix("/") { return program }
        if program.contains("/") { return "\(folder)/\(program)" }
        for place in (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        where place.hasPrefix("/") && access("\(place)/\(program)", X_OK) == 0 {
            return "\(place)/\(program)"
        }
        throw failure(name, "no such program in PATH", hint: "install it, or write its path into metadata/secrets.json")
    }

    private static func withoutLineEnd(_ bytes: [UInt8]) -> String? {
        guard var text = String(validating: bytes, as: UTF8.self) else { return nil }
        // "\r\n" is one Character.
        if text.hasSuffix("\n") || text.hasSuffix("\r\n") { text.removeLast() }
        return text
    }

    /// The last line that is not empty, at most 300 characters, without control characters.
    private static func lastLine(_ bytes: [UInt8]) -> String? {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let last = lines.last(where: { !$0.allSatisfy(\.isWhitespace) }) else { return nil }
        return String(
            String.UnicodeScalarView(
                last.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
