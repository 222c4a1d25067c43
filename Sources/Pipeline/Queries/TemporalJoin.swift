internal import Metadata
internal import Primitives

/// The SQL that joins two histories wherever both were true at the same time. Pure: two tables in, text out.
///
/// The text is a SELECT that psql and a gold script run as it is: qualified names, every output column named once.
public struct TemporalJoin: Sendable {
    private let left: NamedTable
    private let right: NamedTable
    private let pairs: [(left: Column, right: Column)]
    /// Keep the stretches of the left side in which the right side has nothing.
    private let isOuter: Bool

    /// A join on `left=right` columns; without any, on what the metadata's `references` say.
    /// - Throws: `UsageError` where there is no such column, no reference, or more than one to choose from.
    public init(_ left: NamedTable, _ right: NamedTable, on conditions: [String], isOuter: Bool) throws {
        self.left = left
        self.right = right
        self.isOuter = isOuter
        pairs =
            conditions.isEmpty
            ? try References(left, right).pairs()
            : try conditions.map { condition in
                let names = condition.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
                guard names.count == 2 else {
                    throw UsageError("--on is written LEFT_COLUMN=RIGHT_COLUMN, got '\(condition)'")
                }
                return (try left.column(names[0]), try right.column(names[1]))
            }
        for (one, other) in pairs {
            for (column, table) in [(one, left), (other, right)] where !column.isStored {
                throw UsageError("column '\(column.name)' of \(table.entity.id) is not stored in silver")
            }
            guard one.type.family == other.type.family else {
                throw UsageError(
                    "\(left.entity.id).\(one.name) is \(one.type.name) and \(right.entity.id).\(other.name) is "
                        + "\(other.type.name): they cannot be compared; choose columns of one type with --on")
            }
        }
    }

    /// The whole text, comments included, with a semicolon.
    public var text: String { (header + (isOuter ? outer : inner)).joined(separator: "\n") + ";\n" }

    // MARK: Text

    private var header: [String] {
        let kept = isOuter ? ", and what the first had alone" : ""
        return [
            "-- description: \(left.entity.id) with \(right.entity.id) as they were at the same time\(kept)",
            "-- materialize: view",
            "",
            "-- A row is true from valid_from until just before valid_to; NULL: until today. A deleted version is one that",
            "-- ended, so it takes part with the time in which it was true.",
        ]
    }

    private var inner: [String] {
        ["SELECT"] + list(leftColumns + rightColumns)
            + [
                "    -- the later start, and the earlier end: least() passes over NULL, which is an open end",
                "    greatest(l._valid_from, r._valid_from) AS valid_from,",
                "    least(l._valid_to, r._valid_to) AS valid_to",
                "FROM \(source(left)) AS l",
                "JOIN \(source(right)) AS r",
                "    ON \(condition)",
            ] + overlap
    }

    private var outer: [String] {
        let nothing = rightColumns.map { (source: "NULL::\(SilverTable.type(of: $0.column))", name: $0.name) }
        let gaps = leftColumns.map { (source: $0.source, name: $0.name) } + nothing
        return [
            "WITH matches AS (",
            "    -- the time that each row of the left side shares with the right side",
            "    SELECT l._key_hash, l._valid_from, range_agg(tstzrange(",
            "        greatest(l._valid_from, r._valid_from), least(l._valid_to, r._valid_to))) AS shared",
            "    FROM \(source(left)) AS l",
            "    JOIN \(source(right)) AS r",
            "        ON \(condition)",
        ] + overlap.map { "    " + $0 } + [
            "    GROUP BY l._key_hash, l._valid_from",
            ")",
        ] + inner + [
            "UNION ALL",
            "-- the stretches in which the right side had nothing",
            "SELECT",
        ] + list(gaps) + [
            "    lower(_gap) AS valid_from,",
            "    upper(_gap) AS valid_to",
            "FROM \(source(left)) AS l",
            "LEFT JOIN matches AS m",
            "    ON m._key_hash = l._key_hash AND m._valid_from = l._valid_from",
            "CROSS JOIN LATERAL unnest(",
            "    tstzmultirange(tstzrange(l._valid_from, l._valid_to)) - coalesce(m.shared, tstzmultirange())) AS _gap",
        ]
    }

    private var overlap: [String] {
        [
            "    AND l._valid_from < coalesce(r._valid_to, 'infinity')",
            "    AND r._valid_from < coalesce(l._valid_to, 'infinity')",
        ]
    }

