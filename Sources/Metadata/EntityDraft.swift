import JSON
import Primitives

/// An entity while it is read.
struct EntityDraft {
    var check: FieldCheck
    private(set) var value: JSONValue
    let object: LocatedObject
    var columns: [(index: Int, column: Column)] = []
    private var delta: DeltaLoad?
    var deleteMarker: DeleteMarker?
    var checks: [Check] = []
    var checkReferences: [(text: String, place: JSONPointer)] = []
    var explosion: Explosion?
    var forEach: ForEach?

    init(_ object: LocatedObject) {
        self.object = object
        check = FieldCheck(file: object.file)
        value = check.check(object.value, against: MetadataFields.entity, at: object.pointer)
    }

    func columnPlace(_ index: Int) -> JSONPointer { place("columns").appending(index) }

    func place(_ attribute: String) -> JSONPointer { object.pointer.appending(attribute) }

    var history: HistoryMode { value["history"]?.stringValue.flatMap(HistoryMode.init) ?? .scd2 }

    private var names: [String] { value["columns"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? [] }

    /// True when `name` is a column, else false with a problem recorded.
    mutating func isColumn(_ name: String, at place: JSONPointer) -> Bool {
        if names.contains(name) { return true }
        // Where a column's own name is wrong, this may be it.
        guard let columns = value["columns"]?.arrayValue, names.count == columns.count else { return false }
        check.report(
            place, "unknown column \(quoted(name))", expected: anyOf(names, none: "a column, of which there are none"),
            nearest: nearestName(to: name, among: names))
        return false
    }

    // MARK: Steps

    mutating func checkSource(_ connectors: [String: ConnectorDescription]) {
        guard let system = value["system_id"]?.stringValue, let connector = connectors[system],
            let source = value["source"], !isExploded
        else { return }
        let checked = check.check(source, against: connector.sourceFields, at: place("source"))
        value.replace("source", with: checked)
        for objection in connector.objections(checked) {
            check.report(
                objection.place.reduce(place("source")) { $0.appending($1) }, objection.what,
                expected: objection.expected)
        }
    }

    mutating func checkColumns() {
        guard let elements = value["columns"]?.arrayValue else { return }
        var seen: [String: Int] = [:]
        for (index, element) in elements.enumerated() where element.objectValue != nil {
            if let column = ColumnReading(value: element, place: columnPlace(index)).read(&check) {
                columns.append((index, column))
            }
            guard let name = element["name"]?.stringValue else { continue }
            if let first = seen[name] {
                check.report(
                    columnPlace(index).appending("name"), "'\(name)' is already the name of columns[\(first)]",
                    expected: "each name once")
            } else {
                seen[name] = index
            }
        }
        checkFormerNames(elements)
        if elements.isEmpty { check.report(place("columns"), "no columns", expected: "at least one") }
        if elements.count > ReservedNames.columnCount {
            check.report(
                place("columns"), "\(elements.count) columns", expected: "at most \(ReservedNames.columnCount)")
        }
        if !columns.isEmpty, columns.count == elements.count, !columns.contains(where: \.column.isStored) {
            check.report(place("columns"), "no column is stored", expected: "at least one")
        }
    }

    /// A column that was renamed left its former name free, and no other took it.
    private mutating func checkFormerNames(_ elements: [JSONValue]) {
        var seen: [String: Int] = [:]
        for (index, element) in elements.enumerated() {
            guard let former = element["renamed_from"]?.stringValue else { continue }
            let place = columnPlace(index).appending("renamed_from")
            if names.contains(former) {
                check.report(place, "'\(former)' is a column still", expected: "a name that no column has any more")
            } else if let first = seen[former] {
                check.report(
                    place, "'\(former)' is already the former name of columns[\(first)]", expected: "each name once")
            } else {
                seen[former] = index
            }
        }
    }

    /// Merges `key` of the entity into the columns.
    mutating func applyKey() {
        var seen: Set<String> = []
        for (index, name) in (value["key"]?.arrayValue ?? []).enumerated() {
            guard let name = name.stringValue else { continue }
            let place = place("key").appending(index)
            if !seen.insert(name).inserted {
                check.report(place, "'\(name)' a second time", expected: "each column once")
            } else if isColumn(name, at: place) {
                for position in columns.indices where columns[position].column.name == name {
                    columns[position].column.isKey = true
                }
            }
        }
        for position in columns.indices where columns[position].column.isKey {
            columns[position].column.isNullable = false
            let index = columns[position].index
            if columns[position].column.defaultText != nil {
                check.report(
                    columnPlace(index).appending("default"), "a key column with a default",
                    expected: "none: a record without its key is rejected")
            }
            if value["columns"]?.arrayValue?[index]["nullable"] == .bool(true) {
                check.report(
                    columnPlace(index).appending("nullable"), "a key column that is nullable",
                    expected: "false: a record without its key is rejected")
            }
        }
    }

    mutating func checkOrder() {
        for (index, name) in (value["order_by"]?.arrayValue ?? []).enumerated() {
            if let name = name.stringValue { _ = isColumn(name, at: place("order_by").appending(index)) }
        }
    }

    mutating func applyDelta() {
        guard let object = value["delta"] else {
            if value["load_type"]?.stringValue == "delta", self.object.value["delta"] == nil, !isExploded {
                check.report(
                    place("delta"), "missing",
                    expected: "an object with mode or cursor_column, since load_type is delta")
            }
            return
        }
        let place = place("delta")
        let written = self.object.value["delta"]
        let cursor = object["cursor_column"]?.stringValue
        let mode = object["mode"]?.stringValue.flatMap(DeltaLoad.Mode.init)
        if written?["mode"] == nil, written?["cursor_column"] == nil {
            check.report(place, "neither mode nor cursor_column", expected: "\"mode\": \"all\", or a cursor_column")
        } else if mode == .cursor, written?["cursor_column"] == nil {
            check.report(place.appending("cursor_column"), "missing", expected: "a column, since mode is cursor")
        }
        if written?["cursor_column"] == nil {
            for attribute in ["request_param", "initial", "lookback_s", "stop_when_older"]
            where written?[attribute] != nil {
                check.report(place.appending(attribute), "given without cursor_column", expected: "both, or neither")
            }
        }
        var load = DeltaLoad(mode: mode ?? (cursor == nil ? .all : .cursor), cursorColumn: cursor)
        load.requestParameter = object["request_param"]?.stringValue
        load.lookbackSeconds = object["lookback_s"]?.intValue ?? 0
        load.stopsWhenOlder = object["stop_when_older"]?.boolValue ?? false
        if let cursor, isColumn(cursor, at: place.appending("cursor_column")) {
            load.initial = applyCursor(cursor, object, place)
        }
        delta = load
    }

    /// Checks the cursor column, gives it its default role, and returns `initial` as text.
    private mutating func applyCursor(_ name: String, _ delta: JSONValue, _ place: JSONPointer) -> String? {
        guard let position = columns.firstIndex(where: { $0.column.name == name }) else { return nil }
        let (index, column) = columns[position]
        if ColumnReading.role(of: value["columns"]?.arrayValue?[index]["scd"]) == nil, !column.isKey {
            columns[position].column.role = .scd1
        }
        if !column.type.canBeCursor {
            check.report(
                place.appending("cursor_column"), "'\(name)' is of type \(column.type.name), which does not grow",
                expected: "a column of a number, text, date or timestamp type")
        } else if delta["lookback_s"]?.intValue ?? 0 > 0, !column.type.canLookBack {
            check.report(
                place.appending("lookback_s"), "the cursor '\(name)' is of type \(column.type.name)",
                expected: "a look-back with a number, date or timestamp only")
        }
        if delta["stop_when_older"]?.boolValue == true, value["columns"]?.arrayValue?[index]["format"] != nil {
            check.report(
                place.appending("stop_when_older"), "the cursor '\(name)' has a format of its own",
                expected: "a cursor that is written as ISO 8601 or as a number")
        }
        guard let initial = delta["initial"] else { return nil }
        let literal = LiteralCheck(type: column.type, format: nil)
        guard let text = literal.text(of: initial), literal.accepts(text) else {
            let given = literal.text(of: initial).map(quoted) ?? initial.kind
            check.report(
                place.appending("initial"), "\(given) is no \(column.type.name)", expected: literal.expectation)
            return nil
        }
        return text
    }

    mutating func checkRest() {
        check.checkTexts(["description"], of: value, at: object.pointer)
        check.checkTimeZone(value["timezone"]?.stringValue, at: place("timezone"))
        if let name = value["name"]?.stringValue, let system = value["system_id"]?.stringValue {
            let table = EntityID(system: SystemID(rawValue: system), name: name).table
            if table.utf8.count > ReservedNames.tableBytes {
                check.report(
                    place("name"), "table \(quoted(table)) has \(table.utf8.count) bytes",
                    expected:
                        "at most \(ReservedNames.tableBytes) for <system>_<entity>, so that the names of its constraints stay within 55"
                )
            }
        }
    }

    // MARK: Value

    /// The entity; nil where a mandatory attribute is missing or wrong.
    var entity: Entity? {
        guard let name = value["name"]?.stringValue, let system = value["system_id"]?.stringValue,
            let description = value["description"]?.stringValue,
            let loadType = value["load_type"]?.stringValue.flatMap(LoadType.init)
        else { return nil }
        func choice<Choice: RawRepresentable>(_ text: JSONValue?, _ fallback: Choice) -> Choice
        where Choice.RawValue == String { text?.stringValue.flatMap(Choice.init) ?? fallback }
        return Entity(
            id: EntityID(system: SystemID(rawValue: system), name: name), description: description, loadType: loadType,
            columns: columns.map(\.column), source: value["source"] ?? .object([]), delta: delta,
            orderBy: value["order_by"]?.strings ?? [], history: history,
            effectiveTimeColumn: value["effective_time_column"]?.stringValue,
            lateArrivals: choice(value["late_arrivals"], .splice),
            deleteMode: choice(value["delete_mode"], .close), deleteMarker: deleteMarker,
            fullScope: value["full_scope"]?.stringValue, allowsEmpty: value["allow_empty"]?.boolValue ?? false,
            maxDeleteFraction: value["max_delete_fraction"]?.doubleValue ?? 0.3,
            maxRejectFraction: value["max_reject_fraction"]?.doubleValue ?? 0.01,
            schemaMode: choice(value["schema_mode"], .evolve),
            documentStorage: choice(value["bronze"]?["doc"], .jsonb), explosion: explosion,
            forEach: forEach, rawCompression: choice(value["raw"]?["compress"], .none), checks: checks,
            isActive: value["active"]?.boolValue ?? true,
            order: value["order"]?.intValue ?? 0, owner: value["owner"]?.stringValue,
            tags: value["tags"]?.strings ?? [],
            timezone: value["timezone"]?.stringValue, renamedFrom: value["renamed_from"]?.stringValue,
            origin: object.origin)
    }
}
