public import Primitives

/// The text of one statement together with its bound parameters.
///
/// A plain `\(value)` never becomes text: it is bound as `$n`. What must be text goes through a labelled
/// interpolation that quotes it.
///
/// ```swift
/// try await connection.query("SELECT count(*) FROM \(table: "silver", name) WHERE _key_hash = \(keyHash)")
/// ```
public struct SQLText: Sendable, Hashable {
    struct Parameter: Sendable, Hashable {
        var type: UInt32
        /// nil is NULL.
        var bytes: [UInt8]?
    }

    /// The text around the parameters; always one more than there are parameters.
    private(set) var pieces: [String]
    private(set) var parameters: [Parameter]

    /// SQL from our own files, taken as it is, without parameters.
    public init(verbatim: String) {
        pieces = [verbatim]
        parameters = []
    }

    /// The statement as it is sent, with `$1`, `$2` … where parameters are bound.
    public var text: String {
        var text = pieces[0]
        for index in parameters.indices { text += "$\(index + 1)\(pieces[index + 1])" }
        return text
    }

    /// Both texts, one behind the other; the parameters of the second are renumbered.
    public static func + (left: SQLText, right: SQLText) -> SQLText {
        var sum = left
        sum.append(right)
        return sum
    }

    /// Appends another text, its parameters renumbered.
    public static func += (left: inout SQLText, right: SQLText) { left.append(right) }

    mutating func append(_ other: SQLText) {
        append(verbatim: other.pieces[0])
        for (parameter, piece) in zip(other.parameters, other.pieces.dropFirst()) {
            parameters.append(parameter)
            pieces.append(piece)
        }
    }

    mutating func append(verbatim: String) { pieces[pieces.count - 1] += verbatim }

    mutating func bind(_ parameter: Parameter) {
        parameters.append(parameter)
        pieces.append("")
    }

    /// One identifier in double quotes, whatever it contains.
    ///
    /// An identifier that PostgreSQL would cut (over 63 bytes) or cannot hold is a programmer's mistake: names from
    /// metadata are checked when it is loaded.
    public static func quoted(identifier: String) -> String {
        precondition(!identifier.isEmpty, "an SQL identifier must not be empty")
        precondition(identifier.utf8.count <= 63, "an SQL identifier has at most 63 bytes: \(identifier)")
        precondition(!identifier.utf8.contains(0), "an SQL identifier must not contain NUL")
        return "\"" + doubling("\"", in: identifier) + "\""
    }

    /// A string literal in single quotes, right under either setting of `standard_conforming_strings`.
    public static func quoted(literal: String) -> String {
        let quoted = "'" + doubling("'", in: literal) + "'"
        return literal.utf8.contains(UInt8(ascii: "\\")) ? "E" + doubling("\\", in: quoted) : quoted
    }
}

/// Works on bytes: a quote followed by a combining mark is one Character, yet still a quote to PostgreSQL.
private func doubling(_ mark: Unicode.Scalar, in text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        if scalar == mark { result.append(mark) }
        result.append(scalar)
    }
    return String(result)
}

extension SQLText: ExpressibleByStringInterpolation {
    /// A statement without parameters.
    public init(stringLiteral value: String) { self.init(verbatim: value) }

    /// The collected pieces.
    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    /// Collects text and parameters.
    public struct StringInterpolation: StringInterpolationProtocol {
        var sql = SQLText(verbatim: "")

        /// An empty statement.
        public init(literalCapacity: Int, interpolationCount: Int) {}

        /// The text of the literal itself.
        public mutating func appendLiteral(_ literal: String) { sql.append(verbatim: literal) }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some PostgresValue) { bind(value) }

        /// Binds a value, or NULL.
        public mutating func appendInterpolation<Value: PostgresValue>(_ value: Value?) {
            guard let value else { return sql.bind(.init(type: Value.postgresType, bytes: nil)) }
            bind(value)
        }

        /// A quoted identifier.
        public mutating func appendInterpolation(identifier: String) {
            sql.append(verbatim: SQLText.quoted(identifier: identifier))
        }

        /// A comma separated list of quoted identifiers.
        public mutating func appendInterpolation(identifiers: [String]) {
            sql.append(verbatim: identifiers.map(SQLText.quoted(identifier:)).joined(separator: ", "))
        }

        /// A quoted, schema-qualified name.
        public mutating func appendInterpolation(table schema: String, _ name: String) {
            sql.append(verbatim: SQLText.quoted(identifier: schema) + "." + SQLText.quoted(identifier: name))
        }

        /// A quoted string literal, for DDL that takes no parameters.
        public mutating func appendInterpolation(literal: String) {
            sql.append(verbatim: SQLText.quoted(literal: literal))
        }

        /// An instant in so many words: for DDL, and where a partial index is only used for a value that the plan knows.
        public mutating func appendInterpolation(literal: Instant) {
            sql.append(verbatim: SQLText.quoted(literal: literal.description) + "::timestamptz")
        }

        /// A UUID in so many words, for DDL.
        public mutating func appendInterpolation(literal: UUIDValue) {
            sql.append(verbatim: SQLText.quoted(literal: literal.description) + "::uuid")
        }

        /// Another text with its parameters.
        public mutating func appendInterpolation(fragment: SQLText) { sql.append(fragment) }

        /// SQL from our own files.
        public mutating func appendInterpolation(verbatim: String) { sql.append(verbatim: verbatim) }

        private mutating func bind<Value: PostgresValue>(_ value: Value) {
            var bytes: [UInt8] = []
            value.encode(into: &bytes)
            sql.bind(.init(type: Value.postgresType, bytes: bytes))
        }
    }
}

extension Sequence<SQLText> {
    /// The texts one behind the other with `separator` between them.
    public func joined(separator: String = "") -> SQLText {
        var joined = SQLText(verbatim: "")
        for (index, text) in enumerated() {
            if index > 0 { joined.append(verbatim: separator) }
            joined.append(text)
        }
        return joined
    }
}
