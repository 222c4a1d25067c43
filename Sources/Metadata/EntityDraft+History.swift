import JSON

/// How an entity keeps the past: modes, effective time, delete marker and scope.
extension EntityDraft {
    mutating func checkHistory() {
        switch history {
        case .scd2, .scd1, .bitemporal:
            let written = value["columns"]?.arrayValue ?? []
            // A faulty key attribute has been reported already.
            let hasKey = columns.contains(where: \.column.isKey) || written.contains { $0["key"] == .bool(true) }
            if !hasKey, object.value.objectValue != nil, value["key"]?.strings.isEmpty ?? (object.value["key"] == nil) {
                check.report(place("key"), "missing", expected: "key columns, since history is \(history.rawValue)")
            }
        case .latest where value["load_type"]?.stringValue == "delta":
            check.report(
                place("history"), "latest with load_type delta",
                expected: "load_type full: latest is the last full batch")
        case .append, .latest: break
        }
        guard history == .scd1 else { return }
        for position in columns.indices {
            let (index, column) = columns[position]
            let scd = value["columns"]?.arrayValue?[index]["scd"]
            if ColumnReading.role(of: scd) == .scd2 {
                check.report(
                    columnPlace(index).appending("scd"), "2 with history scd1", expected: "1, ignore or fixed")
            } else if column.role == .scd2 {
                columns[position].column.role = .scd1
            }
        }
    }

    /// The effective time is a date or timestamp; as a column it is overwritten in place unless it says otherwise.
    mutating func checkEffectiveTime() {
        let attribute = "effective_time_column"
        guard let name = value[attribute]?.stringValue else {
            if object.value["late_arrivals"] != nil, object.value[attribute] == nil {
                check.report(
                    place("late_arrivals"), "given without \(attribute)",
                    expected: "both: without an effective time no change comes late")
            }
            return
        }
        guard isColumn(name, at: place(attribute)),
            let position = columns.firstIndex(where: { $0.column.name == name })
        else { return }
        let (index, column) = columns[position]
        if ![.date, .timestamp, .timestamptz].contains(column.type) {
            check.report(
                place(attribute), "'\(name)' is of type \(column.type.name)",
                expected: "a column of type date, timestamp or timestamptz")
        }
        if column.isKey {
            check.report(
                place(attribute), "'\(name)' is a key column",
                expected: "another column: the versions of a key differ in their effective time")
        }
        if [.append, .latest].contains(history) {
            check.report(
                place(attribute), "given with history \(history.rawValue)", expected: "scd2, scd1 or bitemporal")
        }
        if ColumnReading.role(of: value["columns"]?.arrayValue?[index]["scd"]) == nil, column.role == .scd2 {
            columns[position].column.role = .scd1
        }
    }

    mutating func checkDeletes() {
        if let scope = value["full_scope"]?.stringValue { _ = isColumn(scope, at: place("full_scope")) }
        guard let marker = value["delete_marker"], marker.objectValue != nil else { return }
        let place = place("delete_marker")
        let written = object.value["delete_marker"]
        let isNotNull = written?["not_null"] != nil
        if isNotNull == (written?["equals"] != nil) {
            check.report(
                place, isNotNull ? "equals and not_null at once" : "neither equals nor not_null",
                expected: "one of them")
        } else if isNotNull, marker["not_null"] != .bool(true) {
            check.report(place.appending("not_null"), "false", expected: "true, or equals with a value")
        }
        guard let name = marker["column"]?.stringValue, isColumn(name, at: place.appending("column")),
            let column = columns.first(where: { $0.column.name == name })?.column
        else { return }
        if isNotNull {
            deleteMarker = DeleteMarker(column: name, equals: nil)
        } else if let equals = marker["equals"] {
            let literal = LiteralCheck(type: column.type, format: nil)
            guard let text = literal.text(of: equals), literal.accepts(text) else {
                let given = literal.text(of: equals).map(quoted) ?? equals.kind
                check.report(
                    place.appending("equals"), "\(given) is no \(column.type.name)", expected: literal.expectation)
                return
            }
            deleteMarker = DeleteMarker(column: name, equals: text)
        }
    }
}
