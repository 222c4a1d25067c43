import JSON

/// How an entity is asked for once for each row of another one.
extension EntityDraft {
    /// Reads `for_each`, where the system's connector can.
    mutating func readForEach(_ connectors: [String: ConnectorDescription]) {
        guard let written = value["for_each"] else { return }
        let place = place("for_each")
        if let system = value["system_id"]?.stringValue, let connector = connectors[system], !connector.takesParents {
            check.report(place, "a system of type \(connector.name) loads an entity as a whole", expected: "none")
        }
        if isExploded { check.report(place, "given with a pattern that lands nothing", expected: "none") }
        switch (written["entity"]?.stringValue, written["values"]?.arrayValue) {
        case (let name?, nil): readParent(name, written, place)
        case (nil, let values?):
            for name in ["columns", "changed_only"] where object.value["for_each"]?[name] != nil {
                check.report(place.appending(name), "given with values", expected: "only with entity")
            }
            readValues(values, place.appending("values"))
        default:
            check.report(place, "neither or both of entity and values", expected: "one of them")
        }
        checkParentPaths(place)
    }

    private mutating func readParent(_ name: String, _ written: JSONValue, _ place: JSONPointer) {
        let columns = written["columns"]?.strings ?? []
        if columns.isEmpty {
            check.report(place.appending("columns"), "missing", expected: "columns of \(name) to ask with")
        }
        guard let system = value["system_id"]?.stringValue else { return }
        forEach = .entity(
            EntityID(system: SystemID(rawValue: system), name: name), columns: columns,
            changedOnly: written["changed_only"]?.boolValue ?? false)
    }

    /// A value that is no object counts as `{"value": …}`.
    private mutating func readValues(_ values: [JSONValue], _ place: JSONPointer) {
        if values.isEmpty { check.report(place, "no values", expected: "at least one") }
        let objects = values.map { value in
            value.objectValue == nil ? JSONValue.object([JSONMember("value", value)]) : value
        }
        let names = objects.first?.objectValue?.map(\.name) ?? []
        var seen: Set<JSONValue> = []
        for (index, object) in objects.enumerated() {
            if object.objectValue?.map(\.name) != names {
                check.report(
                    place.appending(index), "other members than the first", expected: names.joined(separator: ", "))
            }
            if !seen.insert(object).inserted {
                check.report(place.appending(index), "the same value a second time", expected: "each value once")
            }
        }
        forEach = .values(objects)
    }

    /// A column with a path below `/_parent` reads what there is.
    private mutating func checkParentPaths(_ place: JSONPointer) {
        guard let names = forEach?.names else { return }
        let parent = Explosion.parentMember
        for (index, column) in columns
        where column.path.first == parent && !names.contains(where: { column.path == [parent, $0] }) {
            check.report(
                columnPlace(index).appending("path"), "for_each has no such column",
                expected: anyOf(names.map { "/\(parent)/\($0)" }, none: "columns in for_each first"))
        }
    }
}
