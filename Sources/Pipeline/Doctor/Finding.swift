/// What one check of `medallion doctor` came to.
public struct Finding: Sendable {
    /// How bad it is.
    public enum Level: String, Sendable {
        /// As it should be.
        case ok
        /// Worth knowing; nothing is broken.
        case warn
        /// Broken, or held back until somebody acts.
        case fail = "FAIL"
    }

    /// How bad it is.
    public var level: Level
    /// What was checked.
    public var what: String
    /// What was found, and what to do.
    public var detail: String

    /// A finding.
    public init(_ level: Level, _ what: String, _ detail: String = "") {
        self.level = level
        self.what = what
        self.detail = detail
    }
}
