internal import Metadata
internal import Postgres
internal import Primitives

/// The run of the reserved system `gold`: once per invocation, after all systems, in dependency order.
struct GoldRun: Sendable {
    let workspace: Workspace
    let request: RunRequest
    /// The runs that this build follows.
    let sources: [RunReport]

    /// Builds the scripts that are due; the others are skipped.
    func run() async throws -> RunReport? {
        guard !workspace.gold.order.isEmpty else { return nil }
        return try await RunLease.wait(for: .gold, in: workspace).releasing(build)
    }

    private func build() async throws -> RunReport {
        // The runs before have mirrored the scripts; where there are none, a new one has no row yet that its state could be kept in.
        if sources.isEmpty { _ = try await Deployment(workspace: workspace).prepare([], applies: request.appliesDDL) }
        let start = RunStart(workspace: workspace, system: .gold)
        _ = try await start.closeAbandoned()
        var plain = request
        plain.runTimestamp = nil
        let references = sources.compactMap { $0.run?.id.description }.joined(separator: ",")
        return try await start.conduct(
            plain, at: try await start.nextInstant(), trigger: .completion,
            reference: references.isEmpty ? nil : references, build)
    }

    private func build(with ledger: RunLedger) async throws {
        let layer = GoldLayer(graph: workspace.gold)
        let state = try await workspace.pool.withConnection { connection in
            try await GoldState.read(workspace.gold, of: workspace.catalog, on: connection)
        }
        let due = try await dueScripts(layer, state)
        var failed = Set<String>()
        for wave in workspace.gold.waves {
            try await withThrowingTaskGroup(of: String?.self) { group in
                for script in wave {
                    let entity = EntityID(system: .gold, name: script.name)
                    guard due.contains(script.name) else {
                        try await ledger.skip(.gold, entity, .noInput)
                        continue
                    }
                    let broken = failed.contains { script.inputs.contains(.gold($0)) }
                    guard !broken, !isUpstreamFailed(script) else {
                        failed.insert(script.name)
                        try await ledger.skip(.gold, entity, .upstreamFailed)
                        continue
                    }
                    group.addTask { try await build(script, entity, layer, state, ledger) }
                }
                while let name = try await group.next() {
                    if let name { failed.insert(name) }
                }
            }
        }
    }

    /// Builds one script; returns its name when it failed.
    private func build(
        _ script: GoldScript, _ entity: EntityID, _ layer: GoldLayer, _ state: GoldState, _ ledger: RunLedger
    ) async throws -> String? {
        do {
            let gate = CheckGate(
                subject: CheckSubject(script, catalog: workspace.catalog), accepts: request.acceptsChecks)
            try await ledger.record(.gold, entity) { step in
                try await workspace.pool.withConnection { connection in
                    try await gate.guarding(step.run, step: step, on: connection) {
                        try await connection.transaction {
                            var counts = RowCounts()
                            counts.inserted = try await layer.build(script, on: connection) ?? 0
                            try await gate.check(step.run, changed: true, step: step, on: connection)
                            try await connection.execute(
                                """
                                UPDATE metadata.gold SET built_hash = \(state.hashes[script.name])
                                WHERE name = \(script.name)
                                """)
                            try await step.commit(counts, closes: true, on: connection)
                        }
                    }
                }
            }
            return nil
        } catch is LayerFailure {
            return script.name
        }
    }

    /// What reads something that changed since its last build, has another text, was never built or failed last time.
    private func dueScripts(_ layer: GoldLayer, _ state: GoldState) async throws -> Set<String> {
        if request.force, sources.isEmpty { return Set(workspace.gold.order.map(\.name)) }
        return try await workspace.pool.withConnection { connection in
            let failed = try await connection.query(
                """
                SELECT entity_name FROM audit.v_entity_health
                WHERE system_id = 'gold' AND status IN ('failed', 'cancelled', 'abandoned')
                    OR system_id = 'gold' AND skip_reason = 'upstream_failed'
                """)
            let due = try await state.outdated(on: connection)
                .union(try await layer.unbuilt(on: connection))
                .union(try failed.map { try $0.get(0, as: String.self) })
            return Set(workspace.gold.affected(by: [], failed: due).map(\.name))
        }
    }

    private func isUpstreamFailed(_ script: GoldScript) -> Bool {
        let failed = sources.flatMap(\.steps).filter { $0.status == .failed }.map { Relation.silver($0.entity.table) }
        return !script.inputs.isDisjoint(with: failed)
    }
}