    private var condition: String {
        pairs.map { "l.\(HistorySQL.word($0.left.name)) = r.\(HistorySQL.word($0.right.name))" }
            .joined(separator: " AND ")
    }

    /// The history; of a bitemporal one, what is thought today.
    private func source(_ table: NamedTable) -> String {
        let name = HistorySQL(table).name
        return table.entity.history == .bitemporal ? "(SELECT * FROM \(name) WHERE _superseded_at IS NULL)" : name
    }

    private func list(_ columns: [(source: String, name: String)]) -> [String] {
        columns.map { source, name in
            let word = HistorySQL.word(name)
            return source.hasSuffix("." + word) ? "    \(source)," : "    \(source) AS \(word),"
        }
    }

    private func list(_ columns: [OutputColumn]) -> [String] { list(columns.map { ($0.source, $0.name) }) }

    // MARK: Columns

    private struct OutputColumn {
        var column: Column
        var source: String
        var name: String
    }

    /// Left columns keep their names; right ones have the entity's in front. No name is given twice.
    private var outputColumns: [OutputColumn] {
        var taken: Set<String> = ["valid_from", "valid_to"]
        func name(_ candidates: [String]) -> String {
            let last = candidates.last ?? ""
            let numbered = (2...).lazy.map { "\(last)_\($0)" }
            let name =
                candidates.first { $0.utf8.count <= 63 && !taken.contains($0) }
                ?? numbered.first { !taken.contains($0) } ?? last
            taken.insert(name)
            return name
        }
        let isSelf = left.entity.id == right.entity.id
        let prefix = isSelf ? "other" : right.entity.id.name
        let ofLeft = left.entity.storedColumns.enumerated().map { index, column in
            OutputColumn(
                column: column, source: "l.\(HistorySQL.word(column.name))",
                name: name([column.name, "\(left.entity.id.name)_\(column.name)", "left_\(index + 1)"]))
        }
        let ofRight = right.entity.storedColumns.enumerated().map { index, column in
            OutputColumn(
                column: column, source: "r.\(HistorySQL.word(column.name))",
                name: name(["\(prefix)_\(column.name)", "right_\(column.name)", "right_\(index + 1)"]))
        }
        return ofLeft + ofRight
    }

    private var leftColumns: [OutputColumn] { Array(outputColumns.prefix(left.entity.storedColumns.count)) }
    private var rightColumns: [OutputColumn] { Array(outputColumns.dropFirst(left.entity.storedColumns.count)) }
}

/// The join columns that the metadata's `references` give.
private struct References {
    let left: NamedTable
    let right: NamedTable

    init(_ left: NamedTable, _ right: NamedTable) {
        self.left = left
        self.right = right
    }

    func pairs() throws -> [(left: Column, right: Column)] {
        let forth = references(from: left, to: right)
        let back = left.entity.id == right.entity.id ? [] : references(from: right, to: left)
        let found = forth.isEmpty ? back.map { (left: $1, right: $0) } : forth.map { (left: $0, right: $1) }
        guard !found.isEmpty else {
            throw UsageError(
                "no column of \(left.entity.id) references \(right.entity.id), nor the other way round; "
                    + "say which belong together: --on LEFT_COLUMN=RIGHT_COLUMN")
        }
        // Two columns that point to the same one are two relations, not one.
        let targets = forth.isEmpty ? found.map(\.left.name) : found.map(\.right.name)
        guard Set(targets).count == targets.count else {
            let choices = found.map { "--on \($0.left.name)=\($0.right.name)" }.joined(separator: " or ")
            throw UsageError("\(left.entity.id) and \(right.entity.id) are related more than once; choose \(choices)")
        }
        return found
    }

    private func references(from: NamedTable, to: NamedTable) -> [(Column, Column)] {
        from.entity.columns.compactMap { column in
            guard let parts = column.references?.split(separator: ".").map(String.init), parts.count >= 2 else {
                return nil
            }
            let system = parts.count == 3 ? parts[0] : from.entity.id.system.rawValue
            guard EntityID(system: SystemID(rawValue: system), name: parts[parts.count - 2]) == to.entity.id,
                let target = to.entity.columns.first(where: { $0.name == parts[parts.count - 1] })
            else { return nil }
            return (column, target)
        }
    }
}

extension ColumnType {
    /// Types of one family can be compared without a cast.
    fileprivate var family: String {
        switch self {
        case .string, .text: "text"
        case .smallint, .int, .bigint, .numeric, .double: "number"
        case .date, .timestamp, .timestamptz: "instant"
        case .boolean, .time, .uuid, .json, .binary: name
        }
    }
}
