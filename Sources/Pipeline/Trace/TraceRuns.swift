internal import Metadata
internal import Postgres
internal import Primitives

/// What the audit knows of some runs.
struct TraceRuns {
    private var runs: [UUIDValue: Trace.Run] = [:]
    private var waiting: Set<UUIDValue> = []

    static func read(
        _ runs: [RunIdentity], of entity: EntityID, on connection: PostgresConnection
    ) async throws -> TraceRuns {
        let ids = Array(Set(runs.map(\.id)))
        var found = TraceRuns()
        let rows = try await connection.query(
            """
            SELECT run_id, run_timestamp, trigger_type, trigger_ref FROM audit.system_run WHERE run_id = ANY (\(ids))
            """)
        for row in rows {
            let id: UUIDValue = try row.get("run_id")
            found.runs[id] = Trace.Run(
                id: id, timestamp: try row.get("run_timestamp"), trigger: try row.get("trigger_type"),
                triggerReference: try row.get("trigger_ref"))
        }
        let states = try await connection.query(
            """
            SELECT run_id FROM audit.raw_batch WHERE run_id = ANY (\(ids)) AND state = 'normalized'
                AND system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
            """)
        found.waiting = Set(try states.map { try $0.get(0, as: UUIDValue.self) })
        return found
    }

    /// The run with what the audit adds to it.
    func run(_ run: RunIdentity) -> Trace.Run { runs[run.id] ?? Trace.Run(id: run.id, timestamp: run.timestamp) }

    /// The version with what the audit adds to its run.
    func completed(_ version: Trace.Version) -> Trace.Version {
        var version = version
        version.run = runs[version.run.id] ?? version.run
        return version
    }

    /// True while the batch of the run is in bronze, not in silver.
    func isWaiting(_ run: UUIDValue) -> Bool { waiting.contains(run) }
}
