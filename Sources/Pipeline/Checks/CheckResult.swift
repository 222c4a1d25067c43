internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// What one check came to.
struct CheckResult: Sendable {
    let check: Check
    let violations: Int
    /// What was found; nil for a check that holds.
    let message: String?

    var passed: Bool { violations == 0 && message == nil }
}

/// Checks of severity `fail` that are broken: the transaction that holds the rows is to be rolled back.
struct CheckFailure: Error {
    let results: [CheckResult]
}

/// `audit.check_result`: what checks found.
enum CheckLedger {
    /// Writes the results of a batch; of an earlier attempt of the same batch they are replaced.
    static func record(
        _ results: [CheckResult], of id: EntityID, landedBy run: RunIdentity, step: Step,
        on connection: PostgresConnection
    ) async throws {
        guard !results.isEmpty else { return }
        try await connection.execute(
            """
            INSERT INTO audit.check_result (run_id, system_id, entity_name, check_name, severity, passed, nr_violations,
                message, run_timestamp, checked_by_run_id, checked_at, definition_hash)
            SELECT \(run.id), \(id.system.rawValue), \(id.name), r.name, r.severity, r.passed = 'yes', r.violations,
                nullif(r.message, ''), \(run.timestamp), \(step.run.id), \(step.now), r.hash
            FROM unnest(\(results.map(\.check.name)), \(results.map(\.check.severity.rawValue)),
                \(results.map { $0.passed ? "yes" : "no" }), \(results.map(\.violations)),
                \(results.map { step.known.mask($0.message ?? "") }), \(results.map(\.check.definitionHash)))
                AS r (name, severity, passed, violations, message, hash)
            ON CONFLICT (run_id, system_id, entity_name, check_name) DO UPDATE SET severity = excluded.severity,
                passed = excluded.passed, nr_violations = excluded.nr_violations, message = excluded.message,
                checked_by_run_id = excluded.checked_by_run_id, checked_at = excluded.checked_at,
                definition_hash = excluded.definition_hash
            """)
    }

    /// True when each check was evaluated last by today's definition.
    static func isCurrent(_ subject: CheckSubject, on connection: PostgresConnection) async throws -> Bool {
        let known = try await connection.query(
            """
            SELECT check_name, definition_hash FROM audit.v_last_check
            WHERE system_id = \(subject.id.system.rawValue) AND entity_name = \(subject.id.name)
            """)
        var hashes: [String: UUIDValue] = [:]
        for row in known { hashes[try row.get(0)] = try row.get(1, as: UUIDValue.self) }
        return subject.checks.allSatisfy { hashes[$0.name] == $0.definitionHash }
    }
}
