public import Metadata
internal import Postgres
public import Primitives

/// The last result of one check, as `audit.check_result` tells it.
public struct CheckRow: Sendable {
    /// The entity or gold script.
    public var entity: EntityID
    /// The check's name.
    public var name: String
    /// `warn` or `fail`.
    public var severity: String
    /// True when it holds.
    public var passed: Bool
    /// How many rows, groups or missing rows break it.
    public var violations: Int
    /// What was found; nil where it holds.
    public var message: String?
    /// The run that landed the batch; of gold the run that built.
    public var run: UUIDValue
}

extension AuditQueries {
    /// The last result of every check that was ever evaluated.
    public func checks() async throws -> [CheckRow] {
        try await query(
            """
            SELECT system_id, entity_name, check_name, severity, passed, nr_violations, message, run_id
            FROM audit.v_last_check ORDER BY system_id, entity_name, check_name
            """
        ).map { row in
            CheckRow(
                entity: try entity(row), name: try row.get("check_name"), severity: try row.get("severity"),
                passed: try row.get("passed"), violations: try row.get("nr_violations"),
                message: try row.get("message"), run: try row.get("run_id"))
        }
    }

    /// The last result of each check that the metadata still has, and that is broken.
    public func brokenChecks(in workspace: Workspace) async throws -> [CheckRow] {
        try await checks().filter { row in
            let checks =
                row.entity.system == .gold
                ? workspace.gold[row.entity.name]?.checks : workspace.catalog.entity(row.entity)?.checks
            return !row.passed && checks?.contains { $0.name == row.name } == true
        }
    }
}
