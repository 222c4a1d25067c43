/// The layers, in the order in which data passes through them.
public enum Layer: String, Sendable, CaseIterable, Comparable, Codable {
    /// Payloads as received.
    case raw
    /// Documents and their changes.
    case bronze
    /// Typed rows with history.
    case silver
    /// What people query.
    case gold

    /// What a layer does: land, normalize, merge, build.
    public var verb: String {
        switch self {
        case .raw: "land"
        case .bronze: "normalize"
        case .silver: "merge"
        case .gold: "build"
        }
    }

    /// Earlier layers are smaller.
    public static func < (left: Layer, right: Layer) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}
