/// What a gold script reads: a silver table (whichever of its forms), or another script's result.
public enum Relation: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A table of silver by its name without schema: `iso_countries`; its `_current` view and `_asof` function count too.
    case silver(String)
    /// A gold script by its name.
    case gold(String)

    /// `silver.iso_countries`, `gold.country_overview`.
    public var description: String {
        switch self {
        case .silver(let table): "silver.\(table)"
        case .gold(let script): "gold.\(script)"
        }
    }

    /// Byte order of what people read.
    public static func < (left: Relation, right: Relation) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }
}
