internal import Postgres

/// Defaults that a table has only while rows are copied which all have the same values in these columns: that costs the
/// server less than reading them a million times.
struct ColumnDefaults {
    let table: SQLText
    let values: [(column: String, value: SQLText)]

    /// Sets them.
    var set: SQLText { alter { "ALTER \(identifier: $0.column) SET DEFAULT \(fragment: $0.value)" } }

    /// Takes them away again.
    var drop: SQLText { alter { "ALTER \(identifier: $0.column) DROP DEFAULT" } }

    private func alter(_ change: ((column: String, value: SQLText)) -> SQLText) -> SQLText {
        "ALTER TABLE \(fragment: table) \(fragment: values.map(change).joined(separator: ", "))"
    }
}
