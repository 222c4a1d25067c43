internal import Metadata

/// One `medallion run`: every selected system in turn, then gold once.
public struct Invocation: Sendable {
    private let workspace: Workspace
    private let request: RunRequest

    /// An invocation of what the request asks for.
    public init(workspace: Workspace, request: RunRequest) {
        self.workspace = workspace
        self.request = request
    }

    /// Runs it. Failures of entities are in the reports; what is thrown kept the run from starting.
    /// - Throws: `UsageError`; `PostgresError` when the server is out of reach; `CancellationError`.
    public func run() async throws -> [RunReport] {
        try check()
        var reports: [RunReport] = []
        var ended: [SystemID: RunStatus] = [:]
        for system in workspace.catalog.systems where request.selects(system) && !isGoldOnly {
            guard system.isActive || request.systems.contains(system.id) else { continue }
            let broken = system.after.first { ended[$0] == .failed || ended[$0] == .cancelled }
            if let broken {
                workspace.observer.observe(
                    .notice("\(system.id) is not run: '\(broken)', which it comes after, failed"))
                ended[system.id] = .failed
                continue
            }
            let report = try await SystemRun(workspace: workspace, system: system, request: request).run()
            reports.append(report)
            ended[system.id] = report.status
            if report.status == .cancelled { throw CancellationError() }
        }
        if request.layers.contains(.gold), reports.contains(where: { $0.status != .skipped }) || isGoldOnly {
            let built = try await GoldRun(workspace: workspace, request: request, sources: reports).run()
            if let built { reports.append(built) }
        }
        return reports
    }

    private var isGoldOnly: Bool { request.layers == [.gold] }

    /// Names in the request must exist; a delta load must be possible.
    func check() throws {
        for id in request.systems where workspace.catalog.system(id) == nil {
            throw UsageError.noSystem(id.rawValue, among: workspace.catalog.systems.map(\.id))
        }
        for id in request.entities where workspace.catalog.entity(id) == nil {
            throw UsageError.noEntity(id.description, among: workspace.catalog.entities.map(\.id))
        }
        guard request.loadType == .delta, request.layers.contains(.raw) else { return }
        for entity in workspace.catalog.entities
        where request.selects(entity) && entity.delta == nil && entity.explosion == nil {
            guard let system = workspace.catalog.system(entity.id.system), request.selects(system) else { continue }
            throw UsageError(
                "entity '\(entity.id)' cannot be loaded by delta: it has neither a cursor nor mode all; add \"delta\" to "
                    + "its metadata, or load it with --load full")
        }
    }
}
