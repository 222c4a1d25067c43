/// A promise about the current rows of a table, kept or broken after each merge: one object of an entity's `checks`.
public struct Check: Sendable, Hashable {
    /// What a broken check does.
    public enum Severity: String, Sendable, CaseIterable {
        /// It is recorded, and told.
        case warn
        /// The batch is rolled back, and waits.
        case fail
    }

    /// What must hold.
    public enum Rule: Sendable, Hashable {
        /// Each of the columns has a value in each row.
        case notNull([String])
        /// No two rows have the same values in the columns; rows with NULL in one of them are not compared.
        case unique([String])
        /// The column's value, where there is one, is among these.
        case oneOf(String, [String])
        /// The column's value, where there is one, is not below the first and not above the second.
        case range(String, min: String?, max: String?)
        /// At least so many rows.
        case minRows(Int)
        /// At most so many rows.
        case maxRows(Int)
        /// The column's value, where there is one, is that of a column in a current row of an entity.
        case references(String, EntityID, column: String)
        /// A SELECT whose rows are violations; `{table}` in it stands for the current rows.
        case sql(String)
    }

    /// `name`; made of type and columns where it is not given.
    public var name: String
    /// What must hold.
    public var rule: Rule
    /// `severity`.
    public var severity: Severity
    /// Where the object stands: `metadata/entities.json: entities[3].checks[0]`.
    public var origin: String

    /// A check; `references` is already resolved.
    public init(_ name: String, _ rule: Rule, severity: Severity = .fail, origin: String = "") {
        self.name = name
        self.rule = rule
        self.severity = severity
        self.origin = origin
    }

    /// True where more than the entity's own table is read.
    public var readsOtherTables: Bool {
        switch rule {
        case .references, .sql: true
        case .notNull, .unique, .oneOf, .range, .minRows, .maxRows: false
        }
    }

    /// The columns that the rule names.
    public var columns: [String] {
        switch rule {
        case .notNull(let columns), .unique(let columns): columns
        case .oneOf(let column, _), .range(let column, _, _), .references(let column, _, _): [column]
        case .minRows, .maxRows, .sql: []
        }
    }
}
