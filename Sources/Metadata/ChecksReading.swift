public import JSON
import Primitives

/// Reads an array of `checks`, of an entity or of a gold script; all problems collected.
public struct ChecksReading {
    /// What is known of a table's columns: nil means nothing, the server will judge.
    private let columns: [Column]?
    /// Names of columns that could not be read, so that nothing is said about them.
    private let isComplete: Bool
    private let system: String
    private let origin: (JSONPointer) -> String
    /// What was right.
    public private(set) var checks: [Check] = []
    /// `references`, with their place.
    private(set) var references: [(text: String, place: JSONPointer)] = []

    init(columns: [Column]?, isComplete: Bool, system: String, origin: @escaping (JSONPointer) -> String) {
        self.columns = columns
        self.isComplete = isComplete
        self.system = system
        self.origin = origin
    }

    /// Reads the checks of a gold script's header. References must name system, entity and column.
    public static func read(
        gold value: JSONValue, script: String, file: String, catalog: Catalog
    ) -> (checks: [Check], problems: [MetadataProblem]) {
        var check = FieldCheck(file: file)
        let place = JSONPointer(["checks"])
        let field = Field("checks", CheckFields.all, "")
        let right = check.check(.object([JSONMember("checks", value)]), against: [field])
        var reading = ChecksReading(columns: nil, isComplete: false, system: "") { "\(file): \($0.dotted)" }
        reading.read(right["checks"]?.arrayValue ?? [], at: place, &check)
        for read in reading.checks {
            guard case .references(_, let target, let column) = read.rule,
                catalog.entity(target)?.storedColumns.contains(where: { $0.name == column }) != true
            else { continue }
            let known = catalog.entities.flatMap { entity in entity.storedColumns.map { "\(entity.id).\($0.name)" } }
            let text = "\(target).\(column)"
            check.report(
                place, "unknown reference \(quoted(text))", expected: "system.entity.column",
                nearest: nearestName(to: text, among: known))
        }
        return (reading.checks, check.problems)
    }

    /// Reads elements that passed their field list; what did not is null and left out.
    mutating func read(_ elements: [JSONValue], at place: JSONPointer, _ check: inout FieldCheck) {
        var seen: [String: Int] = [:]
        for (index, element) in elements.enumerated() where element.objectValue != nil {
            let place = place.appending(index)
            guard let rule = rule(element, place, &check) else { continue }
            let severity = element["severity"]?.stringValue.flatMap(Check.Severity.init) ?? .fail
            var read = Check("", rule, severity: severity, origin: origin(place))
            let type = element["type"]?.stringValue ?? ""
            read.name = element["name"]?.stringValue ?? ([type] + read.columns).joined(separator: "_")
            if let first = seen[read.name] {
                check.report(
                    place.appending("name"), "'\(read.name)' is already the name of checks[\(first)]",
                    expected: "a name of its own for each check")
                continue
            }
            seen[read.name] = index
            checks.append(read)
        }
    }

    private mutating func rule(_ value: JSONValue, _ place: JSONPointer, _ check: inout FieldCheck) -> Check.Rule? {
        switch value["type"]?.stringValue {
        case "not_null": return columns(of: value, place, &check).map { .notNull($0) }
        case "unique": return columns(of: value, place, &check).map { .unique($0) }
        case "in":
            guard let column = column(of: value, place, &check), let values = value["values"]?.arrayValue else {
                return nil
            }
            if values.isEmpty { check.report(place.appending("values"), "empty", expected: "at least one value") }
            let texts = values.enumerated().compactMap { index, element in
                literal(element, of: column, place.appending("values").appending(index), &check)
            }
            return texts.count == values.count && !texts.isEmpty ? .oneOf(column, texts) : nil
        case "range": return range(value, place, &check)
        case "min_rows": return value["min"]?.intValue.map { .minRows($0) }
        case "max_rows": return value["max"]?.intValue.map { .maxRows($0) }
        case "references": return reference(value, place, &check)
        case "sql":
            guard let sql = value["sql"]?.stringValue else { return nil }
            if sql.allSatisfy(\.isWhitespace) {
                check.report(place.appending("sql"), "empty", expected: "a SELECT whose rows are violations")
                return nil
            }
            return .sql(sql)
        default: return nil
        }
    }

    private func range(_ value: JSONValue, _ place: JSONPointer, _ check: inout FieldCheck) -> Check.Rule? {
        guard let column = column(of: value, place, &check) else { return nil }
        guard value["min"] != nil || value["max"] != nil else {
            check.report(place, "neither min nor max", expected: "one of them, or both")
            return nil
        }
        if let type = type(of: column), type == .boolean || type == .uuid {
            check.report(
                place.appending("column"), "'\(column)' is of type \(type.name)",
                expected: "a column of a number, text, date or timestamp type")
            return nil
        }
        let bounds = ["min", "max"].map { name in
            value[name].map { literal($0, of: column, place.appending(name), &check) }
        }
        // An outer nil is a bound that was not given, an inner one a wrong one.
        if bounds.contains(where: { $0 != nil && $0 == .some(nil) }) { return nil }
        return .range(column, min: bounds[0] ?? nil, max: bounds[1] ?? nil)
    }

