import ConnectorKit
import JSON

/// Proposes an entity for each file, or for files that differ in digits only: `orders/2026-01-01.csv` and its like.
struct FileGroups {
    private var groups: [(pattern: String, example: String, count: Int)] = []
    private var places: [String: Int] = [:]

    /// Takes in what a place holds; files whose ending tells no format are left out.
    init(_ files: [PlacedFile]) {
        for file in files.sorted(by: { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }) {
            guard FileEnding(file.path).format != nil else { continue }
            let pattern = Self.pattern(of: file.path)
            if let place = places[pattern] {
                groups[place].count += 1
            } else {
                places[pattern] = groups.count
                groups.append((pattern, file.path, 1))
            }
        }
    }

    /// The drafts, in byte order of the paths, their columns left to samples.
    var entities: [DiscoveredEntity] {
        var taken: Set<String> = []
        return groups.map { group in
            let path = group.count == 1 ? group.example : group.pattern
            var source = [JSONMember("path", .string(path))]
            // What the records of XML are, only a person can tell.
            if FileEnding(path).format == .xml { source.append(JSONMember("records_path", .string("/"))) }
            var name = Self.name(of: group.pattern)
            var number = 2
            while !taken.insert(name).inserted {
                name = "\(Self.name(of: group.pattern))_\(number)"
                number += 1
            }
            let text = group.count == 1 ? "The file \(path)" : "\(group.count) files like \(group.example)"
            return DiscoveredEntity(name: name, description: text, source: .object(source))
        }
    }

    /// The path with `*` in place of digits, and of what stands between them; characters of patterns are kept as such.
    private static func pattern(of path: String) -> String {
        var names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for (index, name) in names.enumerated() {
            let end =
                index == names.count - 1
                ? name.firstIndex(of: ".").map { endingStart(name, $0) } ?? name.endIndex : name.endIndex
            let (stem, ending) = (name[..<end], name[end...])
            guard let first = stem.firstIndex(where: isDigit), let last = stem.lastIndex(where: isDigit) else {
                names[index] = escaped(stem) + ending
                continue
            }
            names[index] = escaped(stem[..<first]) + "*" + escaped(stem[stem.index(after: last)...]) + ending
        }
        return names.joined(separator: "/")
    }

    /// Where the ending begins that tells format and compression: `.csv.gz`.
    private static func endingStart(_ name: String, _ firstDot: String.Index) -> String.Index {
        var start = name.endIndex
        var rest = name[...]
        while let dot = rest.lastIndex(of: "."), dot >= firstDot, FileEnding.isKnown(rest[rest.index(after: dot)...]) {
            start = dot
            rest = rest[..<dot]
        }
        return start
    }

    private static func isDigit(_ character: Character) -> Bool { character.isASCII && character.isNumber }

    private static func escaped(_ text: some StringProtocol) -> String {
        String(text.flatMap { "*?[".contains($0) ? Array("[\($0)]") : [$0] })
    }

    /// Letters, digits and `_` of the path without its ending: `orders`, or `orders_lines` of `orders/lines-*.csv`.
    private static func name(of pattern: String) -> String {
        let stem = pattern.split(separator: ".").first.map(String.init) ?? pattern
        let words = stem.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "_")
        let name = words.first?.isLetter == true ? words : "file" + (words.isEmpty ? "" : "_\(words)")
        return String(name.prefix(30))
    }
}
