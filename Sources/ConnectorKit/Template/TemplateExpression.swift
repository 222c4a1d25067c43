import Foundation
import JSON
import Primitives

/// What stands between `{{` and `}}`: a value and the filters behind it.
struct TemplateExpression: Sendable, Hashable {
    enum Operand: Sendable, Hashable {
        /// A name and its members.
        case name([String])
        /// A text or number as written.
        case literal(JSONValue)
    }

    struct Call: Sendable, Hashable {
        var filter: TemplateFilter
        var arguments: [JSONValue]
    }

    /// As written, without the space around it.
    var source: String
    var value: Operand
    var calls: [Call]

    func evaluate(in scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        var found = try start(in: scope)
        for call in calls {
            do {
                found = try call.filter.apply(to: found, call.arguments)
            } catch {
                throw TemplateError(source, error.reason, hint: error.hint)
            }
        }
        return found
    }

    private func start(in scope: TemplateScope) throws(TemplateError) -> TemplateValue {
        let path: [String]
        switch value {
        case .literal(let literal): return .json(literal)
        case .name(let name): path = name
        }
        var found = scope.values[path[0]]
        for member in path.dropFirst() { found = found?.member(member) }
        if let found { return found }
        // A missing value is no mistake where a default stands behind it, if at least its first word is known.
        if calls.first?.filter == .default, scope.values[path[0]] != nil { return .json(.null) }
        let name = path.joined(separator: ".")
        let known = scope.known
        let near = nearestName(to: name, among: known).map { "did you mean '\($0)'? " } ?? ""
        throw TemplateError(
            source, "there is no '\(name)' here",
            hint: near + (known.isEmpty ? "nothing is known here" : "known: " + known.joined(separator: ", ")))
    }
}

/// Reads one expression up to its closing braces.
struct TemplateReader {
    private(set) var rest: ArraySlice<UInt8>
    private let start: ArraySlice<UInt8>

    /// A reader behind the opening braces.
    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
        start = bytes
    }

    mutating func expression() throws(TemplateError) -> TemplateExpression {
        let value = try operand()
        var calls: [TemplateExpression.Call] = []
        while true {
            skipSpace()
            if take("}}") { break }
            guard !rest.isEmpty else { throw mistake("it does not end", "close it with }}") }
            guard take("|") else { throw mistake("expected | or }} here") }
            calls.append(try call())
        }
        return TemplateExpression(source: written(dropping: 2), value: value, calls: calls)
    }

    private mutating func operand() throws(TemplateError) -> TemplateExpression.Operand {
        skipSpace()
        if let literal = try literal() { return .literal(literal) }
        var path = [try name()]
        while take(".") { path.append(try name(orIndex: true)) }
        return .name(path)
    }

    private mutating func call() throws(TemplateError) -> TemplateExpression.Call {
        skipSpace()
        let name = try name()
        guard let filter = TemplateFilter(rawValue: name) else {
            let known = TemplateFilter.allCases.map(\.rawValue)
            let near = nearestName(to: name, among: known).map { "did you mean '\($0)'? " } ?? ""
            throw mistake("there is no filter '\(name)'", near + "filters: " + known.joined(separator: ", "))
        }
        var arguments: [JSONValue] = []
        if take("(") {
            repeat {
                skipSpace()
                guard let argument = try literal() else { throw mistake("expected a text in '…' or a number") }
                arguments.append(argument)
                skipSpace()
            } while take(",")
            guard take(")") else { throw mistake("expected ) behind the arguments of \(name)") }
        }
        if let wrong = filter.complaint(about: arguments) { throw mistake("\(name): \(wrong)") }
        return TemplateExpression.Call(filter: filter, arguments: arguments)
    }

    private mutating func literal() throws(TemplateError) -> JSONValue? {
        guard let first = rest.first else { throw mistake("it does not end", "close it with }}") }
        if first == UInt8(ascii: "'") {
            rest.removeFirst()
            guard let end = rest.firstIndex(of: UInt8(ascii: "'")) else {
                throw mistake("the text does not end", "close it with '")
            }
            let text = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[(end + 1)...]
            return .string(text)
        }
        let digits = rest.prefix { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || isDigit($0) }
        guard first == UInt8(ascii: "-") || isDigit(first) else { return nil }
        rest = rest[digits.endIndex...]
        let text = String(decoding: digits, as: UTF8.self)
        guard Double(text) != nil else { throw mistake("'\(text)' is no number") }
        return .number(text)
    }

    private mutating func name(orIndex: Bool = false) throws(TemplateError) -> String {
        let letters = rest.prefix { byte in
            isDigit(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || byte == UInt8(ascii: "_")
        }
        guard let first = letters.first, orIndex || !isDigit(first) else { throw mistake("expected a name here") }
        rest = rest[letters.endIndex...]
        return String(decoding: letters, as: UTF8.self)
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// What was read so far, without the space around it.
    private func written(dropping closing: Int) -> String {
        let bytes = start[start.startIndex..<(rest.startIndex - closing)]
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        let from = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
        let to = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? from
        return String(decoding: bytes[from..<max(from, to)], as: UTF8.self)
    }

    /// An error that quotes up to the closing braces, or what there is of it.
    private func mistake(_ reason: String, _ hint: String = "") -> TemplateError {
        let end = start.indices.dropLast().first {
            start[$0] == UInt8(ascii: "}") && start[$0 + 1] == UInt8(ascii: "}")
        }
        let text = String(decoding: start[..<(end ?? start.endIndex)].prefix(120), as: UTF8.self)
        return TemplateError(text.trimmingCharacters(in: .whitespacesAndNewlines), reason, hint: hint)
    }
}
