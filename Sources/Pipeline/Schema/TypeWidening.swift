internal import Metadata

/// Whether a column that has one type in the database may get another without losing anything.
enum TypeWidening {
    /// True when every value of the live type, as `format_type` writes it, is one of the wanted type.
    static func isLossless(from live: String, to wanted: ColumnType) -> Bool {
        // Decimal digits that a whole number may have: https://www.postgresql.org/docs/15/datatype-numeric.html
        let digits = ["smallint": 5, "integer": 10, "bigint": 19][live]
        switch wanted {
        case .int: return live == "smallint"
        case .bigint: return live == "smallint" || live == "integer"
        case .double: return live == "smallint" || live == "integer"
        case .numeric(nil, _): return digits != nil || numeric(live) != nil
        case .numeric(let precision?, let scale):
            let scale = scale ?? 0
            if let digits { return precision - scale >= digits }
            guard let (oldPrecision, oldScale) = numeric(live) else { return false }
            return scale >= oldScale && precision - scale >= oldPrecision - oldScale
        default: return false
        }
    }

    /// Precision and scale of `numeric(10,2)`; nil for anything else, numeric without precision included.
    private static func numeric(_ type: String) -> (precision: Int, scale: Int)? {
        guard type.hasPrefix("numeric("), type.hasSuffix(")") else { return nil }
        let numbers = type.dropFirst(8).dropLast().split(separator: ",").compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }

    /// True when values of the one kind, changed to the other by PostgreSQL, are what the documents say: they need no
    /// second reading, only another hash.
    static func keepsValues(from kind: String, to other: String) -> Bool {
        kind == other || kind == "integer" && (other == "numeric" || other == "double")
    }
}