    private mutating func reference(
        _ value: JSONValue, _ place: JSONPointer, _ check: inout FieldCheck
    ) -> Check.Rule? {
        let column = column(of: value, place, &check)
        guard let text = value["references"]?.stringValue else { return nil }
        let place = place.appending("references")
        references.append((text, place))
        var parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, !system.isEmpty { parts.insert(system, at: 0) }
        guard parts.count == 3, let column else {
            // Of an entity the rules across the catalogue say it.
            if system.isEmpty, parts.count != 3 {
                check.report(place, "\(quoted(text)) is no reference", expected: "system.entity.column")
            }
            return nil
        }
        let target = EntityID(system: SystemID(rawValue: parts[0]), name: parts[1])
        return .references(column, target, column: parts[2])
    }

    // MARK: Columns and their values

    private func columns(of value: JSONValue, _ place: JSONPointer, _ check: inout FieldCheck) -> [String]? {
        if (value["column"] == nil) == (value["columns"] == nil) {
            check.report(
                place, value["column"] == nil ? "neither column nor columns" : "column and columns at once",
                expected: "one of them")
            return nil
        }
        guard let names = value["columns"]?.arrayValue else {
            return column(of: value, place, &check).map { [$0] }
        }
        if names.isEmpty { check.report(place.appending("columns"), "empty", expected: "at least one column") }
        let known = names.enumerated().compactMap { index, name in
            name.stringValue.flatMap { isColumn($0, place.appending("columns").appending(index), &check) ? $0 : nil }
        }
        return known.count == names.count && !known.isEmpty ? known : nil
    }

    private func column(of value: JSONValue, _ place: JSONPointer, _ check: inout FieldCheck) -> String? {
        guard let name = value["column"]?.stringValue, isColumn(name, place.appending("column"), &check) else {
            return nil
        }
        return name
    }

    private func isColumn(_ name: String, _ place: JSONPointer, _ check: inout FieldCheck) -> Bool {
        guard let columns else {
            let isName = !name.isEmpty && name.utf8.count <= ReservedNames.identifierBytes
            if !isName { check.report(place, "\(quoted(name)) is no column", expected: "a name of at most 63 bytes") }
            return isName
        }
        if let column = columns.first(where: { $0.name == name }) {
            if !column.isStored {
                check.report(place, "'\(name)' is not stored in silver", expected: "a stored column")
            }
            return column.isStored
        }
        guard isComplete else { return false }
        let names = columns.filter(\.isStored).map(\.name)
        check.report(
            place, "unknown column \(quoted(name))", expected: anyOf(names, none: "a column, of which there are none"),
            nearest: nearestName(to: name, among: names))
        return false
    }

    private func type(of column: String) -> ColumnType? { columns?.first { $0.name == column }?.type }

    /// The value as PostgreSQL reads it in quotes next to the column.
    private func literal(
        _ value: JSONValue, of column: String, _ place: JSONPointer, _ check: inout FieldCheck
    ) -> String? {
        guard let type = type(of: column) else {
            // Nothing is known of the column, or what is known is wrong: any scalar will do.
            let text = LiteralCheck(type: .text, format: nil).text(of: value)
            if text == nil { check.report(place, value.kind, expected: "a value") }
            return text
        }
        if type == .json || type == .binary {
            check.report(
                place, "a value of type \(type.name)", expected: "a check of another type, for example sql")
            return nil
        }
        let literal = LiteralCheck(type: type, format: nil)
        guard let text = literal.text(of: value), literal.accepts(text) else {
            let given = literal.text(of: value).map(quoted) ?? value.kind
            check.report(place, "\(given) is no \(type.name)", expected: literal.expectation)
            return nil
        }
        // Without an offset the session's time zone would decide.
        if type == .timestamptz, text.firstMatch(of: /(Z|[+-][0-9:]{2,5})$/) == nil || text.utf8.count <= 10 {
            check.report(place, "\(quoted(text)) has no offset", expected: "a timestamp such as 2026-01-31T23:59:59Z")
            return nil
        }
        return text
    }
}

extension EntityDraft {
    /// Reads `checks`, once columns and key are known.
    mutating func readChecks() {
        guard let elements = value["checks"]?.arrayValue else { return }
        let object = object
        var reading = ChecksReading(
            columns: columns.map(\.column), isComplete: columns.count == value["columns"]?.arrayValue?.count,
            system: value["system_id"]?.stringValue ?? ""
        ) { "\(object.file): \($0.dotted)" }
        reading.read(elements, at: place("checks"), &check)
        checks = reading.checks
        checkReferences = reading.references
    }
}
