public import Postgres

/// The last arrow: silver → gold.
///
/// Every script is reached through the view `gold.<name>`. A script that is a table is kept in
/// `gold_data.<name>__<number>`, and each build makes a new one behind the view, so that readers see old or new, and
/// grants and dependents stay.
public struct GoldLayer: Sendable {
    private let graph: GoldGraph

    /// A layer for the scripts of one project.
    public init(graph: GoldGraph) { self.graph = graph }

    /// The names of scripts that were never built, so that `gold.<name>` is missing.
    public func unbuilt(on connection: PostgresConnection) async throws -> Set<String> {
        let views = try await connection.query("SELECT viewname FROM pg_views WHERE schemaname = 'gold'")
        return Set(graph.order.map(\.name)).subtracting(try views.map { try $0.get(0, as: String.self) })
    }

    /// Builds one script within the transaction that the caller has open; what it reads must be built and committed.
    ///
    /// Until that transaction commits, readers see the result of the last build; a rollback leaves no trace of this one.
    /// - Returns: the rows written; nil for a view.
    /// - Throws: `GoldError`; CancellationError.
    public func build(_ script: GoldScript, on connection: PostgresConnection) async throws -> Int? {
        let session = GoldSession(script: script, connection: connection)
        let tables = GoldTables(session: session)
        let view = GoldView(session: session, graph: graph)
        let older = try await tables.existing()
        var rows: Int?
        switch script.materialization {
        case .view: try await view.define(.ownStatement)
        case .table:
            let table = try await tables.create(beside: older.taken)
            rows = table.rows
            try await tables.allowReading(table.name, to: view.owner())
            try await view.define(.rows(of: table.name))
        }
        try await view.describe(script.description)
        try await tables.drop(older.tables)
        return rows
    }
}

/// One build: its script, and the connection on which it runs; a server's refusal becomes a `GoldError` here only.
struct GoldSession: StatementSession {
    let script: GoldScript
    let connection: PostgresConnection

    /// Runs SQL of ours.
    @discardableResult
    func execute(_ sql: SQLText) async throws -> Int {
        do { return try await connection.execute(sql) } catch let error as PostgresError {
            throw GoldError(script, error)
        }
    }

    /// Runs a query of ours.
    func query(_ sql: SQLText) async throws -> PostgresResult {
        do { return try await connection.query(sql) } catch let error as PostgresError {
            throw GoldError(script, error)
        }
    }

    /// Runs a statement that holds that of the script; an error names the line of its file.
    @discardableResult
    func execute(_ before: SQLText, _ script: GoldScript, _ after: SQLText = "") async throws -> Int {
        do {
            return try await connection.execute("\(fragment: before)\(verbatim: script.statement)\(fragment: after)")
        } catch let error as PostgresError {
            throw GoldError(script, error, prefix: before.text)
        }
    }

    /// Runs `attempt` so that its failure leaves the transaction usable.
    func attempt(_ attempt: () async throws -> Void) async throws {
        try await execute("SAVEPOINT gold_attempt")
        do {
            try await attempt()
        } catch let error as GoldError {
            try await execute("ROLLBACK TO SAVEPOINT gold_attempt")
            try await execute("RELEASE SAVEPOINT gold_attempt")
            throw error
        }
        try await execute("RELEASE SAVEPOINT gold_attempt")
    }
}
