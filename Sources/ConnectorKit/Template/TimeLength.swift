/// A length of time as metadata write it: `7d`, `12h`, `-30m`; weeks, days, hours, minutes or seconds.
package struct TimeLength {
    /// How many of the unit; negative goes back.
    package let count: Int64
    private let unit: Int64

    /// Reads a text; nil for anything else.
    package init?(_ text: String) {
        let seconds: [Character: Int64] = ["w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1]
        guard let unit = text.last.flatMap({ seconds[$0] }), let count = Int64(text.dropLast()) else { return nil }
        self.count = count
        self.unit = unit
    }

    /// A length by which an instant is moved: below a thousand million of its unit.
    init?(shift text: String) {
        self.init(text)
        guard count.magnitude < 1_000_000_000 else { return nil }
    }

    /// The length; meant for counts that were bounded.
    package var microseconds: Int64 { count * unit * 1_000_000 }
}
