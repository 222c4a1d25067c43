/// The type of a silver column, with its parameters where the type has them.
public enum ColumnType: Hashable, Sendable {
    /// `string`: text with a named CHECK on its length in characters, when `length` is given.
    case string(length: Int?)
    /// `text`: text without a limit.
    case text
    /// `smallint`: 16 bits.
    case smallint
    /// `int`: 32 bits.
    case int
    /// `bigint`: 64 bits.
    case bigint
    /// `double`: IEEE 754, 64 bits.
    case double
    /// `numeric`: every digit kept; `precision` digits, `scale` of them after the point.
    case numeric(precision: Int?, scale: Int?)
    /// `boolean`.
    case boolean
    /// `date`.
    case date
    /// `time`: of day, microseconds.
    case time
    /// `timestamp` without time zone, microseconds.
    case timestamp
    /// `timestamptz`: an instant, microseconds.
    case timestamptz
    /// `uuid`.
    case uuid
    /// `json`: stored as jsonb.
    case json
    /// `binary`: bytea, base64 in the document.
    case binary
}

/// How a change of a column's value is kept.
public enum ColumnRole: String, Sendable, CaseIterable {
    /// `2`: a change opens a new version.
    case scd2 = "2"
    /// `1`: a change overwrites the current version in place.
    case scd1 = "1"
    /// `ignore`: not compared; written with the next version.
    case ignore
    /// `fixed`: a change is rejected.
    case fixed
}

/// A column of an entity.
public struct Column: Sendable {
    /// What silver shows of personal data.
    public enum PersonalData: String, Sendable, CaseIterable {
        /// The value itself.
        case none
        /// `***` and the last two characters.
        case mask
        /// A hash of the value.
        case hash
        /// NULL.
        case drop
    }

    /// `name`, also the silver column's name.
    public var name: String
    /// `type` with `length`, `precision`, `scale`.
    public var type: ColumnType
    /// `path` as unescaped reference tokens (RFC 6901); the name alone by default.
    public var path: [String]
    /// `nullable`.
    public var isNullable: Bool
    /// `default`, as the text that the type accepts; used where the field is missing or NULL in a column that is not nullable.
    public var defaultText: String?
    /// `format`: a strptime subset, `epoch_s` or `epoch_ms`.
    public var format: String?
    /// `trim`: white space at both ends is removed first.
    public var trims: Bool
    /// `null_values`: texts that mean NULL.
    public var nullValues: [String]
    /// `timezone`: IANA name for timestamps without offset; the entity's or system's where it is nil.
    public var timezone: String?
    /// `key`: part of the entity's key.
    public var isKey: Bool
    /// `scd`; the cursor column's default is scd1.
    public var role: ColumnRole
    /// `stored`: false for columns read only for order, deletes or keys.
    public var isStored: Bool
    /// `pii`.
    public var pii: PersonalData
    /// `description`, also the silver column's comment.
    public var description: String?
    /// `references`: `entity.column` that the values point to.
    public var references: String?
    /// `renamed_from`.
    public var renamedFrom: String?

    /// A column; the loader fills every attribute, tests name only what they need.
    public init(
        name: String, type: ColumnType, path: [String]? = nil, isNullable: Bool = true, defaultText: String? = nil,
        format: String? = nil, trims: Bool = false, nullValues: [String] = [], timezone: String? = nil,
        isKey: Bool = false, role: ColumnRole = .scd2, isStored: Bool = true, pii: PersonalData = .none,
        description: String? = nil, references: String? = nil, renamedFrom: String? = nil
    ) {
        self.name = name
        self.type = type
        self.path = path ?? [name]
        self.isNullable = isNullable
        self.defaultText = defaultText
        self.format = format
        self.trims = trims
        self.nullValues = nullValues
        self.timezone = timezone
        self.isKey = isKey
        self.role = role
        self.isStored = isStored
        self.pii = pii
        self.description = description
        self.references = references
        self.renamedFrom = renamedFrom
    }
}
