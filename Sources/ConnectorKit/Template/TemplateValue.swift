public import JSON
public import Primitives

/// A value that an expression can have.
public enum TemplateValue: Sendable, Hashable {
    /// A JSON value; the members of an object are reached with a point.
    case json(JSONValue)
    /// An instant; its text is ISO 8601 in UTC.
    case instant(Instant)

    /// A text.
    public static func text(_ text: String) -> TemplateValue { .json(.string(text)) }

    /// An object of texts.
    public static func texts(_ values: [(name: String, value: String)]) -> TemplateValue {
        .json(.object(values.map { JSONMember($0.name, .string($0.value)) }))
    }

    /// The value as JSON.
    public var json: JSONValue {
        switch self {
        case .json(let value): value
        case .instant(let instant): .string(instant.description)
        }
    }

    /// The text of a string, number, truth value or instant; nil for null, an array or an object.
    var text: String? {
        switch self {
        case .instant(let instant): instant.description
        case .json(.string(let text)), .json(.number(let text)): text
        case .json(.bool(let truth)): truth ? "true" : "false"
        case .json(.null), .json(.array), .json(.object): nil
        }
    }

    func member(_ name: String) -> TemplateValue? {
        switch self {
        case .json(.object): json[name].map { .json($0) }
        case .json(.array(let elements)):
            Int(name).flatMap { elements.indices.contains($0) ? .json(elements[$0]) : nil }
        default: nil
        }
    }

    /// The instant that it is, or whose ISO 8601 text it is; a text without offset is UTC, one without time midnight.
    var instant: Instant? {
        if case .instant(let instant) = self { return instant }
        guard case .json(.string(let text)) = self else { return nil }
        return Instant(utcByDefault: text)
    }

    /// What it is, for people.
    var kindName: String {
        switch self {
        case .instant: "an instant"
        case .json(.null): "null"
        case .json(.bool): "a truth value"
        case .json(.number): "a number"
        case .json(.string): "a text"
        case .json(.array): "a list"
        case .json(.object): "an object"
        }
    }
}
