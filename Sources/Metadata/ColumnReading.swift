import JSON

/// Reads one checked object of an entity's `columns`.
struct ColumnReading {
    let value: JSONValue
    let place: JSONPointer

    /// The column, role and key as far as the column itself says; nil where name or type is missing or wrong.
    func read(_ check: inout FieldCheck) -> Column? {
        let type = readType(&check)
        let format = readFormat(of: type, &check)
        check.checkTimeZone(value["timezone"]?.stringValue, at: place.appending("timezone"))
        if value["timezone"] != nil, let type, type != .timestamptz {
            refuse("timezone", "\(type.name) has no time zone", "it with timestamptz only", &check)
        }
        let path = readPath(&check)
        let defaultText = readDefault(of: type, format, &check)
        checkName(&check)
        guard let name = value["name"]?.stringValue, let type else { return nil }
        return Column(
            name: name, type: type, path: path, isNullable: value["nullable"]?.boolValue ?? true,
            defaultText: defaultText, format: value["format"]?.stringValue, trims: value["trim"]?.boolValue ?? false,
            nullValues: value["null_values"]?.strings ?? [], timezone: value["timezone"]?.stringValue,
            isKey: value["key"]?.boolValue ?? false, role: Self.role(of: value["scd"]) ?? .scd2,
            isStored: value["stored"]?.boolValue ?? true, description: value["description"]?.stringValue,
            references: value["references"]?.stringValue, renamedFrom: value["renamed_from"]?.stringValue)
    }

    /// The role that the column names itself.
    static func role(of scd: JSONValue?) -> ColumnRole? {
        switch scd {
        case .number(let text)?, .string(let text)?: ColumnRole(rawValue: text)
        default: nil
        }
    }

    // MARK: Attributes

    private func checkName(_ check: inout FieldCheck) {
        guard let name = value["name"]?.stringValue else { return }
        if ReservedNames.postgresColumns.contains(name) {
            refuse("name", "'\(name)' is a system column of PostgreSQL", "another name (path may stay)", &check)
        } else if name.utf8.count > ReservedNames.identifierBytes {
            refuse(
                "name", "\(quoted(name)) has \(name.utf8.count) bytes", "at most \(ReservedNames.identifierBytes)",
                &check)
        }
    }

    private func readType(_ check: inout FieldCheck) -> ColumnType? {
        guard let name = value["type"]?.stringValue else { return nil }
        for (attribute, types) in [("length", ["string"]), ("precision", ["numeric"]), ("scale", ["numeric"])] {
            if value[attribute] != nil, !types.contains(name) {
                refuse(
                    attribute, "\(name) has no \(attribute)", "it with \(types.joined(separator: ", ")) only", &check)
            }
        }
        let precision = value["precision"]?.intValue
        let scale = value["scale"]?.intValue
        if let scale, name == "numeric" {
            if let precision {
                if scale > precision {
                    refuse("scale", "\(scale) is more than the precision \(precision)", "at most \(precision)", &check)
                }
            } else if value["precision"] == nil {
                refuse("scale", "a scale without a precision", "both, or neither", &check)
            }
        }
        return ColumnType(name: name, length: value["length"]?.intValue, precision: precision, scale: scale)
    }

    private func readFormat(of type: ColumnType?, _ check: inout FieldCheck) -> TimeFormat? {
        guard let text = value["format"]?.stringValue, let type else { return nil }
        guard type.isTemporal else {
            refuse("format", "\(type.name) has no format", "it with date, time, timestamp, timestamptz only", &check)
            return nil
        }
        guard let format = TimeFormat(text) else {
            let letters = TimeFormat.letters.map { "%\($0)" }.joined(separator: " ")
            refuse("format", "\(quoted(text)) is no format", "epoch_s, epoch_ms or a text with \(letters)", &check)
            return nil
        }
        if let conflict = format.conflict(with: type) { refuse("format", conflict.what, conflict.expected, &check) }
        return format
    }

    private func readPath(_ check: inout FieldCheck) -> [String]? {
        guard let text = value["path"]?.stringValue else { return nil }
        if let pointer = JSONPointer(path: text) { return pointer.tokens }
        refuse("path", "\(quoted(text)) is no path", "a JSON pointer (/a/b) or dotted names (a.b[0])", &check)
        return nil
    }

    private func readDefault(of type: ColumnType?, _ format: TimeFormat?, _ check: inout FieldCheck) -> String? {
        guard let written = value["default"], let type else { return nil }
        let literal = LiteralCheck(type: type, format: format)
        guard let text = literal.text(of: written), literal.accepts(text) else {
            let given = literal.text(of: written).map(quoted) ?? written.kind
            refuse("default", "\(given) is no \(type.name)", literal.expectation, &check)
            return nil
        }
        return text
    }

    private func refuse(_ attribute: String, _ what: String, _ expected: String, _ check: inout FieldCheck) {
        check.report(place.appending(attribute), what, expected: expected)
    }
}
