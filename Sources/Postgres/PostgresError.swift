/// What went wrong between us and a PostgreSQL server.
///
/// `description` is one line that is safe for log, audit and page: it never holds values, only names and reasons.
/// Values that the server quotes are in `debugDescription`. A password is in neither.
public struct PostgresError: Error, Sendable {
    /// Who refused, and what is known about the outcome.
    public enum Kind: Hashable, Sendable {
        /// The server answered with an error; five characters of SQLSTATE
        /// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
        case server(sqlState: String)
        /// No server, or the connection was lost; nothing was committed.
        case connection
        /// The answer was not what the protocol promises.
        case `protocol`
        /// The connection was lost while COMMIT was under way: look the data up before repeating.
        case commitOutcomeUnknown
        /// The call made no sense, or the database is not one that this version may touch.
        case usage
    }

    /// Who refused.
    public let kind: Kind
    /// The server's primary message, or our own sentence.
    public let message: String
    /// The server's detail; may quote values, so it stays out of `description`.
    public let detail: String?
    /// What to do about it.
    public let hint: String?
    /// Where in the statement or COPY it happened, without values.
    public let location: String?
    /// The statement's beginning, parameters as `$n`.
    public let statement: String?
    /// The character of the statement, from 1, at which the server found the fault.
    public let position: Int?

    /// An error that is not the server's own.
    public init(_ kind: Kind, _ message: String, hint: String? = nil, statement: String? = nil) {
        self.init(kind: kind, message: message, detail: nil, hint: hint, location: nil, statement: statement)
    }

    init(
        kind: Kind, message: String, detail: String?, hint: String?, location: String?, statement: String?,
        position: Int? = nil
    ) {
        self.kind = kind
        self.message = message
        self.detail = detail
        self.hint = hint
        self.location = location
        self.statement = statement.map { shortened($0) }
        self.position = position
    }

    /// The server's error code, when the server answered.
    public var sqlState: String? {
        if case .server(let sqlState) = kind { sqlState } else { nil }
    }

    /// True when the same work may succeed a little later: lost or refused connections, full resources, conflicts.
    ///
    /// A commit of unknown outcome is not: repeating it blindly could apply it twice.
    public var isTransient: Bool {
        switch kind {
        case .connection: return true
        case .protocol, .commitOutcomeUnknown, .usage: return false
        case .server(let sqlState):
            let single: Set = [
                "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57P05", "25P03", "58000", "58030",
            ]
            return sqlState.hasPrefix("08") || sqlState.hasPrefix("53") || single.contains(sqlState)
        }
    }
}

extension PostgresError {
    /// True where the server or its machine is to blame: unreachable, shut down, without room, read-only, or in trouble with its files.
    public var isInfrastructure: Bool {
        switch kind {
        case .connection, .commitOutcomeUnknown: return true
        case .protocol, .usage: return false
        case .server(let sqlState):
            return sqlState == "25006" || ["08", "53", "57P", "58"].contains(where: sqlState.hasPrefix)
        }
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// One line: what failed, why, where, and what to do.
    public var description: String {
        var line = safeMessage
        if let location { line += " (\(location))" }
        if let sqlState { line += " [\(sqlState)]" }
        if let statement { line += " in: \(statement)" }
        if let hint { line += "; \(hint)" }
        return oneLine(line)
    }

    /// The description plus the values that the server quoted; for a developer's eyes, not for logs.
    public var debugDescription: String {
        ([description, "message: \(message)"] + [detail.map { "detail: \($0)" }].compactMap { $0 })
            .joined(separator: "\n")
    }

    /// Data exceptions (class 22) quote the offending value in the message itself.
    package var safeMessage: String {
        guard let sqlState, sqlState.hasPrefix("22") else { return message }
        return withoutQuotedText(message)
    }
}

/// Replaces what stands between double quotes.
func withoutQuotedText(_ text: String) -> String {
    let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return text }
    return parts.enumerated().map { $0.offset.isMultiple(of: 2) ? String($0.element) : "‹…›" }.joined()
}

/// White space of any kind becomes one blank; other control characters too.
func oneLine(_ text: String) -> String {
    text.split { $0.isWhitespace || $0.isNewline || ($0.asciiValue ?? 32) < 32 }.joined(separator: " ")
}

private func shortened(_ statement: String, to limit: Int = 120) -> String {
    let line = oneLine(String(statement.prefix(4 * limit)))
    return line.count <= limit ? line : line.prefix(limit - 1) + "…"
}
