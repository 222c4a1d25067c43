import JSON

extension FieldType {
    /// The type in words, for messages and `describe`: `a whole number from 0 to 10`.
    public var expectation: String {
        switch self {
        case .string: "a string"
        case .pattern(let pattern): "a string that matches \(pattern)"
        case .oneOf(let values), .oneOfNow(let values, _):
            values.count == 1 ? values[0] : "one of \(values.joined(separator: ", "))"
        case .int(let range) where range.upperBound == range.lowerBound + 1:
            "\(range.lowerBound) or \(range.upperBound)"
        case .int(let range): "a whole number" + Self.words(range.lowerBound, range.upperBound, Int.min, Int.max)
        case .number(let range):
            "a number"
                + Self.words(
                    range.lowerBound, range.upperBound, -Double.greatestFiniteMagnitude, .greatestFiniteMagnitude)
        case .bool: "true or false"
        case .array(let element): "an array, each element \(element.expectation)"
        case .map(.any), .object: "an object"
        case .map(let value): "an object of free names, each value \(value.expectation)"
        case .variant(let name, let variants):
            "an object whose \(name) is one of \(variants.map(\.value).joined(separator: ", "))"
        case .either(let types): types.map(\.expectation).joined(separator: " or ")
        case .any: "a value"
        case .notYetSupported: "the key left out"
        }
    }

    private static func words<Bound: Comparable>(_ low: Bound, _ high: Bound, _ lowest: Bound, _ highest: Bound)
        -> String
    {
        switch (low <= lowest, high >= highest) {
        case (true, true): Bound.self == Int.self ? " of 64 bits" : ""
        case (true, false): " of at most \(plainNumber(high))"
        case (false, true): " of at least \(plainNumber(low))"
        case (false, false): " from \(plainNumber(low)) to \(plainNumber(high))"
        }
    }

    /// True when a value of that JSON type can be meant for this field type, whatever its content.
    func takesKind(of value: JSONValue) -> Bool {
        switch (self, value) {
        case (.string, .string), (.pattern, .string), (.oneOf, .string), (.oneOfNow, .string): true
        case (.int, .number), (.number, .number), (.bool, .bool), (.array, .array): true
        case (.map, .object), (.object, .object), (.variant, .object): true
        case (.either(let types), _): types.contains { $0.takesKind(of: value) }
        case (.any, _), (.notYetSupported, _): true
        default: false
        }
    }
}

/// A bound as people write it: `1`, not `1.0`.
func plainNumber(_ bound: some Any) -> String {
    let text = "\(bound)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

extension JSONValue {
    /// The value's JSON type in words; never the value.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
