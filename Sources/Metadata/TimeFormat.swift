/// The `format` of a date or time column: `epoch_s`, `epoch_ms`, or a text with strptime directives.
enum TimeFormat: Hashable {
    /// Seconds since 1970-01-01T00:00:00Z, with decimals.
    case epochSeconds
    /// Milliseconds since 1970-01-01T00:00:00Z.
    case epochMilliseconds
    /// A text with these directives, by their letters.
    case directives(Set<UInt8>)

    /// The directives that records are read with: year `Y` (four digits) or `y` (two: 70–99 are 19xx), month `m`, day
    /// `d`, hour `H`, minute `M`, second `S`, fraction `f` (one to six digits), offset `z` (`+hhmm`, `+hh:mm`, `Z`).
    static let letters = "YymdHMSfz"

    /// The directives of a time of day.
    static let timeLetters = Set("HMSf".utf8)

    /// Reads a format; nil for one without directives or with an unknown one.
    init?(_ text: String) {
        switch text {
        case "epoch_s": self = .epochSeconds
        case "epoch_ms": self = .epochMilliseconds
        default:
            var found: Set<UInt8> = []
            var rest = Array(text.utf8)[...]
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "%") else { continue }
                guard let letter = rest.popFirst() else { return nil }
                if letter == UInt8(ascii: "%") { continue }
                guard Self.letters.utf8.contains(letter) else { return nil }
                found.insert(letter)
            }
            guard !found.isEmpty else { return nil }
            self = .directives(found)
        }
    }

    /// Why a type cannot have the format, and what would be right; nil where it can.
    func conflict(with type: ColumnType) -> (what: String, expected: String)? {
        switch (self, type) {
        case (.directives(let letters), .timestamp) where letters.contains(UInt8(ascii: "z")):
            ("an offset (%z) in a timestamp", "the type timestamptz")
        case (.directives(let letters), .date) where !letters.isDisjoint(with: Self.timeLetters):
            ("a time of day in a date", "the type timestamp, or directives of a day only")
        case (.epochSeconds, .time), (.epochMilliseconds, .time):
            ("an instant for a time of day", "directives such as %H:%M:%S")
        default: nil
        }
    }
}
