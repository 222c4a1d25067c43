public import JSON
internal import Primitives

/// A text with expressions between `{{` and `}}`, as paths, parameters and bodies of metadata may hold.
///
/// ```
/// /orders/{{ parent.id }}/lines?day={{ now | shift('-1d') | date('%Y-%m-%d') }}
/// ```
/// An expression is a value and filters behind it, each with `|`: the value is a name with its members (`parent.id`),
/// a text in single quotes or a number; a filter is a name, with arguments in parentheses. Names are those of the
/// `TemplateScope`; filters are those of `TemplateFilter`. There are no statements, no loops and no arithmetic.
/// A literal `{{` is written `{{ '{{' }}`.
public struct Template: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case text(String)
        case expression(TemplateExpression)
    }

    /// The text as written.
    public let source: String
    let parts: [Part]

    /// Reads a text.
    /// - Throws: `TemplateError` that quotes the expression and says what is wrong with it.
    public init(_ text: String) throws(TemplateError) {
        source = text
        var parts: [Part] = []
        var rest = Array(text.utf8)[...]
        while let open = rest.firstOfPair(UInt8(ascii: "{")) {
            if open > rest.startIndex { parts.append(.text(String(decoding: rest[..<open], as: UTF8.self))) }
            var reader = TemplateReader(rest[(open + 2)...])
            parts.append(.expression(try reader.expression()))
            rest = reader.rest
        }
        if !rest.isEmpty { parts.append(.text(String(decoding: rest, as: UTF8.self))) }
        self.parts = parts
    }

    /// True without any expression.
    public var isLiteral: Bool {
        parts.allSatisfy { part in
            if case .text = part { true } else { false }
        }
    }

    /// The first words of the names used: `parent` of `parent.id`.
    public var roots: Set<String> {
        Set(
            parts.compactMap { part in
                guard case .expression(let expression) = part, case .name(let path) = expression.value else {
                    return nil
                }
                return path.first
            })
    }

    /// The text with every expression replaced by its value's text.
    /// - Throws: `TemplateError` for an unknown name, a value that has no text, or a filter that cannot take its value.
    public func text(in scope: TemplateScope) throws(TemplateError) -> String {
        try text(in: scope) { $1 }
    }

    /// The text as the path of a URL: what expressions give is percent-encoded but for `/`, so that no value can leave
    /// its place; a text that is one expression and nothing else stays as it is, for it may be a whole URL.
    /// - Throws: `TemplateError`, also for a value with the segment `.` or `..`.
    public func path(in scope: TemplateScope) throws(TemplateError) -> String {
        guard parts.count > 1 else { return try text(in: scope) }
        return try text(in: scope) { (expression, value) throws(TemplateError) in
            let isEncoded = expression.calls.last?.filter == .url
            let segments = value.split(separator: "/", omittingEmptySubsequences: false)
            guard !segments.contains("."), !segments.contains("..") else {
                throw TemplateError(expression.source, "its value would lead out of the path", hint: "check the value")
            }
            if isEncoded { return value }
            return segments.map { percentEncoded(String($0)) }.joined(separator: "/")
        }
    }

    private func text(
        in scope: TemplateScope, _ escape: (TemplateExpression, String) throws(TemplateError) -> String
    ) throws(TemplateError) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .expression(let expression):
                let value = try expression.evaluate(in: scope)
                guard let found = value.text else {
                    throw TemplateError(
                        expression.source, "it is \(value.kindName), which has no text",
                        hint: "add | json, or | default('') for a missing value")
                }
                text += try escape(expression, found)
            }
        }
        return text
    }

    /// The value: of a text that is one expression and nothing else with its JSON type, of any other its text.
    /// - Throws: `TemplateError`, as for `text(in:)`.
    public func value(in scope: TemplateScope) throws(TemplateError) -> JSONValue {
        guard parts.count == 1, case .expression(let expression) = parts[0] else {
            return .string(try text(in: scope))
        }
        return try expression.evaluate(in: scope).json
    }

    /// A JSON value with every text in it, names of members included, taken as a template.
    /// - Throws: `TemplateError`, as for `text(in:)`.
    public static func fill(_ value: JSONValue, in scope: TemplateScope) throws(TemplateError) -> JSONValue {
        switch value {
        case .string(let text): return try Template(text).value(in: scope)
        case .array(let elements):
            var filled: [JSONValue] = []
            for element in elements { filled.append(try fill(element, in: scope)) }
            return .array(filled)
        case .object(let members):
            var filled: [JSONMember] = []
            for member in members {
                filled.append(
                    JSONMember(try Template(member.name).text(in: scope), try fill(member.value, in: scope)))
            }
            return .object(filled)
        default: return value
        }
    }
}

/// What an expression may name.
public struct TemplateScope: Sendable {
    /// The values by the first word of their names.
    public var values: [String: TemplateValue]

    /// A scope of these values.
    public init(_ values: [String: TemplateValue] = [:]) { self.values = values }

    /// The scope with one more value.
    public func adding(_ name: String, _ value: TemplateValue) -> TemplateScope {
        var scope = self
        scope.values[name] = value
        return scope
    }

    /// Every name that can be written, members included, in byte order.
    var known: [String] {
        values.flatMap { name, value -> [String] in
            guard case .json(.object(let members)) = value, !members.isEmpty else { return [name] }
            return members.map { "\(name).\($0.name)" }
        }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// Why a template cannot be read or filled: one line that quotes the expression.
public struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The expression between its braces, as written.
    public var expression: String
    /// What is wrong.
    public var reason: String
    /// What to do; may be empty.
    public var hint: String

    init(_ expression: String, _ reason: String, hint: String = "") {
        self.expression = expression
        self.reason = reason
        self.hint = hint
    }

    /// `'{{ parnt.id }}': …`, and the hint.
    public var description: String { "'{{ \(expression) }}': \(reason)" + (hint.isEmpty ? "" : "; \(hint)") }
}

extension ArraySlice<UInt8> {
    /// Where the byte stands twice in a row.
    fileprivate func firstOfPair(_ byte: UInt8) -> Index? {
        var index = startIndex
        while index + 1 < endIndex {
            if self[index] == byte, self[index + 1] == byte { return index }
            index += 1
        }
        return nil
    }
}
