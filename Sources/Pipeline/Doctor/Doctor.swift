internal import Metadata
internal import Postgres

/// `medallion doctor`: looks whether metadata, database, raw files and audit agree. Changes nothing.
public struct Doctor: Sendable {
    private let workspace: Workspace
    private let isDeep: Bool

    /// A doctor of the workspace. A deep look reads every raw file to compare its checksum.
    public init(workspace: Workspace, isDeep: Bool) {
        self.workspace = workspace
        self.isDeep = isDeep
    }

    /// Every finding, in the order in which data flows. Without the platform's tables the look ends early.
    /// - Throws: `PostgresError` when the server is out of reach; `CancellationError`.
    public func examine() async throws -> [Finding] {
        let server = ServerChecks(
            pool: workspace.pool,
            platform: .platform(appVersion: workspace.appVersion, logger: workspace.logger))
        var findings = try await server.findings()
        let schema = try await server.migrations()
        findings.append(schema)
        guard schema.level != .fail else { return findings }
        findings += try await DeploymentChecks(workspace: workspace).findings()
        findings += try await RawChecks(workspace: workspace, isDeep: isDeep).findings()
        findings += try await HistoryChecks(workspace: workspace).findings()
        findings += try await AuditChecks(workspace: workspace).findings()
        return findings
    }
}
