internal import Metadata

/// The tables against the metadata.
struct DeploymentChecks {
    let workspace: Workspace

    func findings() async throws -> [Finding] {
        let plan = try await Deployment(workspace: workspace).plan(for: workspace.catalog.entities)
        var findings = plan.differences.sorted { $0.key < $1.key }.map {
            Finding(.fail, "tables", "\($0.key): \($0.value.joined(separator: " Also: "))")
        }
        let missing = plan.statements.map { $0.entity.description }
        if !missing.isEmpty {
            findings.append(
                Finding(
                    .warn, "tables",
                    "not as the metadata says for \(missing.joined(separator: ", ")); a run or 'medallion deploy' makes and "
                        + "changes them, 'medallion plan' shows how"))
        }
        if findings.isEmpty { findings.append(Finding(.ok, "tables", "as the metadata says")) }
        let orphans = plan.orphans
        findings.append(
            orphans.isEmpty
                ? Finding(.ok, "orphan tables", "none")
                : Finding(
                    .warn, "orphan tables",
                    "no entity owns \(orphans.joined(separator: ", ")); they are kept until somebody drops them"))
        return findings
    }
}
