import JSON

/// How an entity is made of lists within another one's records.
extension EntityDraft {
    private var pattern: Explosion.Pattern? {
        value["bronze"]?["pattern"]?.stringValue.flatMap(Explosion.Pattern.init)
    }

    /// True where the entity lands nothing of its own.
    var isExploded: Bool { pattern != nil }

    /// Reads `bronze`; gives the parent's columns their place, and refuses what an exploded entity cannot have.
    mutating func readExplosion() {
        guard let bronze = value["bronze"] else { return }
        let written = object.value["bronze"]
        let place = place("bronze")
        guard let pattern else {
            // A pattern that is wrong has been reported.
            guard bronze["pattern"]?.stringValue == "as_is" else { return }
            for name in ["from", "path", "parent_columns"] where written?[name] != nil {
                check.report(
                    place.appending(name), "given with pattern as_is", expected: "pattern explode or map_entries")
            }
            return
        }
        for (name, what) in [
            ("from", "the entity whose batches are read"), ("path", "where the list stands in its records"),
            ("parent_columns", "the key columns of that entity"),
        ] where written?[name] == nil {
            check.report(place.appending(name), "missing", expected: "\(what), since pattern is \(pattern.rawValue)")
        }
        refuseOwnLoads(pattern)
        let path = listPath(bronze["path"]?.stringValue, at: place.appending("path"))
        let names = bronze["parent_columns"]?.strings ?? []
        var seen: Set<String> = []
        for (index, name) in names.enumerated() where !seen.insert(name).inserted {
            check.report(
                place.appending("parent_columns").appending(index), "'\(name)' a second time",
                expected: "each column once")
        }
        placeParentColumns(names, at: place.appending("parent_columns"))
        guard let from = bronze["from"]?.stringValue, let system = value["system_id"]?.stringValue, let path else {
            return
        }
        explosion = Explosion(
            pattern: pattern, parent: EntityID(system: SystemID(rawValue: system), name: from), path: path,
            parentColumns: names)
    }

    /// What says how an entity is loaded, its parent says for an exploded one.
    private mutating func refuseOwnLoads(_ pattern: Explosion.Pattern) {
        let from = value["bronze"]?["from"]?.stringValue ?? "its parent"
        for (name, why) in [
            ("source", "the records of \(from) are read"), ("delta", "it takes what \(from) brings"),
            ("raw", "it lands nothing"), ("full_scope", "its scope is the parent"),
            ("effective_time_column", "this version takes its items as of the parent's batch"),
        ] {
            guard let given = object.value[name], given != .object([]) else { continue }
            check.report(place(name), "given with pattern \(pattern.rawValue)", expected: "none: \(why)")
        }
    }

    private mutating func listPath(_ text: String?, at place: JSONPointer) -> [String]? {
        guard let text else { return nil }
        if let pointer = JSONPointer(path: text), !pointer.tokens.isEmpty { return pointer.tokens }
        check.report(place, "\(quoted(text)) is no path", expected: "a JSON pointer (/a/b) or dotted names (a.b)")
        return nil
    }

    /// A parent's column is read by the column with the path `/_parent/<name>`, else by the one of its name.
    private mutating func placeParentColumns(_ names: [String], at place: JSONPointer) {
        let parent = Explosion.parentMember
        let written = value["columns"]?.arrayValue ?? []
        for (number, name) in names.enumerated() {
            let path = [parent, name]
            if !columns.contains(where: { $0.column.path == path }) {
                for position in columns.indices
                where columns[position].column.name == name && written[columns[position].index]["path"] == nil {
                    columns[position].column.path = path
                }
            }
            let readers = columns.filter { $0.column.path == path }
            if !readers.contains(where: \.column.isKey), columns.count == written.count {
                check.report(
                    place.appending(number), "no key column reads \(quoted(name)) of the parent",
                    expected: "a key column of that name, or one with the path /\(parent)/\(name)")
            }
            for reader in readers {
                for attribute in ["default", "format", "trim", "null_values", "timezone"]
                where object.value["columns"]?.arrayValue?[reader.index][attribute] != nil {
                    check.report(
                        columnPlace(reader.index).appending(attribute), "given for a column of the parent",
                        expected: "none: the parent's own is used")
                }
            }
        }
        let keys = columns.map(\.column).filter(\.isKey)
        if !names.isEmpty, columns.count == written.count, keys.allSatisfy({ $0.path.first == parent }), !keys.isEmpty {
            check.report(
                self.place("key"), "only columns of the parent",
                expected: "the item's own key too, or a column with the path /\(Explosion.positionMember)")
        }
        for (index, column) in columns
        where column.path.first == parent && !names.contains(where: { column.path == [parent, $0] }) {
            check.report(
                columnPlace(index).appending("path"), "no column of the parent stands there",
                expected: anyOf(names.map { "/\(parent)/\($0)" }, none: "parent_columns first"))
        }
    }
}
