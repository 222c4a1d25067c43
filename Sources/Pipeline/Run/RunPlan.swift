public import Metadata
internal import Postgres

/// What a run would do, found without doing it.
public struct RunPlan: Sendable {
    /// What would happen to one entity.
    public struct EntityPlan: Sendable {
        /// The entity.
        public var entity: EntityID
        /// Everything, or changes only.
        public var loadType: LoadType
        /// Where a delta load would begin.
        public var cursor: String?
        /// Batches that are landed but not yet in silver.
        public var pending: Int
        /// What is special about it; may be empty.
        public var note: String
    }

    /// The entities, in the order in which they would run.
    public var entities: [EntityPlan]
    /// The gold scripts that read them, directly or not, and are not due anyway.
    public var gold: [String]
    /// The gold scripts that are due whatever the entities bring.
    public var goldDue: [String]
    /// The DDL that would be applied.
    public var deployment: Deployment.Plan

    /// Plans the request; changes nothing.
    public static func make(for request: RunRequest, in workspace: Workspace) async throws -> RunPlan {
        try Invocation(workspace: workspace, request: request).check()
        var plans: [EntityPlan] = []
        var chosen: [Entity] = []
        for system in workspace.catalog.systems where request.selects(system) {
            for entity in workspace.catalog.entities(of: system.id) where request.selects(entity) {
                let (cursor, pending) = try await workspace.pool.withConnection { connection in
                    (
                        try await BatchLedger.cursor(of: entity.id, on: connection),
                        try await BatchLedger.batches(
                            of: entity.id, in: ["landed", "normalized", "blocked"], on: connection)
                    )
                }
                let isActive = system.isActive && entity.isActive
                var loadType = request.loadType ?? entity.loadType
                let from = entity.delta.flatMap { cursor.start(of: $0) }
                if case .reset = cursor { loadType = .full }
                if loadType == .delta, entity.delta?.mode == .cursor, from == nil { loadType = .full }
                let note =
                    !isActive
                    ? "inactive: skipped"
                    : pending.contains { $0.state == "blocked" }
                        ? "blocked: see medallion batch list" : entity.explosion.map { "items of \($0.parent)" } ?? ""
                plans.append(
                    EntityPlan(
                        entity: entity.id, loadType: loadType, cursor: loadType == .delta ? from : nil,
                        pending: pending.count, note: note))
                if isActive { chosen.append(entity) }
            }
        }
        let gold = workspace.gold.affected(by: Set(chosen.map(\.id.table))).map(\.name)
        let outdated = try await workspace.pool.withConnection { connection in
            try await GoldState.read(workspace.gold, of: workspace.catalog, on: connection).outdated(on: connection)
        }
        let due = workspace.gold.affected(by: [], failed: outdated).map(\.name)
        return RunPlan(
            entities: plans, gold: gold.filter { !due.contains($0) }, goldDue: due,
            deployment: try await Deployment(workspace: workspace).plan(for: chosen))
    }
}
