internal import Metadata
internal import Postgres

/// What analysts read about a table in their tools: on the view, the function, and every column that has no
/// description of its own.
extension SilverTable {
    private static let systemComments: [(column: String, text: String)] = [
        ("_key_hash", "Hash of the key: the same in bronze and silver, whatever the key's notation"),
        ("_scd1_hash", "Hash of the columns that are overwritten in place"),
        ("_scd2_hash", "Hash of the columns whose change opens a version"),
        ("_is_current", "True while the row is open"),
        ("_is_deleted", "True where the row ended because its key was deleted"),
        ("_run_id", "The run whose batch brought the row; see audit.system_run"),
        ("_run_timestamp", "The logical instant of that run"),
        ("_updated_by_run_id", "The run whose batch changed the row last"),
        ("_created_at", "When the row was written, by the wall clock"),
        ("_updated_at", "When the row was changed last, by the wall clock"),
        ("_recorded_at", "Since when the row is known"),
        ("_superseded_at", "When the row was no longer held to be true; NULL while it is"),
    ]

    /// What is said about a column: its description, or where it comes from.
    static func comment(of column: Column) -> String {
        column.description ?? "Field \(column.path.joined(separator: ".")) of the source"
    }

    /// The comments beyond those on the table and its described columns.
    var furtherComments: [SQLText] {
        let instants: SQLText = isBitemporal ? "timestamptz, timestamptz" : "timestamptz"
        let view: SQLText = "\(table: schema, name + "_current")"
        var all: [SQLText] = [
            "COMMENT ON VIEW \(fragment: view) IS \(literal: "\(entity.description) – what is true now")",
            """
            COMMENT ON FUNCTION \(table: schema, name + "_asof")(\(fragment: instants)) IS
                \(literal: "\(entity.description) – what was true at an instant")
            """,
        ]
        for column in entity.storedColumns {
            let text = SilverTable.comment(of: column)
            all.append("COMMENT ON COLUMN \(fragment: view).\(identifier: column.name) IS \(literal: text)")
        }
        let names = systemColumns.map(\.name)
        all += SilverTable.systemComments.filter { names.contains($0.column) }.map { column, text in
            "COMMENT ON COLUMN \(fragment: history).\(identifier: column) IS \(literal: text)"
        }
        all += [
            "COMMENT ON COLUMN \(fragment: view)._valid_from IS 'Since when the row is true'",
            "COMMENT ON COLUMN \(fragment: view)._run_id IS 'The run whose batch brought the row; see audit.system_run'",
        ]
        return all
    }
}
