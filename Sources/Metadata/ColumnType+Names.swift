extension ColumnType {
    /// The `type` values that metadata takes, in the order in which people should read them.
    static let names = [
        "string", "text", "smallint", "int", "bigint", "double", "numeric", "boolean", "date", "time", "timestamp",
        "timestamptz", "uuid", "json", "binary",
    ]

    /// A type by its metadata name with the parameters that it has; nil for an unknown name.
    init?(name: String, length: Int? = nil, precision: Int? = nil, scale: Int? = nil) {
        switch name {
        case "string": self = .string(length: length)
        case "text": self = .text
        case "smallint": self = .smallint
        case "int": self = .int
        case "bigint": self = .bigint
        case "double": self = .double
        case "numeric": self = .numeric(precision: precision, scale: scale)
        case "boolean": self = .boolean
        case "date": self = .date
        case "time": self = .time
        case "timestamp": self = .timestamp
        case "timestamptz": self = .timestamptz
        case "uuid": self = .uuid
        case "json": self = .json
        case "binary": self = .binary
        default: return nil
        }
    }

    /// The metadata name, without parameters.
    public var name: String {
        switch self {
        case .string: "string"
        case .text: "text"
        case .smallint: "smallint"
        case .int: "int"
        case .bigint: "bigint"
        case .double: "double"
        case .numeric: "numeric"
        case .boolean: "boolean"
        case .date: "date"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .uuid: "uuid"
        case .json: "json"
        case .binary: "binary"
        }
    }

    /// True for the types whose text form depends on `format`.
    var isTemporal: Bool {
        switch self {
        case .date, .time, .timestamp, .timestamptz: true
        default: false
        }
    }

    /// True when values of the type grow in an order that a source can be asked by.
    var canBeCursor: Bool {
        switch self {
        case .boolean, .json, .binary, .time: false
        default: true
        }
    }

    /// True when a look-back can be subtracted from a value of the type.
    var canLookBack: Bool {
        switch self {
        case .smallint, .int, .bigint, .numeric, .double, .date, .timestamp, .timestamptz: true
        default: false
        }
    }
}
