import Foundation
import JSON
import Metadata
import SQLGrammar

/// Reads one file of `sql/gold`, and collects everything that is wrong with it.
struct GoldScriptParser {
    let file: String
    let scope: GoldScope
    private(set) var problems: [MetadataProblem] = []
    private var inputs: Set<Relation> = []
    private var checks: [Check] = []

    /// A chain of 300 operators nests some 600 deep; beyond this limit a query is better cut into WITH queries.
    static let deepestNesting = 1000

    init(file: String, scope: GoldScope) {
        self.file = file
        self.scope = scope
    }

    /// The script; nil where the file has any problem.
    mutating func parse(contents: Data?) -> GoldScript? {
        let name = checkedName()
        guard let contents else { return fail("the file cannot be read") }
        guard let text = String(validating: contents, as: UTF8.self) else {
            return fail("the file is not UTF-8", expected: "text in UTF-8")
        }
        let header = GoldHeader(text)
        let materialization = check(header, name: name)
        guard let range = search(text, header) else { return nil }
        guard problems.isEmpty else { return nil }
        let start = max(range.lowerBound, header.endOffset)
        let statement = String(decoding: Array(text.utf8)[start..<range.upperBound], as: UTF8.self)
        return GoldScript(
            name: name, description: header.entries["description"]?.value ?? "", materialization: materialization,
            key: header.entries["key"].map { GoldHeader.list($0.value) } ?? [], checks: checks, statement: statement,
            inputs: inputs,
            file: file, firstLine: header.endLine)
    }

    // MARK: Name and header

    private mutating func checkedName() -> String {
        let base = file.split(separator: "/").last.map(String.init) ?? file
        let name = String(base.dropLast(4))
        if !base.hasSuffix(".sql") { report(nil, "the ending '\(base.suffix(4))'", expected: "'.sql'") }
        if name.wholeMatch(of: /[a-z][a-z0-9_]*/) == nil {
            report(nil, "the name '\(name)'", expected: "lower-case letters, digits and _, a letter first")
        } else if name.utf8.count > GoldScript.longestName {
            report(nil, "a name of \(name.utf8.count) bytes", expected: "at most \(GoldScript.longestName)")
        }
        return name
    }

    private mutating func check(_ header: GoldHeader, name: String) -> GoldScript.Materialization {
        for fault in header.faults {
            let expected = "one of \(GoldHeader.keys.joined(separator: ", ")); prose begins with a capital letter"
            report(fault.line, fault.what, expected: expected, nearest: fault.nearest)
        }
        let entries = header.entries.filter { !$0.value.value.isEmpty }
        for (key, entry) in header.entries.sorted(by: { $0.value.line < $1.value.line }) where entry.value.isEmpty {
            report(entry.line, "'\(key)' is empty", expected: "a value or no such line")
        }
        if let entry = entries["checks"] { readChecks(entry, of: name) }
        if let entry = entries["name"], entry.value != name {
            report(
                entry.line, "'name' is '\(entry.value)'", expected: "the file's name, or no such line", nearest: name)
        }
        if let entry = entries["key"] { checkKey(GoldHeader.list(entry.value), line: entry.line) }
        if let entry = entries["inputs"] { readInputs(entry) }
        guard let entry = entries["materialize"] else { return .view }
        if let materialization = GoldScript.Materialization(rawValue: entry.value) { return materialization }
        let isKnown = entry.value == "incremental"
        report(
            entry.line, isKnown ? "'incremental' is not supported by this version yet" : "materialize '\(entry.value)'",
            expected: GoldScript.Materialization.allCases.map(\.rawValue).joined(separator: " or "))
        return .view
    }

    private mutating func checkKey(_ key: [String], line: Int) {
        if Set(key).count < key.count { report(line, "a column twice in 'key'", expected: "each column once") }
        for column in key where column.isEmpty || column.utf8.count > 63 || column.contains(where: \.isWhitespace) {
            report(line, "'\(column)' in 'key'", expected: "names of columns, separated by commas")
        }
    }

    private mutating func readInputs(_ entry: GoldHeader.Entry) {
        for input in GoldHeader.list(entry.value) {
            let parts = input.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            resolve(line: entry.line) { scope throws(GoldScope.Refusal) in
                guard let name = parts.last, parts.count <= 2 else {
                    throw GoldScope.Refusal(what: "'\(input)' in 'inputs'", expected: GoldScope.allowed)
                }
                return try scope.relation(schema: parts.count == 2 ? parts[0] : nil, name: name)
            }
        }
    }

