/// The known name that a mistyped one most likely meant, for "did you mean" hints; nil when none is near.
///
/// Damerau-Levenshtein distance with adjacent transpositions, at most a third of the name's length.
public func nearestName(to name: String, among known: some Sequence<String>) -> String? {
    let limit = max(1, name.utf8.count / 3)
    return known.map { ($0, editDistance(Array(name.utf8), Array($0.utf8))) }
        .filter { $0.1 <= limit && $0.1 < name.utf8.count }
        .min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
}

private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (row, a) in left.enumerated() {
        var current = [row + 1]
        for (column, b) in right.enumerated() {
            var best = min(last[column + 1] + 1, current[column] + 1, last[column] + (a == b ? 0 : 1))
            if row > 0, column > 0, a == right[column - 1], left[row - 1] == b {
                best = min(best, beforeLast[column - 1] + 1)
            }
            current.append(best)
        }
        (beforeLast, last) = (last, current)
    }
    return last[right.count]
}
