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

    /// Describes a connector type.
    public init(
        name: String, summary: String, connectionFields: [Field], sourceFields: [Field], example: String,
        isTabular: @escaping @Sendable (JSONValue) -> Bool = { _ in false }
    ) {
        self.name = name
        self.summary = summary
        self.connectionFields = connectionFields
        self.sourceFields = sourceFields
        self.example = example
        self.isTabular = isTabular
    }
}