    private mutating func readChecks(_ entry: GoldHeader.Entry, of name: String) {
        let value: JSONValue
        do {
            value = try JSONReader.parse(entry.value)
        } catch {
            return report(
                entry.line, "'checks' is no JSON: \(error)",
                expected: #"an array such as [{"type": "min_rows", "min": 1}]"#)
        }
        let (read, found) = ChecksReading.read(gold: value, script: name, file: file, catalog: scope.catalog)
        checks = read
        for problem in found {
            report(
                entry.line, "\(problem.path): \(problem.what)", expected: problem.expected, nearest: problem.nearest)
        }
        for check in read {
            guard case .sql(let sql) = check.rule else { continue }
            for refusal in CheckStatement.problems(in: sql, rows: "gold.\(name)", scope: scope) {
                report(
                    entry.line, "check '\(check.name)': \(refusal.what)", expected: refusal.expected,
                    nearest: refusal.nearest)
            }
        }
    }

    // MARK: Statement

    /// The statement's bytes; nil where there is not exactly one, or where what it reads cannot be found.
    private mutating func search(_ text: String, _ header: GoldHeader) -> Range<Int>? {
        do {
            let ranges = try SQLGrammar.statements(in: text)
            guard let first = ranges.first else {
                return fail("no statement", expected: "one SELECT")
            }
            guard ranges.count == 1 else {
                let second = Self.firstToken(of: text, from: ranges[1].lowerBound)
                return fail(
                    "\(ranges.count) statements", expected: "one SELECT; put the others into files of their own",
                    line: SQLPosition(byteOffset: second, in: text).line)
            }
            guard let tree = try parseTree(of: text, header) else { return first }
            inspect(try JSONReader.parse(tree, deepestNesting: Self.deepestNesting), text, header)
            return first
        } catch let error as SQLGrammarError {
            let version = SQLGrammar.postgresVersion
            return fail(
                error.message,
                expected:
                    "PostgreSQL \(version); where the SQL is of a later one, say what it reads: -- inputs: silver.x",
                line: error.line)
        } catch {
            return fail(
                "the statement nests deeper than \(Self.deepestNesting)", expected: "less, for example by WITH queries",
                line: header.endLine)
        }
    }

    /// The tree; nil where the grammar refuses the SQL but `inputs` says what it reads: the server will judge the rest.
    private func parseTree(of text: String, _ header: GoldHeader) throws(SQLGrammarError) -> [UInt8]? {
        do {
            return try SQLGrammar.parseTree(of: text)
        } catch {
            guard header.entries["inputs"] == nil else { return nil }
            throw error
        }
    }

    private mutating func inspect(_ tree: JSONValue, _ text: String, _ header: GoldHeader) {
        guard let statement = tree["stmts"]?.arrayValue?.first?["stmt"], let kind = statement.objectValue?.first else {
            return
        }
        guard kind.name == "SelectStmt" else {
            return report(header.endLine, Self.words(of: kind.name), expected: "one SELECT")
        }
        let found = GoldReferences(statement: statement)
        for refusal in found.refusals {
            let line = refusal.location.map { SQLPosition(byteOffset: $0, in: text).line } ?? header.endLine
            report(line, refusal.what, expected: "a SELECT that only reads")
        }
        for reference in found.references {
            resolve(line: SQLPosition(byteOffset: reference.location, in: text).line) {
                scope throws(GoldScope.Refusal) in
                switch reference.kind {
                case .relation: return try scope.relation(schema: reference.schema, name: reference.name)
                case .function: return try scope.function(schema: reference.schema, name: reference.name)
                case .type:
                    try scope.checkType(schema: reference.schema, name: reference.name)
                    return nil
                }
            }
        }
    }

    private mutating func resolve(line: Int, _ lookUp: (GoldScope) throws(GoldScope.Refusal) -> Relation?) {
        do {
            if let relation = try lookUp(scope) { inputs.insert(relation) }
        } catch {
            report(line, error.what, expected: error.expected, nearest: error.nearest)
        }
    }

    /// `AlterTableStmt` → `ALTER TABLE`.
    private static func words(of node: String) -> String {
        switch node {
        case "CreateStmt": return "CREATE TABLE"
        case "CreateTableAsStmt": return "CREATE TABLE AS"
        case "ViewStmt": return "CREATE VIEW"
        case "TransactionStmt": return "a transaction statement"
        case "VariableSetStmt": return "SET"
        default: break
        }
        let stem = node.hasSuffix("Stmt") ? node.dropLast(4) : node[...]
        return stem.reduce(into: "") { $0 += ($1.isUppercase && !$0.isEmpty ? " " : "") + $1.uppercased() }
    }

    private static func firstToken(of text: String, from offset: Int) -> Int {
        offset + text.utf8.dropFirst(offset).prefix { $0 == 0x20 || (0x09...0x0D).contains($0) }.count
    }

    // MARK: Problems

    private mutating func report(_ line: Int?, _ what: String, expected: String = "", nearest: String? = nil) {
        let path = line.map { "line \($0)" } ?? ""
        problems.append(MetadataProblem(file: file, path: path, what: what, expected: expected, nearest: nearest))
    }

    private mutating func fail<Result>(_ what: String, expected: String = "", line: Int? = nil) -> Result? {
        report(line, what, expected: expected)
        return nil
    }
}
