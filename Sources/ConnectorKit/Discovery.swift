public import JSON
public import Metadata

/// An entity that a source could give, as its own catalogue tells of it: the draft of an entity of the metadata.
public struct DiscoveredEntity: Sendable, Equatable {
    /// A name as metadata writes it: `^[a-z][a-z0-9_]*$`.
    public var name: String
    /// What the source says that it is; may be empty.
    public var description: String
    /// The `source` object of the entity.
    public var source: JSONValue
    /// The columns, in the source's order; none where only samples can tell.
    public var columns: [DiscoveredColumn]
    /// The names of the key's columns, in order; none where the source does not say.
    public var key: [String]
    /// The column that tells when a record last changed.
    public var cursorColumn: DiscoveredCursor?

    /// A draft of an entity.
    public init(
        name: String, description: String = "", source: JSONValue, columns: [DiscoveredColumn] = [],
        key: [String] = [], cursorColumn: DiscoveredCursor? = nil
    ) {
        self.name = name
        self.description = description
        self.source = source
        self.columns = columns
        self.key = key
        self.cursorColumn = cursorColumn
    }
}

/// A column of a discovered entity.
public struct DiscoveredColumn: Sendable, Equatable {
    /// The name in silver.
    public var name: String
    /// The member of the record that holds it, where it is called otherwise: a JSON pointer.
    public var path: String?
    /// The type that takes every value which the source can hold.
    public var type: ColumnType
    /// False where the source promises a value.
    public var isNullable: Bool
    /// What the source says that it is; may be empty.
    public var description: String
    /// How sure the type is.
    public var confidence: Confidence

    /// A draft of a column.
    public init(
        name: String, path: String? = nil, type: ColumnType, isNullable: Bool = true, description: String = "",
        confidence: Confidence = .declared
    ) {
        self.name = name
        self.path = path
        self.type = type
        self.isNullable = isNullable
        self.description = description
        self.confidence = confidence
    }
}

/// A column that may serve as the cursor of delta loads.
public struct DiscoveredCursor: Sendable, Equatable {
    /// The column's name.
    public var column: String
    /// How sure the choice is.
    public var confidence: Confidence

    /// A proposal.
    public init(column: String, confidence: Confidence) {
        self.column = column
        self.confidence = confidence
    }
}

/// Why a proposal is made.
public enum Confidence: Sendable, Equatable {
    /// The source's own catalogue says so.
    case declared
    /// It holds for all of so many sampled records.
    case sampled(records: Int)
    /// The name suggests it.
    case named
}
