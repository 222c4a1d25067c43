internal import Metadata
internal import Postgres
internal import Primitives

extension RunRequest {
    /// The request that goes on where a run failed: its system, and the entities, layers and load type that it was asked for,
    /// where this request names none itself.
    /// - Parameter text: The run's id, or a beginning of it.
    /// - Throws: `UsageError` where there is no such run, or nothing to go on with.
    public func resuming(_ text: String, in workspace: Workspace) async throws -> RunRequest {
        let run = try await AuditQueries(pool: workspace.pool).run(matching: text)
        if let reason = RunRequest.obstacle(to: run) { throw UsageError("run \(run.run.id) \(reason)") }
        guard systems.isEmpty || systems == [run.system], entities.allSatisfy({ $0.system == run.system }) else {
            throw UsageError("run \(run.run.id) was one of \(run.system); leave out --system to go on with it")
        }
        let asked = try await workspace.pool.withConnection { connection in
            try await connection.query(
                """
                SELECT requested_load_type, requested_layers, requested_entities FROM audit.system_run
                WHERE run_id = \(run.run.id)
                """)
        }
        var request = self
        request.resume = run.run.id
        request.systems = [run.system]
        guard let row = asked.first else { return request }
        let names: [String] = try row.get("requested_entities")
        let layerNames: [String] = try row.get("requested_layers")
        if entities.isEmpty {
            request.entities = names.map {
                EntityID(system: run.system, name: String($0.dropFirst(run.system.rawValue.count + 1)))
            }
        }
        if layers == Set(Layer.allCases) { request.layers = Set(layerNames.compactMap(Layer.init)) }
        if loadType == nil { request.loadType = LoadType(rawValue: try row.get("requested_load_type")) }
        return request
    }

    /// Why nothing is left of a run to go on with; nil where it may be resumed.
    private static func obstacle(to run: RunRow) -> String? {
        let again = "'medallion run --system \(run.system)'"
        if run.system == .gold { return "built gold; 'medallion run --layer gold' builds what failed again" }
        if run.trigger == TriggerType.rebuild.rawValue { return "was a rebuild; 'medallion rebuild' begins it again" }
        switch run.status {
        case "succeeded": return "succeeded, nothing is left to go on with; \(again) loads again"
        case "skipped": return "did nothing, there is nothing to go on with; \(again) runs"
        case "running" where run.isLocked: return "is under way still; see 'medallion runs show \(run.run.id)'"
        default: return nil
        }
    }
}
