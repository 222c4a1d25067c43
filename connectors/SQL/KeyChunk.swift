import ConnectorKit
import Metadata

/// The columns by which a table is read in chunks, and conditions on them.
///
/// A chunk ends at a row's key that the database names (`ORDER BY key LIMIT 1 OFFSET n`); all rows behind the last
/// chunk's end and up to this one belong to it. So rows with equal keys stay together, and NULLs have their place: no
/// row is lost or read twice, whether or not the key is unique.
struct KeyChunk: Sendable {
    /// A column of the key.
    struct KeyColumn: Sendable {
        /// As the statement writes it.
        var expression: String
        var isNullable: Bool
    }

    let columns: [KeyColumn]
    /// Where the database puts NULLs in an ascending order.
    let nullsFirst: Bool

    /// The names in the source of the entity's key columns.
    static func names(of entity: Entity) throws -> [String] {
        let names = entity.columns.filter(\.isKey).map { $0.path.count == 1 ? $0.path[0] : nil }
        guard !names.isEmpty, !names.contains(nil) else {
            throw ConnectorError(
                "source.chunk_rows needs a key", hint: "name columns of the source as the entity's key, or remove it")
        }
        return names.compactMap { $0 }
    }

    /// `ORDER BY` of the key.
    var order: String { columns.map(\.expression).joined(separator: ", ") }

    /// Rows behind a key; `isNull` says which of its values are NULL.
    func after(_ isNull: [Bool]) -> SQLTemplate {
        condition(isNull, strict: true, operator: ">", SQLParameter.after)
    }

    /// Rows up to a key, itself included.
    func through(_ isNull: [Bool]) -> SQLTemplate {
        condition(isNull, strict: false, operator: "<", SQLParameter.through)
    }

    /// `k1 > v1 OR (k1 = v1 AND (k2 > v2 OR …))`, with a bound on the first column alone that an index can use.
    private func condition(
        _ isNull: [Bool], strict: Bool, operator comparison: String, _ parameter: (Int) -> SQLParameter
    ) -> SQLTemplate {
        var result: SQLTemplate? = strict ? nil : SQLTemplate(text: "")
        for index in columns.indices.reversed() {
            let name = columns[index].expression
            let beyond = beyond(index, isNull[index], comparison, parameter(index))
            var equal =
                isNull[index]
                ? SQLTemplate(text: "\(name) IS NULL") : "\(name) = " + SQLTemplate([.parameter(parameter(index))])
            if let rest = result {
                let isLast = index == columns.count - 1
                equal = isLast ? equal : "(" + equal + " AND (" + rest + "))"
                result = beyond.map { $0 + " OR " + equal } ?? equal
            } else {
                // No row can lie behind a last value that nothing follows.
                result = beyond ?? SQLTemplate(text: "1 = 0")
            }
        }
        let whole = "(" + (result ?? SQLTemplate(text: "1 = 1")) + ")"
        guard let first = columns.first, !first.isNullable, !isNull[0], columns.count > 1 else { return whole }
        return "(\(first.expression) \(comparison)= " + SQLTemplate([.parameter(parameter(0))]) + " AND " + whole + ")"
    }

    private func beyond(
        _ index: Int, _ isNull: Bool, _ comparison: String, _ parameter: SQLParameter
    ) -> SQLTemplate? {
        let column = columns[index]
        // NULLs lie beyond every value on one side, and every value beyond them on the other.
        let nullsLieBeyond = (comparison == "<") == nullsFirst
        if isNull { return nullsLieBeyond ? nil : SQLTemplate(text: "\(column.expression) IS NOT NULL") }
        let plain = "\(column.expression) \(comparison) " + SQLTemplate([.parameter(parameter)])
        return nullsLieBeyond && column.isNullable ? plain + " OR \(column.expression) IS NULL" : plain
    }
}
