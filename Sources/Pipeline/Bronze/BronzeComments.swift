internal import Postgres

/// What the columns of bronze mean, for those who read it in their tools.
extension BronzeTable {
    private static let logComments: [(column: String, text: String)] = [
        ("_key_hash", "Hash of the key; the same as in silver"),
        ("_doc_hash", "Hash of the record as received; NULL for a delete by absence"),
        ("_change", "upsert, delete or restore"),
        ("_effective_at", "From when the change is true, where the data say so; else it is the run's instant"),
        ("_run_id", "The run that landed the batch; see audit.system_run"),
        ("_run_timestamp", "The logical instant of that run"),
        ("_raw_file", "The raw file, from 1; see audit.raw_file. 0 for a key that is absent from a full batch"),
        ("_record_no", "The record's position in the raw file, from 1"),
        ("doc", "The record; NULL for a delete by absence"),
        ("_order", "Sort key of the columns in order_by, with an effective time"),
    ]

    private static let lastComments: [(column: String, text: String)] = [
        ("_key_hash", "Hash of the key"), ("_doc_hash", "Hash of its last record; NULL while it is deleted"),
        ("_run_timestamp", "The logical instant of the run that landed its last change"),
        ("_is_deleted", "True while the key is deleted"),
        ("_by_absence", "True where it was deleted because a full batch did not bring it"),
        ("_effective_at", "From when its last change is true"), ("_applies_at", "From when its last change counts"),
        ("_order", "Sort key of its last change"), ("_scope", "Hash of the full_scope value of its last record"),
    ]

    /// The comments on the table of last changes, and on all columns.
    var columnComments: [SQLText] {
        let text =
            "The last change of each key"
            + (LastChanges(table: self).canStayInLog ? ", as the log tells it; empty as long as the log is short" : "")
        return ["COMMENT ON TABLE \(fragment: last) IS \(literal: text)"]
            + [(log, BronzeTable.logComments), (last, BronzeTable.lastComments)].flatMap { table, comments in
                comments.map { column, text in
                    "COMMENT ON COLUMN \(fragment: table).\(identifier: column) IS \(literal: text)" as SQLText
                }
            }
    }
}
