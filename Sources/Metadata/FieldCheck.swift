public import JSON
import Primitives

/// Checks a JSON tree against field lists and collects every problem on the way.
///
/// What comes back holds only members that are right, with defaults filled in, so that later checks can go on with it
/// and find more. Problems name places, never the values of secrets.
public struct FieldCheck: Sendable {
    /// What was found so far, in the order of reading.
    public private(set) var problems: [MetadataProblem] = []
    private let file: String

    /// A check of one file, named from the project's folder on.
    public init(file: String) { self.file = file }

    /// Checks an object's members against `fields`.
    /// - Parameter pointer: The object's place in the file.
    /// - Returns: The object without wrong members, defaults filled in; an empty object for anything but an object.
    public mutating func check(
        _ value: JSONValue, against fields: [Field], at pointer: JSONPointer = .root
    ) -> JSONValue {
        guard case .object(let members) = value else {
            report(pointer, "\(value.kind)", expected: "an object")
            return .object([])
        }
        var known: [JSONMember] = []
        for member in members {
            guard let field = fields.first(where: { $0.name.utf8.elementsEqual(member.name.utf8) }) else {
                reportUnknown(member.name, among: fields.map(\.name), at: pointer.appending(member.name))
                continue
            }
            if let right = check(member.value, as: field, at: pointer.appending(field.name)) {
                known.append(JSONMember(field.name, right))
            }
        }
        for field in fields where value[field.name] == nil {
            if field.isRequired {
                report(pointer.appending(field.name), "missing", expected: field.expectation)
            } else if let filled = defaultValue(of: field) {
                known.append(JSONMember(field.name, filled))
            }
        }
        return .object(known)
    }

    /// Records a problem at a place of the file.
    public mutating func report(_ pointer: JSONPointer, _ what: String, expected: String = "", nearest: String? = nil) {
        problems.append(
            MetadataProblem(file: file, path: pointer.dotted, what: what, expected: expected, nearest: nearest))
    }

    /// A default passes the same check, so that defaults within it are filled in too.
    private func defaultValue(of field: Field) -> JSONValue? {
        guard let value = field.defaultValue, !field.isSecret else { return field.defaultValue }
        var check = FieldCheck(file: file)
        let filled = check.check(value, as: field, at: .root)
        precondition(check.problems.isEmpty, "the default of field '\(field.name)' is no legal value of its type")
        return filled
    }

    // MARK: One value

    private mutating func check(_ value: JSONValue, as field: Field, at pointer: JSONPointer) -> JSONValue? {
        field.isSecret ? checkSecret(value, field.type, pointer) : check(value, as: field.type, at: pointer)
    }

    /// The value with defaults filled in, nil with a problem recorded where it is wrong.
    private mutating func check(_ value: JSONValue, as type: FieldType, at pointer: JSONPointer) -> JSONValue? {
        switch (type, value) {
        case (.notYetSupported, _):
            report(pointer, "not supported by this version yet", expected: type.expectation)
        case (.any, _), (.string, .string), (.bool, .bool): return value
        case (.pattern(let pattern), .string(let text)): return check(text, pattern, pointer)
        case (.oneOfNow(_, let later), .string(let text)) where later.contains(text):
            report(pointer, "\(text) is not supported by this version yet", expected: type.expectation)
        case (.oneOf(let names), .string(let text)), (.oneOfNow(let names, _), .string(let text)):
            if names.contains(where: { $0.utf8.elementsEqual(text.utf8) }) { return value }
            let attribute = pointer.tokens.last { Int($0) == nil } ?? "value"
            report(
                pointer, "unknown \(attribute) \(quoted(text))", expected: type.expectation,
                nearest: nearestName(to: text, among: names))
        case (.int(let range), .number(let text)):
            if let number = Int(text), range.contains(number) { return value }
            report(
                pointer, Int(text) == nil ? "the number \(text)" : "\(text) is out of range", expected: type.expectation
            )
        case (.number(let range), .number(let text)):
            if let number = Double(text), number.isFinite, range.contains(number) { return value }
            report(pointer, "\(text) is out of range", expected: type.expectation)
        case (.array(let element), .array(let elements)):
            // A wrong element leaves null behind, so that the others keep their index.
            return .array(elements.enumerated().map { check($1, as: element, at: pointer.appending($0)) ?? .null })
        case (.map(let element), .object(let members)):
            return .object(
                members.compactMap { member in
                    check(member.value, as: element, at: pointer.appending(member.name))
                        .map { JSONMember(member.name, $0) }
                })
        case (.object(let fields), .object): return check(value, against: fields, at: pointer)
        case (.variant(let name, let variants), .object): return check(value, name, variants, pointer)
        case (.either(let types), _): return check(value, amongst: types, pointer)
        default:
            report(pointer, value.kind, expected: type.expectation)
        }
        return nil
    }

