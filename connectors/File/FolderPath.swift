/// A folder as metadata names it: `~`, `${VAR}` and `${VAR:-default}` stand for what the environment holds.
struct FolderPath {
    /// Why a folder cannot be made out, to follow its name in a sentence.
    struct Problem: Error {
        var reason: String
        var hint: String
    }

    private let expanded: String

    init(_ text: String, environment: [String: String]) throws(Problem) {
        var path = try Self.expandVariables(text, environment)
        if path == "~" || path.hasPrefix("~/") {
            guard let home = environment["HOME"], !home.isEmpty else {
                throw Problem(reason: "begins with ~, but HOME is not set", hint: "write the whole path")
            }
            path = home + path.dropFirst()
        } else if path.hasPrefix("~") {
            throw Problem(reason: "names another user's home folder", hint: "write the whole path")
        }
        guard !path.isEmpty else {
            throw Problem(reason: "is empty", hint: "name a folder; \".\" is the project's folder")
        }
        guard !path.utf8.contains(0) else { throw Problem(reason: "holds a NUL character", hint: "remove it") }
        expanded = path
    }

    /// The path from the file system's root; a relative one starts at `folder`.
    func absolute(from folder: String) -> String {
        var path = expanded.hasPrefix("/") ? expanded : expanded == "." ? folder : folder + "/" + expanded
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    static func expandVariables(
        _ text: String, _ environment: [String: String]
    ) throws(Problem) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "}") else {
                throw Problem(reason: "has a ${ without its }", hint: "write ${VAR} or ${VAR:-default}")
            }
            result += try value(of: rest[..<end], environment)
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// As in a shell: the default stands in for a variable that is not set or empty.
    private static func value(of reference: Substring, _ environment: [String: String]) throws(Problem) -> String {
        let separator = reference.firstRange(of: ":-")
        let name = separator.map { reference[..<$0.lowerBound] } ?? reference
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isName, !name.isEmpty else {
            throw Problem(
                reason: "holds ${\(reference)}, which is no variable", hint: "write ${VAR} or ${VAR:-default}")
        }
        if let value = environment[String(name)], !value.isEmpty { return value }
        if let separator { return String(reference[separator.upperBound...]) }
        throw Problem(
            reason: "needs the environment variable \(name), which is not set",
            hint: "set it, or write ${\(name):-default}")
    }
}
