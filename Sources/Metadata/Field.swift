public import JSON

/// The JSON type of a configuration field.
public indirect enum FieldType: Sendable, Hashable {
    /// A string.
    case string
    /// A string that matches an identifier-like pattern (a regular expression, anchored).
    case pattern(String)
    /// One of these strings.
    case oneOf([String])
    /// One of these strings; the `later` ones are known, but this version cannot obey them yet.
    case oneOfNow([String], later: [String])
    /// A whole number within the range.
    case int(ClosedRange<Int>)
    /// A number within the range.
    case number(ClosedRange<Double>)
    /// `true` or `false`.
    case bool
    /// An array.
    case array(FieldType)
    /// An object with free names.
    case map(FieldType)
    /// An object with these fields.
    case object([Field])
    /// An object whose `type`-like member selects one of several field lists: `discriminator`, then lists by value.
    case variant(String, [Variant])
    /// Any of these types.
    case either([FieldType])
    /// Anything.
    case any
    /// A known key that this version cannot obey yet; giving it is an error, so that nothing is silently ignored.
    case notYetSupported

    /// One case of a `variant`.
    public struct Variant: Sendable, Hashable {
        /// The discriminator's value.
        public var value: String
        /// The fields beside the discriminator.
        public var fields: [Field]
        /// One case of a variant.
        public init(_ value: String, _ fields: [Field] = []) {
            self.value = value
            self.fields = fields
        }
    }
}

/// One attribute of a configuration object: the single source of validation, defaults, JSON Schema and `describe`.
public struct Field: Sendable, Hashable {
    /// The JSON key.
    public var name: String
    /// The JSON type.
    public var type: FieldType
    /// True when the key must be given.
    public var isRequired: Bool
    /// The value used where the key is missing; nil leaves it out.
    public var defaultValue: JSONValue?
    /// True when only `{"secret": "name"}` is accepted, never a literal; in an array or a map, for each value.
    public var isSecret: Bool
    /// One sentence for people: what it means, its unit.
    public var text: String

    /// A field; `required` and `default` exclude each other.
    public init(
        _ name: String, _ type: FieldType, required: Bool = false, default defaultValue: JSONValue? = nil,
        secret: Bool = false, _ text: String
    ) {
        precondition(!(required && defaultValue != nil), "field '\(name)' is required and has a default")
        self.name = name
        self.type = type
        self.isRequired = required
        self.defaultValue = defaultValue
        self.isSecret = secret
        self.text = text
    }
}