    private mutating func check(_ text: String, _ pattern: String, _ pointer: JSONPointer) -> JSONValue? {
        let expression = FieldPattern(pattern)
        if expression.matches(text) { return .string(text) }
        let plain = snakeCase(text)
        report(
            pointer, "\(quoted(text)) is not allowed", expected: FieldType.pattern(pattern).expectation,
            nearest: expression.matches(plain) ? plain : nil)
        return nil
    }

    private mutating func check(
        _ value: JSONValue, _ discriminator: String, _ variants: [FieldType.Variant], _ pointer: JSONPointer
    ) -> JSONValue? {
        let choice = Field(discriminator, .oneOf(variants.map(\.value)), required: true, "Selects the other keys.")
        guard case .string(let chosen)? = value[discriminator],
            let variant = variants.first(where: { $0.value.utf8.elementsEqual(chosen.utf8) })
        else {
            // Only the discriminator is checked: nobody knows which other keys are right.
            let only = value.objectValue?.filter { $0.name.utf8.elementsEqual(discriminator.utf8) } ?? []
            _ = check(.object(only), against: [choice], at: pointer)
            return nil
        }
        return check(value, against: [choice] + variant.fields, at: pointer)
    }

    /// Where one alternative alone takes the value's JSON type, its own problems are the helpful ones.
    private mutating func check(_ value: JSONValue, amongst types: [FieldType], _ pointer: JSONPointer) -> JSONValue? {
        let candidates = types.filter { $0.takesKind(of: value) }
        for candidate in candidates {
            var trial = FieldCheck(file: file)
            let result = trial.check(value, as: candidate, at: pointer)
            if trial.problems.isEmpty { return result }
            guard candidates.count == 1 else { continue }
            for var problem in trial.problems {
                if problem.path == pointer.dotted { problem.expected = FieldType.either(types).expectation }
                problems.append(problem)
            }
            return nil
        }
        report(pointer, value.kind, expected: FieldType.either(types).expectation)
        return nil
    }

    // MARK: Secrets

    /// Accepts `{"secret": "name"}`; what stands there instead is never shown.
    private mutating func checkSecret(_ value: JSONValue, _ type: FieldType, _ pointer: JSONPointer) -> JSONValue? {
        switch (type, value) {
        case (.array(let element), .array(let elements)):
            return .array(elements.enumerated().compactMap { checkSecret($1, element, pointer.appending($0)) })
        case (.map(let element), .object(let members)):
            return .object(
                members.compactMap { member in
                    checkSecret(member.value, element, pointer.appending(member.name)).map {
                        JSONMember(member.name, $0)
                    }
                })
        case (_, .object(let members)):
            if members.count == 1, case .string(let name)? = value["secret"],
                FieldPattern(Field.secretNamePattern).matches(name)
            {
                return value
            }
            report(pointer, "an object that is no reference to a secret", expected: Field.secretExpectation)
        case (_, .string): report(pointer, "a literal where only a secret may stand", expected: Field.secretExpectation)
        default: report(pointer, value.kind, expected: Field.secretExpectation)
        }
        return nil
    }

    // MARK: Unknown names

    private mutating func reportUnknown(_ name: String, among known: [String], at pointer: JSONPointer) {
        let nearest = nearestName(to: name, among: known) ?? nearestName(to: snakeCase(name), among: known)
        report(
            pointer, "unknown key \(quoted(name))", expected: nearest == nil ? anyOf(known, none: "no keys here") : "",
            nearest: nearest)
    }
}

extension Field {
    /// The pattern of a secret's name: it becomes part of a variable's and a file's name.
    static let secretNamePattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$"
    /// What stands for a secret.
    static let secretExpectation = "{\"secret\": \"name\"} with a name that matches \(secretNamePattern)"

    /// What the field takes, in words.
    var expectation: String { isSecret ? Self.secretExpectation : type.expectation }
}
