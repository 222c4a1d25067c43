/// One thing that is wrong with the metadata: where, what, what was expected, and the name most likely meant.
public struct MetadataProblem: Hashable, Sendable, CustomStringConvertible {
    /// The file, from the project's folder on: `metadata/entities.json`.
    public var file: String
    /// The place in the file: `entities[3].columns[1].type`, or `line 3, column 7` where the file is not JSON; may be empty.
    public var path: String
    /// What is wrong. Never the value of a secret.
    public var what: String
    /// What would be right; may be empty.
    public var expected: String
    /// The known name that was most likely meant.
    public var nearest: String?

    /// One thing that is wrong.
    public init(file: String, path: String, what: String, expected: String = "", nearest: String? = nil) {
        self.file = file
        self.path = path
        self.what = what
        self.expected = expected
        self.nearest = nearest
    }

    /// `metadata/entities.json: entities[3].columns[1].type: unknown type 'strng', expected one of …; did you mean
    /// 'string'?` in one line.
    public var description: String {
        var line = [file, path, what].filter { !$0.isEmpty }.joined(separator: ": ")
        if !expected.isEmpty { line += ", expected \(expected)" }
        if let nearest { line += "; did you mean '\(nearest)'?" }
        return line
    }
}

/// Everything that is wrong with the metadata, found in one reading.
public struct MetadataError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The problems in order of file and place; at least one.
    public var problems: [MetadataProblem]

    /// An error of these problems.
    public init(_ problems: [MetadataProblem]) { self.problems = problems }

    /// The count, then one line for each problem.
    public var description: String {
        let count = problems.count == 1 ? "1 problem in the metadata" : "\(problems.count) problems in the metadata"
        return ([count] + problems.map(\.description)).joined(separator: "\n")
    }
}

/// Text of a metadata file as a message may show it: quoted, short, without control and formatting characters, and
/// without the user info of a URL.
func quoted(_ text: some StringProtocol) -> String {
    var shown = ""
    if let at = text.lastIndex(of: "@"), let scheme = text.firstRange(of: "://"), scheme.upperBound <= at {
        return quoted(text[..<scheme.upperBound] + "…" + text[text.index(after: at)...])
    }
    for scalar in text.unicodeScalars.prefix(60) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return "'\(shown)\(text.unicodeScalars.count > 60 ? "…" : "")'"
}

/// `one of a, b, c`, the one name alone, or `none` where there are none; of many the first twelve and the number of
/// the others.
func anyOf(_ names: some Collection<String>, none: String) -> String {
    guard names.count > 1 else { return names.first ?? none }
    let shown = names.prefix(12).joined(separator: ", ")
    return names.count > 12 ? "one of \(shown) and \(names.count - 12) more" : "one of \(shown)"
}
