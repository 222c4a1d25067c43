public import JSON

/// What the loader must know of a connector type to check metadata that names it.
public struct ConnectorDescription: Sendable {
    /// The `type` of a system.
    public var name: String
    /// One sentence: what it reads.
    public var summary: String
    /// The fields of a system's `connection`.
    public var connectionFields: [Field]
    /// The fields of an entity's `source`.
    public var sourceFields: [Field]
    /// A complete, valid example: the JSON object of a system, then of an entity.
    public var example: String
    /// True where the records of a `source` are rows of strings, as in CSV.
    public var isTabular: @Sendable (JSONValue) -> Bool
    /// True where `for_each` is obeyed.
    public var takesParents: Bool
    /// What is wrong with a `source` whose fields are right, each at its place within.
    public var objections: @Sendable (JSONValue) -> [Objection]

    /// What a connector objects to in a `source`.
    public struct Objection: Sendable, Hashable {
        /// Member names from the source on.
        public var place: [String]
        /// What is wrong.
        public var what: String
        /// What would be right.
        public var expected: String
        /// An objection.
        public init(_ place: [String], _ what: String, expected: String) {
            self.place = place
            self.what = what
            self.expected = expected
        }
    }

    /// Describes a connector type.
    public init(
        name: String, summary: String, connectionFields: [Field], sourceFields: [Field], example: String,
        takesParents: Bool = false, objections: @escaping @Sendable (JSONValue) -> [Objection] = { _ in [] },
        isTabular: @escaping @Sendable (JSONValue) -> Bool = { _ in false }
    ) {
        self.name = name
        self.summary = summary
        self.connectionFields = connectionFields
        self.sourceFields = sourceFields
        self.example = example
        self.takesParents = takesParents
        self.objections = objections
        self.isTabular = isTabular
    }
}
