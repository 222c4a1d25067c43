import ConnectorKit
import Primitives

/// Which spelling of SQL a database speaks.
enum SQLDialect: Sendable {
    case postgres, sqlite, mysql

    /// An identifier in quotes, whatever it contains.
    func quoted(_ identifier: String) -> String {
        let mark: Unicode.Scalar = self == .mysql ? "`" : "\""
        var text = String.UnicodeScalarView([mark])
        for scalar in identifier.unicodeScalars {
            // Scalars, not characters: a quote with a combining mark behind it is still a quote to a server.
            if scalar == mark { text.append(mark) }
            text.append(scalar)
        }
        text.append(mark)
        return String(text)
    }
}

/// A value that a statement takes beside its text.
enum SQLParameter: Hashable, Sendable {
    case from, until, system, entity
    /// The bounds of a delta load, where we add them to the statement.
    case lower, upper
    /// The key behind which a chunk begins, and the one that ends it.
    case after(Int), through(Int)

    fileprivate static let named: [String: SQLParameter] = [
        "from": .from, "until": .until, "system": .system, "entity": .entity,
    ]

    /// Its name, for servers that know parameters by name.
    var name: String {
        switch self {
        case .from: "from"
        case .until: "until"
        case .system: "system"
        case .entity: "entity"
        case .lower: "lower"
        case .upper: "upper"
        case .after(let index): "after_\(index)"
        case .through(let index): "through_\(index)"
        }
    }
}

/// SQL of metadata, taken apart into text and parameters; one statement, or one condition.
///
/// Literals, quoted names and comments are passed over as the dialect reads them, so that nothing in them counts as a
/// parameter, and nothing behind them as a second statement.
struct SQLTemplate: Sendable {
    enum Part: Sendable, Hashable {
        case text(String)
        case parameter(SQLParameter)
    }

    private(set) var parts: [Part]

    init(_ parts: [Part]) { self.parts = parts }

    /// SQL of our own.
    init(text: String) { parts = [.text(text)] }

    /// - Parameter attribute: Where it stands, for errors: `source.query`.
    init(_ sql: String, _ dialect: SQLDialect, attribute: String) throws {
        var scan = SQLScan(Array(sql.unicodeScalars), dialect)
        do {
            try scan.run()
        } catch let problem as SQLScan.Problem {
            throw ConnectorError("\(attribute): \(problem.what)", hint: problem.hint)
        }
        parts = scan.parts
    }

    /// `WHERE` with these conditions; empty without any.
    init(allOf conditions: [SQLTemplate]) {
        parts = []
        for (index, condition) in conditions.enumerated() {
            parts += [.text(index == 0 ? " WHERE " : " AND ")] + condition.parts
        }
    }

    /// True for a text that names the parameter.
    func uses(_ parameter: SQLParameter) -> Bool { parts.contains(.parameter(parameter)) }

    /// True for a query, by its first word.
    var isQuery: Bool {
        guard case .text(let text)? = parts.first else { return false }
        let word = text.drop { $0 == "(" || $0.isWhitespace }.prefix { $0.isLetter }.uppercased()
        return word == "SELECT" || word == "WITH"
    }

    /// The statement's text, each parameter written by `spelling`, in order.
    func rendered(_ spelling: (SQLParameter) -> String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .parameter(let parameter): spelling(parameter)
            }
        }.joined()
    }

    /// The parameters in the order in which they stand.
    var parameters: [SQLParameter] {
        parts.compactMap { if case .parameter(let parameter) = $0 { parameter } else { nil } }
    }

    static func + (left: SQLTemplate, right: SQLTemplate) -> SQLTemplate { SQLTemplate(left.parts + right.parts) }

    static func + (left: SQLTemplate, right: String) -> SQLTemplate { SQLTemplate(left.parts + [.text(right)]) }

    static func + (left: String, right: SQLTemplate) -> SQLTemplate { SQLTemplate([.text(left)] + right.parts) }
}

/// Walks over SQL once.
private struct SQLScan {
    struct Problem: Error {
        var what: String
        var hint: String
    }

    private let scalars: [Unicode.Scalar]
    private let dialect: SQLDialect
    private var at = 0
    private var text = String.UnicodeScalarView()
    private var depth = 0
    private var isOver = false
    private(set) var parts: [SQLTemplate.Part] = []

    init(_ scalars: [Unicode.Scalar], _ dialect: SQLDialect) {
        self.scalars = scalars
        self.dialect = dialect
    }

    mutating func run() throws {
        while at < scalars.count { try step() }
        guard depth == 0 else { throw Problem(what: "a '(' is not closed", hint: "close it") }
        flush()
    }

    private func scalar(_ offset: Int = 0) -> Unicode.Scalar {
        at + offset < scalars.count ? scalars[at + offset] : "\0"
    }

