/// One change of a table that loses nothing, as `audit.schema_change` keeps it.
public struct SchemaChange: Sendable, Hashable {
    /// What was done.
    public enum Kind: String, Sendable {
        /// The tables were made.
        case created
        /// A column got another name.
        case columnRenamed = "column_renamed"
        /// A column was added.
        case columnAdded = "column_added"
        /// A column's type holds more than it did.
        case typeWidened = "type_widened"
        /// A text may be longer than it could.
        case lengthWidened = "length_widened"
        /// A column may be NULL.
        case notNullDropped = "not_null_dropped"
        /// A column must not be NULL; its table was empty.
        case notNullSet = "not_null_set"
        /// A comment follows the metadata.
        case described
        /// The view of current rows or the function of a point in time was made again.
        case viewMade = "view_made"
        /// The table of one batch at work was made again.
        case stageMade = "stage_made"
        /// Open rows were read again from their last documents, and hashed anew.
        case refilled
    }

    /// What was done.
    public var kind: Kind
    /// The column; empty where it is of the whole table.
    public var column: String
    /// From what to what: a phrase.
    public var detail: String

    init(_ kind: Kind, _ column: String = "", _ detail: String) {
        self.kind = kind
        self.column = column
        self.detail = detail
    }

    /// A run may go on without it, where it was told to change no table.
    var isOptional: Bool { kind == .described || kind == .refilled }

    /// A table of one batch at work is nobody's concern.
    var isSilent: Bool { kind == .stageMade }
}
