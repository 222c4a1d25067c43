import JSON

/// The `format` of a date or time column: `epoch_s`, `epoch_ms`, or a subset of strptime's directives.
public enum TimeFormat: Hashable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z, with decimals.
    case epochSeconds
    /// Milliseconds since 1970-01-01T00:00:00Z.
    case epochMilliseconds
    /// Literal bytes and directives in turn.
    case directives([Piece])

    /// One part of a strptime format.
    public enum Piece: Hashable, Sendable {
        /// These bytes, as they are.
        case literal([UInt8])
        /// `%Y` as `Y`; one of `letters`.
        case directive(UInt8)
    }

    /// The directives that are understood: year `Y` (4 digits) and `y` (2: 69–99 are 19xx), month `m` and `b`/`B`
    /// (English, short or long), day `d` and `e` (space or one digit allowed), day of the year `j`, hour `H` and
    /// `I` with `p`, minute `M`, second `S`, fraction `f` (1–6 digits), offset `z` (`+hhmm`, `+hh:mm`, `Z`).
    public static let letters = "YymbBdejHIpMSfz"

    /// Reads a format; nil for one without directives or with an unknown one.
    public init?(_ text: String) {
        switch text {
        case "epoch_s": self = .epochSeconds
        case "epoch_ms": self = .epochMilliseconds
        default:
            guard let pieces = Self.pieces(of: Array(text.utf8)) else { return nil }
            self = .directives(pieces)
        }
    }

    private static func pieces(of bytes: [UInt8]) -> [Piece]? {
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            guard index + 1 < bytes.count else { return nil }
            let letter = bytes[index + 1]
            index += 2
            if letter == UInt8(ascii: "%") {
                literal.append(letter)
                continue
            }
            guard letters.utf8.contains(letter) else { return nil }
            if !literal.isEmpty { pieces.append(.literal(literal)) }
            literal = []
            pieces.append(.directive(letter))
        }
        guard !pieces.isEmpty else { return nil }
        return literal.isEmpty ? pieces : pieces + [.literal(literal)]
    }

    /// The letters of the directives, none for the epochs.
    public var directives: Set<UInt8> {
        guard case .directives(let pieces) = self else { return [] }
        return Set(
            pieces.compactMap { piece in
                guard case .directive(let letter) = piece else { return nil }
                return letter
            })
    }
}
