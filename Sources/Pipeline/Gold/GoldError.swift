import Postgres
import SQLGrammar

/// Why a gold script could not be built: which file and line, what the server said, and what to do. Never a value.
public struct GoldError: Error, Sendable, CustomStringConvertible {
    /// The script's file, relative to the project.
    public let file: String
    /// The line of the file, from 1; nil where the fault is not at one place.
    public let line: Int?
    /// What happened.
    public let message: String
    /// What to do: one sentence; may be empty.
    public let hint: String
    /// PostgreSQL's error code, where the server refused.
    public let sqlState: String?
    /// True when the same build may succeed later.
    public let isTransient: Bool

    /// One line, safe for log, audit and page.
    public var description: String {
        let place = line.map { "\(file): line \($0)" } ?? file
        let state = sqlState.map { " [\($0)]" } ?? ""
        return "\(place): \(message)\(state)" + (hint.isEmpty ? "" : "; \(hint)")
    }

    /// A refusal of our own, or the server's in other words.
    init(
        _ script: GoldScript, _ message: String, hint: String = "", line: Int? = nil, sqlState: String? = nil,
        isTransient: Bool = false
    ) {
        file = script.file
        self.line = line
        self.message = message
        self.hint = hint
        self.sqlState = sqlState
        self.isTransient = isTransient
    }

    /// What the server said about a statement that holds the script's own, `prefix` before it.
    init(_ script: GoldScript, _ cause: PostgresError, prefix: String = "") {
        // PostgreSQL counts characters from 1, and may point at what we put around the script's statement.
        let offset = cause.position.map { $0 - 1 - prefix.unicodeScalars.count }
        let isInside = offset.map { 0..<script.statement.unicodeScalars.count ~= $0 } ?? false
        let line = offset.map { SQLPosition(scalarOffset: $0, in: script.statement).line + script.firstLine - 1 }
        self.init(
            script, cause.safeMessage, hint: cause.hint ?? Self.hint(for: cause), line: isInside ? line : nil,
            sqlState: cause.sqlState, isTransient: cause.isTransient)
    }

    private static func hint(for cause: PostgresError) -> String {
        switch cause.sqlState {
        case "42P01": "was the table deployed? Load its system first"
        case "42703", "42883": "try the SELECT in psql: it runs there as it is"
        case "42501": "grant it to the role that builds gold"
        case "42701": "give each column of the SELECT a name of its own, with AS"
        default: ""
        }
    }
}
