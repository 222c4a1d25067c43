internal import Metadata
internal import Postgres
internal import Primitives

/// The audit against itself, and what waits for somebody.
struct AuditChecks {
    let workspace: Workspace

    private var pool: PostgresPool { workspace.pool }

    func findings() async throws -> [Finding] {
        var findings: [Finding] = []
        for rule in AuditInvariants.rules {
            let violations = try await pool.withConnection { try await $0.query(rule.violations) }[0].get(
                0, as: Int.self)
            findings.append(
                violations == 0
                    ? Finding(.ok, "audit", rule.what)
                    : Finding(.fail, "audit", "not so: \(rule.what) (\(violations)); \(rule.hint)"))
        }
        let audit = AuditQueries(pool: pool)
        findings += waiting(try await audit.batches())
        let rejects = Dictionary(grouping: try await audit.rejects(), by: \.entity)
        for (entity, rows) in rejects.sorted(by: { $0.key < $1.key }) {
            let records = rows.reduce(0) { $0 + $1.records }
            findings.append(
                Finding(
                    .warn, "rejected records",
                    "\(entity): \(records), most often: \(rows[0].reason); see medallion quarantine list"))
        }
        if rejects.isEmpty { findings.append(Finding(.ok, "rejected records", "none")) }
        let broken = try await audit.brokenChecks(in: workspace)
        findings += broken.map { row in
            Finding(
                row.severity == "fail" ? .fail : .warn, "check \(row.entity).\(row.name)",
                row.message ?? "broken after the last merge")
        }
        if broken.isEmpty { findings.append(Finding(.ok, "checks", "none broken after the last merge")) }
        return findings
    }

    private func waiting(_ batches: [BatchRow]) -> [Finding] {
        var findings = batches.filter { $0.state == "blocked" }.map { batch in
            Finding(
                .fail, "blocked batch",
                "\(batch.entity), run \(batch.run.id): \(batch.reason ?? "no reason was kept"); see medallion batch list"
            )
        }
        if findings.isEmpty { findings.append(Finding(.ok, "blocked batches", "none")) }
        let pending = batches.filter { $0.state != "blocked" }
        let taken = pending.count { isActive($0.entity) }
        if taken > 0 {
            findings.append(Finding(.warn, "pending batches", "\(taken) on their way to silver; a run takes them up"))
        }
        let left = Set(pending.map(\.entity).filter { !isActive($0) }).map(\.description).sorted()
        if !left.isEmpty {
            findings.append(
                Finding(
                    .warn, "pending batches",
                    "no run takes up those of \(left.joined(separator: ", ")), not active in the metadata: activate them, or see "
                        + "'medallion batch list' and give up with 'medallion batch discard' what has not reached bronze"
                ))
        }
        return findings
    }

    private func isActive(_ entity: EntityID) -> Bool {
        workspace.catalog.entity(entity)?.isActive == true && workspace.catalog.system(entity.system)?.isActive == true
    }
}
