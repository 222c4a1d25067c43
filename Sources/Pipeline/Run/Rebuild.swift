public import Metadata
internal import Postgres
internal import Primitives

/// Derives an entity's history again, from bronze or from raw, with today's metadata, and levels what is there with it.
///
/// The replay goes into a shadow, batch by batch, through the same code as every run. Only what differs is changed, in
/// one transaction: the table, its grants, views and indexes stay. It is a run of its own and holds the system's lock.
public struct Rebuild: Sendable {
    /// What the history is derived from.
    public enum Source: String, Sendable, CaseIterable {
        /// The landed files; bronze is derived again as well.
        case raw
        /// The log of changes.
        case bronze
    }

    /// What a rebuild came to.
    public struct Report: Sendable {
        /// The run.
        public var run: RunReport
        /// The build of what reads the table; nil where nothing was changed.
        public var gold: RunReport?
        /// Rows that were right, missing, different, and too many.
        public var same = 0
        /// Rows that the history lacked.
        public var missing = 0
        /// Rows with other values.
        public var changed = 0
        /// Rows that no batch explains.
        public var surplus = 0
        /// The first differences, a line each.
        public var samples: [String] = []
        /// Changes of the metadata that explain differences, a line each.
        public var explanations: [String] = []
        /// True when something differed.
        public var differs: Bool { missing + changed + surplus > 0 }
    }

    private let workspace: Workspace
    private let entity: Entity
    private let source: Source
    private let verifies: Bool

    /// A rebuild of one entity; `verifies`: only compare, change nothing.
    public init(workspace: Workspace, entity: Entity, from source: Source, verifies: Bool) {
        self.workspace = workspace
        self.entity = entity
        self.source = source
        self.verifies = verifies
    }

    /// Rebuilds.
    /// - Throws: `SystemBusy` while the system runs; `UsageError`; `PostgresError`; `CancellationError`.
    public func run() async throws -> Report {
        guard let system = workspace.catalog.system(entity.id.system) else {
            throw UsageError("entity '\(entity.id)' has no system")
        }
        var report = try await RunLease.whileIdle(system.id, in: workspace) { try await run(system) }
        if report.differs, !verifies, report.run.status == .succeeded {
            report.gold = try await GoldRun(workspace: workspace, request: RunRequest(), sources: [report.run]).run()
        }
        return report
    }

    private func run(_ system: SourceSystem) async throws -> Report {
        let start = RunStart(workspace: workspace, system: system.id)
        let deployment = Deployment(workspace: workspace)
        let differences = try await deployment.prepare([entity], applies: true)
        var isKeyChange = false
        if let lines = differences[entity.id] {
            let work = try await deployment.plan(for: [entity]).work
            // What the server has refused to change is no difference that a plan knows of.
            guard source == .raw, work.flatMap(\.differences) == lines,
                work.allSatisfy({ $0.refusals.isEmpty || $0.isKeyChange })
            else { throw Deployment.refusal(lines) }
            isKeyChange = work.contains(where: \.isKeyChange)
        }
        _ = try await start.closeAbandoned()
        var request = RunRequest()
        request.entities = [entity.id]
        request.layers = source == .raw ? [.bronze, .silver] : [.silver]
        let replay = Replay(
            workspace: workspace, entity: entity, system: system, source: source, verifies: verifies,
            isKeyChange: isKeyChange)
        var found = Replay.Findings()
        let run = try await start.conduct(
            request, at: try await start.nextInstant(), trigger: .rebuild, reference: verifies ? "verify" : nil,
            ifStopped: "stopped before it was done; nothing was changed"
        ) { found = try await replay.run(with: $0) }
        var report = Report(run: run)
        (report.same, report.missing) = (found.counts.same, found.counts.missing)
        (report.changed, report.surplus) = (found.counts.changed, found.counts.surplus)
        report.samples = found.samples
        if report.differs { report.explanations = try await explanations() }
        return report
    }

    /// What changed in the metadata since the first batch.
    private func explanations() async throws -> [String] {
        try await workspace.pool.withConnection { connection in
            try await connection.query(
                """
                SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' ' || change
                    || CASE WHEN column_name = '' THEN '' ELSE ' ' || column_name END || coalesce(': ' || detail, '')
                FROM audit.schema_change
                WHERE system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
                    AND change NOT IN ('created', 'field_appeared')
                ORDER BY recorded_at
                """
            ).map { try $0.get(0, as: String.self) }
        }
    }
}
