internal import JSON
internal import Metadata
internal import Primitives

/// A key as people write it, read by the types of its columns and hashed as the pipeline hashes it.
struct TraceKey {
    let values: [(column: String, value: String)]
    let hash: UUIDValue

    /// Reads `column=value` for each key column, or `_key_hash=uuid`.
    /// - Throws: `UsageError` naming the column and what is wrong with it.
    init(_ assignments: [String], of table: NamedTable) throws {
        let entity = table.entity
        var values: [(column: String, value: String)] = []
        for assignment in assignments {
            guard let sign = assignment.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                throw UsageError("a key is written COLUMN=VALUE, got '\(assignment)'")
            }
            values.append((String(assignment[..<sign]), String(assignment[assignment.utf8.index(after: sign)...])))
        }
        self.values = values
        if values.count == 1, values[0].column == "_key_hash" {
            guard let hash = UUIDValue(values[0].value) else {
                throw UsageError("_key_hash is a uuid, got '\(values[0].value)'")
            }
            self.hash = hash
            return
        }
        let keys = entity.keyColumns
        guard !keys.isEmpty else {
            throw UsageError(
                "\(entity.id) has no key: each record is a row; give the row's hash: --key _key_hash=UUID")
        }
        let wanted = "give " + keys.map { "--key \($0.name)=…" }.joined(separator: " ")
        for (column, _) in values {
            guard try table.column(column).isKey else {
                throw UsageError("'\(column)' is no key column of \(entity.id); \(wanted)")
            }
            guard values.count(where: { $0.column == column }) == 1 else {
                throw UsageError("key column '\(column)' of \(entity.id) is given twice")
            }
        }
        let missing = keys.filter { key in !values.contains { $0.column == key.name } }
        guard missing.isEmpty else {
            throw UsageError("the key of \(entity.id) lacks \(missing.map(\.name).joined(separator: ", ")); \(wanted)")
        }
        hash = try TraceKey.hash(values, entity, timezone: table.system.timezone)
    }

    private static func hash(
        _ values: [(column: String, value: String)], _ entity: Entity, timezone: String
    ) throws -> UUIDValue {
        var row = TypedRow(columns: entity.columns.count)
        var keys: [Int] = []
        for (index, column) in entity.columns.enumerated() where column.isKey {
            guard let text = values.first(where: { $0.column == column.name })?.value else { continue }
            keys.append(index)
            if let reason = read(text, column, timezone: entity.timezone ?? timezone, into: &row, at: index) {
                throw UsageError(
                    "key column '\(column.name)' of \(entity.id) is \(column.type.name): '\(text)' \(reason)")
            }
        }
        keys.sort { entity.columns[$0].name.utf8.lexicographicallyPrecedes(entity.columns[$1].name.utf8) }
        var hash = RowHash()
        return hash.key(row, keys)
    }

    /// Reads a value as the source writes it, else as silver shows it; returns why it is neither.
    private static func read(
        _ text: String, _ column: Column, timezone: String, into row: inout TypedRow, at index: Int
    ) -> String? {
        let bytes = Array(text.utf8)
        var plain = column
        plain.format = nil
        var reason: String?
        for (column, kind) in [(column, CellKind.string), (plain, .string), (plain, .number)] {
            if kind == .number, !takesNumbers(column.type, bytes) { continue }
            var reader = ColumnReader(column, timezone: timezone, readsLooseBooleans: true)
            let isJSON = column.type == .json && (try? JSONReader.parse(bytes)) != nil
            guard case .rejected(let why) = reader.read(isJSON ? .object : kind, bytes.span, into: &row, at: index)
            else { return nil }
            reason = reason ?? why
        }
        return reason
    }

    /// True for a number's text in a column of numbers: `7.0` is 7 there.
    private static func takesNumbers(_ type: ColumnType, _ text: [UInt8]) -> Bool {
        switch type {
        case .smallint, .int, .bigint, .double, .numeric:
            var number = NumericText()
            return number.read(text.span)
        default: return false
        }
    }
}
