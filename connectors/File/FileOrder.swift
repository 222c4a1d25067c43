import ConnectorKit
import JSON
import Metadata
import Primitives

/// `order` of a source: in which order files are landed.
struct FileOrder: Decodable, Sendable {
    enum Key: String, Decodable, CaseIterable {
        case name
        case modified
        case date
    }

    var by: Key
    var pattern: String?

    static let fields = [
        Field(
            "by", .oneOf(Key.allCases.map(\.rawValue)), default: .string("name"),
            "name = byte order of the paths, modified = when the files last changed, date = a date in their names."),
        Field(
            "pattern", .string,
            "How the date is written, found anywhere in the path: %Y year, %m month, %d day, %H hour, %M minute, %S second, "
                + "as in %Y%m%d."),
    ]

    private static let digits: [UInt8: Int] = [
        UInt8(ascii: "Y"): 4, UInt8(ascii: "m"): 2, UInt8(ascii: "d"): 2, UInt8(ascii: "H"): 2, UInt8(ascii: "M"): 2,
        UInt8(ascii: "S"): 2,
    ]

    /// - Throws: `ConnectorError` for a date without a pattern, or a pattern that holds none.
    func check() throws {
        guard by == .date else {
            guard pattern == nil else {
                throw ConnectorError("source.order.pattern is for \"by\": \"date\"", hint: "remove it")
            }
            return
        }
        guard let pattern, let elements = Self.elements(of: pattern),
            elements.contains(where: { if case .number = $0 { true } else { false } })
        else {
            throw ConnectorError(
                "source.order.pattern '\(pattern ?? "")' holds no date that is known",
                hint: "write it with %Y %m %d %H %M %S, as in %Y%m%d")
        }
    }

    /// The files in this order, byte order of the paths where it says no more.
    /// - Throws: `ConnectorError` for a file without its date.
    func sorted(_ files: [PlacedFile], at place: String) throws -> [PlacedFile] {
        let named = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        switch by {
        case .name: return named
        case .modified:
            return try keyed(named) { file in
                guard let modified = file.stamp.modified else {
                    throw ConnectorError(
                        "file \(file.path) at \(place): the place does not say when it changed",
                        hint: "set source.order.by to \"name\" or \"date\"")
                }
                return [modified.microseconds]
            }
        case .date:
            let elements = Self.elements(of: pattern ?? "") ?? []
            return try keyed(named) { file in
                guard let date = Self.date(in: Array(file.path.utf8), elements) else {
                    throw ConnectorError(
                        "file \(file.path) at \(place): no date '\(pattern ?? "")' in its name",
                        hint: "correct source.order.pattern, or let source.path match only files with a date")
                }
                return date
            }
        }
    }

    private func keyed(_ files: [PlacedFile], _ key: (PlacedFile) throws -> [Int64]) throws -> [PlacedFile] {
        // The sort is stable, so that equal keys keep the order of their names.
        try files.map { (key: try key($0), file: $0) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.file)
    }

    private enum Element {
        case byte(UInt8)
        case number(UInt8, digits: Int)
    }

    private static func elements(of pattern: String) -> [Element]? {
        var elements: [Element] = []
        var rest = Array(pattern.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                elements.append(.byte(byte))
                continue
            }
            guard let letter = rest.popFirst() else { return nil }
            if letter == UInt8(ascii: "%") {
                elements.append(.byte(letter))
            } else if let count = digits[letter] {
                elements.append(.number(letter, digits: count))
            } else {
                return nil
            }
        }
        return elements
    }

    /// Year to second, as far as the pattern has them, of the last place where it fits: folders come before names.
    private static func date(in path: [UInt8], _ elements: [Element]) -> [Int64]? {
        for start in path.indices.reversed() {
            if let found = date(in: path[start...], elements) { return found }
        }
        return nil
    }

    private static func date(in text: ArraySlice<UInt8>, _ elements: [Element]) -> [Int64]? {
        var text = text
        var values: [UInt8: Int64] = [:]
        for element in elements {
            switch element {
            case .byte(let byte):
                guard text.popFirst() == byte else { return nil }
            case .number(let letter, let digits):
                let part = text.prefix(digits)
                guard part.count == digits, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
                values[letter] = part.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
                text = text.dropFirst(digits)
            }
        }
        let ranges: [(UInt8, ClosedRange<Int64>)] = [
            (UInt8(ascii: "m"), 1...12), (UInt8(ascii: "d"), 1...31), (UInt8(ascii: "H"), 0...24),
            (UInt8(ascii: "M"), 0...59), (UInt8(ascii: "S"), 0...60),
        ]
        guard ranges.allSatisfy({ $1.contains(values[$0] ?? $1.lowerBound) }) else { return nil }
        return "YmdHMS".utf8.map { values[$0] ?? 0 }
    }
}
