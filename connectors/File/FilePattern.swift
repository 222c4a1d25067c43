import ConnectorKit

/// A pattern of paths below a root: names with `*`, `?` and `[…]`, and `**` for any number of folders.
struct FilePattern {
    /// One part of the path.
    enum Segment {
        /// A name as it is.
        case name(String)
        /// A pattern of one name.
        case wildcard(NamePattern)
        /// `**`: no, one or many folders.
        case anyFolders
    }

    let text: String
    let segments: [Segment]

    /// - Throws: `ConnectorError` for a path that is empty, absolute, leaves the root or is no pattern.
    init(_ text: String) throws {
        func refuse(_ reason: String, _ hint: String) -> ConnectorError {
            ConnectorError("source.path '\(text)' \(reason)", hint: hint)
        }
        guard !text.hasPrefix("/") else { throw refuse("is absolute", "write it as seen from connection.root") }
        guard !text.utf8.contains(0) else { throw refuse("holds a NUL character", "remove it") }
        var segments: [Segment] = []
        for part in text.split(separator: "/") where part != "." {
            guard part != ".." else { throw refuse("leaves the root by '..'", "move connection.root up instead") }
            if part == "**" {
                if case .anyFolders = segments.last { continue }
                segments.append(.anyFolders)
            } else if part.contains(where: { "*?[".contains($0) }) {
                guard let pattern = NamePattern(part) else {
                    throw refuse("has a [ without its ]", "write [[] for the character itself")
                }
                segments.append(.wildcard(pattern))
            } else {
                segments.append(.name(String(part)))
            }
        }
        if case .anyFolders = segments.last, let all = NamePattern("*") { segments.append(.wildcard(all)) }
        guard !segments.isEmpty else { throw refuse("names no file", "name a file or a pattern, as in orders/*.json") }
        self.text = text
        self.segments = segments
    }
}

extension FilePattern {
    /// The folders and the name with which every match begins: up to the first wildcard.
    var literalStart: [String] {
        segments.prefix { if case .name = $0 { true } else { false } }
            .compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    /// True without a wildcard: it names one file.
    var isLiteral: Bool { literalStart.count == segments.count }

    /// True when the whole path matches. Empty names, `.` and `..` match nothing.
    func matches(_ path: String) -> Bool {
        let names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !names.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else { return false }
        return Self.matches(names[...], segments[...])
    }

    private static func matches(_ names: ArraySlice<String>, _ segments: ArraySlice<Segment>) -> Bool {
        guard let segment = segments.first else { return names.isEmpty }
        let rest = segments.dropFirst()
        switch segment {
        case .name(let name):
            guard let first = names.first, first.utf8.elementsEqual(name.utf8) else { return false }
            return matches(names.dropFirst(), rest)
        case .wildcard(let pattern):
            guard let first = names.first, pattern.matches(first) else { return false }
            return matches(names.dropFirst(), rest)
        case .anyFolders:
            if matches(names, rest) { return true }
            guard let first = names.first, !first.hasPrefix(".") else { return false }
            return matches(names.dropFirst(), segments)
        }
    }
}

/// A pattern of one file name, matched scalar by scalar, so that no normalization makes two names one.
struct NamePattern {
    private enum Element {
        case scalar(Unicode.Scalar)
        case anyScalar
        case anyRun
        case oneOf([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private let elements: [Element]

    /// Nil for a `[` without its `]`.
    init?(_ text: some StringProtocol) {
        var elements: [Element] = []
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": elements.append(.anyRun)
            case "?": elements.append(.anyScalar)
            case "[":
                guard let set = Self.parseSet(&rest) else { return nil }
                elements.append(set)
            default: elements.append(.scalar(scalar))
            }
        }
        self.elements = elements
    }

    /// What follows a `[`, up to and with its `]`; a `]` in first place is a member.
    private static func parseSet(_ rest: inout ArraySlice<Unicode.Scalar>) -> Element? {
        let isNegated = rest.first == "!" || rest.first == "^"
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while let low = rest.popFirst() {
            if low == "]", !ranges.isEmpty { return .oneOf(ranges, isNegated: isNegated) }
            if rest.count >= 2, rest.first == "-", rest[rest.startIndex + 1] != "]" {
                let high = rest[rest.startIndex + 1]
                rest.removeFirst(2)
                guard low <= high else { return nil }
                ranges.append(low...high)
            } else {
                ranges.append(low...low)
            }
        }
        return nil
    }

    /// True when the whole name matches. A name with a leading dot matches only a pattern that spells the dot.
    func matches(_ name: String) -> Bool {
        let scalars = Array(name.unicodeScalars)
        if scalars.first == ".", !startsWithDot { return false }
        var element = 0
        var position = 0
        // Where to go on when the last `*` has to take one scalar more.
        var retry: (element: Int, position: Int)?
        while position < scalars.count {
            if element < elements.count, case .anyRun = elements[element] {
                element += 1
                retry = (element, position)
            } else if element < elements.count, matches(elements[element], scalars[position]) {
                element += 1
                position += 1
            } else if let last = retry {
                element = last.element
                position = last.position + 1
                retry = (last.element, last.position + 1)
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { if case .anyRun = $0 { true } else { false } }
    }

    private var startsWithDot: Bool {
        if case .scalar(".") = elements.first { true } else { false }
    }

    private func matches(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
        switch element {
        case .scalar(let expected): scalar == expected
        case .anyScalar: true
        case .anyRun: false
        case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
        }
    }
}
