internal import Postgres

/// How the server is to join tables where its own guess of how many rows there are would mislead it.
///
/// It knows nothing of what a batch has just brought: thousands of rows count for one, and whatever is joined to that one row, it
/// reads as a whole for each of the thousands.
enum Joins {
    /// As it likes.
    case asEver
    /// Row by row, by an index.
    case byLookup
    /// In the order in which the statement says it.
    case asWritten
    /// Each table read as a whole.
    case ofWholeTables

    private var settings: [(name: SQLText, value: SQLText)] {
        switch self {
        case .asEver: []
        case .byLookup: [("enable_hashjoin", "off"), ("enable_mergejoin", "off")]
        case .asWritten: [("join_collapse_limit", "1")]
        case .ofWholeTables: [("enable_nestloop", "off")]
        }
    }

    /// Runs the statements of `body`, which are part of a transaction, with their joins done so.
    @discardableResult
    func inForce<Result>(on connection: PostgresConnection, _ body: () async throws -> Result) async throws -> Result {
        for setting in settings {
            try await connection.execute("SET LOCAL \(fragment: setting.name) = \(fragment: setting.value)")
        }
        let result = try await body()
        for setting in settings { try await connection.execute("SET LOCAL \(fragment: setting.name) TO DEFAULT") }
        return result
    }
}
