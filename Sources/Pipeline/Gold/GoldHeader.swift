import Primitives

/// The comment lines above a gold script's SELECT.
struct GoldHeader {
    /// One `-- key: value` with the lines that continue it.
    struct Entry {
        var value: String
        var line: Int
    }

    /// Every key that may be written, in the order in which people should read them.
    static let keys = ["description", "materialize", "key", "inputs", "checks", "name"]

    private(set) var entries: [String: Entry] = [:]
    /// Faults of the header itself: line, what, and the nearest key.
    private(set) var faults: [(line: Int, what: String, nearest: String?)] = []
    /// The first line, from 1, that is neither blank nor a `--` comment.
    private(set) var endLine = 1
    /// Where that line begins, in bytes.
    private(set) var endOffset = 0

    init(_ text: String) {
        var open: String?
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let content = String(decoding: line.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            guard content.hasPrefix("--") || content.allSatisfy(\.isWhitespace) else { return }
            open = read(content.dropFirst(2), open: open)
            endLine += 1
            endOffset += line.count + 1
        }
        endOffset = min(endOffset, text.utf8.count)
    }

    /// Reads what follows `--`; returns the key that the next line may continue.
    private mutating func read(_ comment: Substring, open: String?) -> String? {
        let content = Self.trimmed(comment)
        if let open, comment.hasPrefix("  "), !content.isEmpty {
            entries[open]?.value += " \(content)"
            return open
        }
        let word = content.prefix { $0 == "_" || ("a"..."z").contains($0) || ("A"..."Z").contains($0) }
        guard !word.isEmpty, content.dropFirst(word.count).first == ":" else { return nil }
        let key = String(word)
        guard Self.keys.contains(key) else {
            let isKeyElsewhere = Self.keys.contains(key.lowercased())
            if key == key.lowercased() || isKeyElsewhere {
                let nearest = isKeyElsewhere ? key.lowercased() : nearestName(to: key, among: Self.keys)
                faults.append((endLine, "unknown header key '\(key)'", nearest))
            }
            return nil
        }
        if let first = entries[key] {
            faults.append((endLine, "second '\(key)' (the first is on line \(first.line))", nil))
        }
        entries[key] = Entry(value: Self.trimmed(content.dropFirst(word.count + 1)), line: endLine)
        return key
    }

    /// The comma-separated parts of a key's value.
    static func list(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map(trimmed)
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
