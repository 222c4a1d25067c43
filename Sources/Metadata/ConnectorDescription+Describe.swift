import JSON

extension ConnectorDescription {
    /// The text of `medallion connectors describe`: the summary, the attributes of `connection` and `source` as
    /// tables (name, type, required or default, meaning), and the example.
    public func describe() -> String {
        var blocks = ["\(name): \(summary)"]
        for (title, fields) in [
            ("connection, in systems.json", connectionFields), ("source, in entities.json", sourceFields),
        ] {
            blocks.append(
                ([title] + (fields.isEmpty ? ["  (no attributes)"] : Self.table(fields))).joined(separator: "\n"))
        }
        blocks.append("example\n" + example.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
        return blocks.joined(separator: "\n\n") + "\n"
    }

    private static func table(_ fields: [Field]) -> [String] {
        let rows = [["name", "type", "default", "meaning"]] + fields.flatMap { Self.rows(of: $0, prefix: "") }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let line = "  " + (cells + [row[3]]).joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// A field's row, and the rows of the fields within it, named from the outer object on.
    private static func rows(of field: Field, prefix: String) -> [[String]] {
        let name = prefix + field.name
        let preset = field.isRequired ? "required" : field.defaultValue?.text() ?? "–"
        let row = [name, field.isSecret ? "{\"secret\": …}" : field.type.shortName, preset, field.text]
        guard !field.isSecret else { return [row] }
        switch field.type {
        case .object(let fields): return [row] + fields.flatMap { rows(of: $0, prefix: "\(name).") }
        case .array(.object(let fields)): return [row] + fields.flatMap { rows(of: $0, prefix: "\(name)[].") }
        case .variant(let discriminator, let variants):
            return [row]
                + variants.flatMap { variant in
                    [["\(name).\(discriminator)", "\"\(variant.value)\"", "–", ""]]
                        + variant.fields.flatMap { rows(of: $0, prefix: "\(name).") }
                }
        default: return [row]
        }
    }
}

extension FieldType {
    /// The type in a few characters, for tables.
    fileprivate var shortName: String {
        switch self {
        case .string, .pattern: "string"
        case .oneOf(let values), .oneOfNow(let values, _): values.joined(separator: " | ")
        case .int(let range): "integer" + Self.interval(range.lowerBound, range.upperBound, Int.min, Int.max)
        case .number(let range):
            "number"
                + Self.interval(
                    range.lowerBound, range.upperBound, -Double.greatestFiniteMagnitude, .greatestFiniteMagnitude)
        case .bool: "boolean"
        case .array(let element): "[\(element.shortName)]"
        case .map(.any), .object, .variant: "object"
        case .map(let value): "{name: \(value.shortName)}"
        case .either(let types): types.map(\.shortName).joined(separator: " | ")
        case .any: "any"
        case .notYetSupported: "not yet supported"
        }
    }

    private static func interval<Bound: Comparable>(_ low: Bound, _ high: Bound, _ lowest: Bound, _ highest: Bound)
        -> String
    {
        switch (low <= lowest, high >= highest) {
        case (true, true): ""
        case (true, false): " ≤ \(plainNumber(high))"
        case (false, true): " ≥ \(plainNumber(low))"
        case (false, false): " \(plainNumber(low))…\(plainNumber(high))"
        }
    }
}
