/// A table for a terminal: columns as wide as their content, numbers to the right.
struct TextTable {
    var header: [String]
    var rows: [[String]] = []

    init(_ header: String...) { self.header = header }

    init(header: [String]) { self.header = header }

    mutating func add(_ cells: String...) { rows.append(cells) }

    /// The same without the columns in which no row has anything.
    var withoutEmptyColumns: TextTable {
        let filled = header.indices.filter { column in rows.contains { !$0[column].isEmpty } }
        var table = TextTable(header: filled.map { header[$0] })
        table.rows = rows.map { row in filled.map { row[$0] } }
        return table
    }

    /// The table's lines, header first, or nothing where there is no row.
    var lines: [String] {
        guard !rows.isEmpty else { return [] }
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        let isNumber = header.indices.map { column in
            rows.allSatisfy { row in
                row[column].isEmpty || row[column] == "–"
                    || row[column].allSatisfy { $0.isNumber || ",.-".contains($0) } || row[column].hasSuffix(" MB")
            }
        }
        func line(_ cells: [String]) -> String {
            var text = ""
            for (column, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += isNumber[column] ? padding + cell : cell + padding
                text += column < cells.count - 1 ? "  " : ""
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        return [line(header), widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")] + rows.map(line)
    }

    /// The table as text.
    var text: String { lines.joined(separator: "\n") }
}

/// `13600` as `13,600`.
func grouped(_ number: Int) -> String {
    let digits = Array(String(abs(number)))
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return number < 0 ? "-" + text : text
}

/// `0.24 s`, `12.3 s`, `4 min 10 s`.
func elapsed(_ seconds: Double) -> String {
    if seconds >= 90 { return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s" }
    let hundredths = Int((seconds * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
}