    private mutating func step() throws {
        switch (scalar(), scalar(1)) {
        case ("\0", _): throw Problem(what: "it holds a NUL byte", hint: "remove it")
        case ("-", "-") where dialect != .mysql || scalar(2).value <= 0x20: skipLine()
        case ("#", _) where dialect == .mysql: skipLine()
        case ("/", "*"): try skipComment()
        case ("'", _): try skipQuoted("'", escapes: dialect == .mysql || isEscapeString)
        case ("\"", _): try skipQuoted("\"", escapes: dialect == .mysql)
        case ("`", _) where dialect != .postgres: try skipQuoted("`", escapes: false)
        case ("[", _) where dialect == .sqlite: try skipQuoted("]", escapes: false)
        case ("$", _) where dialect == .postgres && !isName(at - 1): try skipDollarQuoted()
        case (":", ":"): take(2)
        case (":", let next) where next.isNameStart: try parameter()
        case (";", _):
            isOver = true
            at += 1
        default: try plain()
        }
    }

    private mutating func plain() throws {
        let found = scalar()
        if found == "(" { depth += 1 }
        if found == ")" { depth -= 1 }
        guard depth >= 0 else { throw Problem(what: "a ')' closes nothing", hint: "remove it") }
        guard !isOver || found.isBlank else {
            throw Problem(what: "it is more than one statement", hint: "keep one SELECT; sources are only read")
        }
        if !isOver { text.append(found) }
        at += 1
    }

    private mutating func take(_ count: Int) {
        if !isOver { text.append(contentsOf: scalars[at..<min(at + count, scalars.count)]) }
        at += count
    }

    /// Comments become a blank: they could end within what we put around the text.
    private mutating func skipLine() {
        while at < scalars.count, scalar() != "\n", scalar() != "\r" { at += 1 }
        text.append(" ")
    }

    private mutating func skipComment() throws {
        if dialect == .mysql, scalar(2) == "!" || (scalar(2) == "M" && scalar(3) == "!") {
            throw Problem(what: "a comment of it is code to the server", hint: "remove '/*!'")
        }
        var nesting = 0
        repeat {
            guard at < scalars.count else { throw Problem(what: "a comment is not closed", hint: "close it by '*/'") }
            if scalar() == "/", scalar(1) == "*", nesting == 0 || dialect == .postgres {
                nesting += 1
                at += 2
            } else if scalar() == "*", scalar(1) == "/" {
                nesting -= 1
                at += 2
            } else {
                at += 1
            }
        } while nesting > 0
        text.append(" ")
    }

    private mutating func skipQuoted(_ mark: Unicode.Scalar, escapes: Bool) throws {
        var end = at + 1
        while end < scalars.count, scalars[end] != mark { end += escapes && scalars[end] == "\\" ? 2 : 1 }
        guard end < scalars.count else { throw Problem(what: "a quote is not closed", hint: "close it") }
        try requireRoom()
        take(end + 1 - at)
    }

    /// `$tag$ … $tag$`; a single `$` is text.
    private mutating func skipDollarQuoted() throws {
        var end = at + 1
        while end < scalars.count, isName(end) { end += 1 }
        guard end < scalars.count, scalars[end] == "$", !("0"..."9").contains(scalar(1)) else { return try plain() }
        let tag = scalars[at...end]
        var close = end + 1
        while close + tag.count <= scalars.count, scalars[close..<close + tag.count] != tag { close += 1 }
        guard close + tag.count <= scalars.count else {
            throw Problem(what: "a dollar quote is not closed", hint: "close it")
        }
        try requireRoom()
        take(close + tag.count - at)
    }

    private mutating func parameter() throws {
        var end = at + 1
        while end < scalars.count, isName(end) { end += 1 }
        let name = String(String.UnicodeScalarView(scalars[at + 1..<end]))
        guard let parameter = SQLParameter.named[name] else {
            let nearest = nearestName(to: name, among: SQLParameter.named.keys.sorted())
            throw Problem(
                what: "there is no bound value ':\(name)'",
                hint: nearest.map { "did you mean ':\($0)'?" } ?? "there are :from, :until, :system and :entity")
        }
        try requireRoom()
        flush()
        parts.append(.parameter(parameter))
        at = end
    }

    private func requireRoom() throws {
        if isOver {
            throw Problem(what: "it is more than one statement", hint: "keep one SELECT; sources are only read")
        }
    }

    private mutating func flush() {
        if !text.isEmpty { parts.append(.text(String(text))) }
        text = String.UnicodeScalarView()
    }

    /// The quote of PostgreSQL's `E'…'`.
    private var isEscapeString: Bool {
        at > 0 && (scalars[at - 1] == "E" || scalars[at - 1] == "e") && !isName(at - 2)
    }

    private func isName(_ index: Int) -> Bool {
        index >= 0 && index < scalars.count && (scalars[index].isNameStart || ("0"..."9").contains(scalars[index]))
    }
}

extension Unicode.Scalar {
    fileprivate var isNameStart: Bool {
        self == "_" || ("a"..."z").contains(self) || ("A"..."Z").contains(self) || value >= 0x80
    }

    fileprivate var isBlank: Bool { self == " " || self == "\n" || self == "\r" || self == "\t" }
}
