internal import Metadata
internal import Postgres
internal import Primitives

/// What stands between a merge and its commit: checks of severity `fail` roll the batch back, those of severity `warn`
/// are told.
struct CheckGate: Sendable {
    let subject: CheckSubject
    /// An operator lets batches pass although checks of severity `fail` are broken.
    let accepts: Bool

    /// Evaluates the checks after a batch was merged, in its transaction; not where neither rows nor checks changed.
    /// - Throws: `CheckFailure`, so that the transaction is rolled back.
    func check(_ run: RunIdentity, changed: Bool, step: Step, on connection: PostgresConnection) async throws {
        guard !subject.checks.isEmpty else { return }
        if !changed, try await CheckLedger.isCurrent(subject, on: connection) { return }
        let results = try await CheckRun(subject: subject, connection: connection).evaluate()
        let failed = results.filter { !$0.passed && $0.check.severity == .fail }
        if !failed.isEmpty {
            guard try await isAccepted(run, on: connection) else { throw CheckFailure(results: results) }
        }
        try await CheckLedger.record(results, of: subject.id, landedBy: run, step: step, on: connection)
        for result in results where !result.passed {
            let how = result.check.severity == .warn ? "warned" : "failed, accepted by an operator"
            step.warn("check '\(result.check.name)' \(how): \(result.message ?? "")")
        }
    }

    /// Runs a batch's transaction; the results of broken checks are written behind the rollback.
    /// - Throws: `StepError` that names checks, violations and the ways out.
    func guarding(
        _ run: RunIdentity, step: Step, on connection: PostgresConnection, _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let failure as CheckFailure {
            try await connection.transaction {
                try await step.checkFence(on: connection)
                try await CheckLedger.record(failure.results, of: subject.id, landedBy: run, step: step, on: connection)
            }
            throw error(of: failure, run)
        }
    }

    /// Permission given now is kept on the batch, so that a rebuild repeats the decision.
    private func isAccepted(_ run: RunIdentity, on connection: PostgresConnection) async throws -> Bool {
        guard subject.id.system != .gold else { return accepts }
        return try await connection.query(
            """
            UPDATE audit.raw_batch SET accept_checks = accept_checks OR \(accepts)
            WHERE run_id = \(run.id) AND system_id = \(subject.id.system.rawValue)
                AND entity_name = \(subject.id.name)
            RETURNING accept_checks
            """
        ).first?.get(0, as: Bool.self) ?? false
    }

    private func error(of failure: CheckFailure, _ run: RunIdentity) -> StepError {
        let broken = failure.results.filter { !$0.passed && $0.check.severity == .fail }
        let what = broken.map { "check '\($0.check.name)' failed: \($0.message ?? "")" }.joined(separator: "; ")
        let place = broken.first?.check.origin ?? ""
        guard subject.id.system != .gold else {
            return StepError(
                .quality,
                "\(what); gold.\(subject.id.name) stays as it was: mend the data or the script, or the check (\(place)), "
                    + "or give it \"severity\": \"warn\"; or build it as it is with "
                    + "'medallion run --layer gold --accept-checks'")
        }
        return StepError(
            .quality,
            "\(what); nothing of the batch of run \(run.id) was merged, it waits in bronze: mend the check (\(place)), "
                + "or give it \"severity\": \"warn\", and run again; or merge the batch as it is, and those behind it, "
                + "with 'medallion run --entity \(subject.id) --accept-checks'")
    }
}
