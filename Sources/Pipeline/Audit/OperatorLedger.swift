public import Metadata
internal import Postgres
public import Primitives

/// What an operator changes by hand: cursors and batches. Each change holds the system's lock, so that no run works on
/// the same entity meanwhile.
public struct OperatorLedger: Sendable {
    private let workspace: Workspace

    /// Changes in the workspace's database.
    public init(workspace: Workspace) { self.workspace = workspace }

    /// The next delta load begins at the value.
    /// - Throws: `UsageError` where the entity has no cursor, or its column cannot hold the value; `SystemBusy` while the system runs.
    public func setCursor(of entity: Entity, to value: String) async throws {
        guard entity.delta?.mode == .cursor, let index = entity.cursorIndex else {
            throw UsageError("entity '\(entity.id)' has no cursor: its metadata has no \"delta\" of mode cursor")
        }
        var reader = DocumentReader(entity, timezone: "UTC", readsLooseBooleans: false)
        guard reader.sortKey(of: index, cursor: value) != nil else {
            let column = entity.columns[index]
            throw UsageError(
                "'\(value)' is no \(column.type.name), which the cursor column '\(column.name)' of \(entity.id) is; write it like "
                    + "those that 'medallion cursor show' shows")
        }
        try await append(entity.id, value: value, isReset: false)
    }

    /// The next load brings everything; history is kept.
    /// - Throws: `SystemBusy` while the system runs.
    public func reset(_ entity: EntityID) async throws { try await append(entity, value: nil, isReset: true) }

    private func append(_ entity: EntityID, value: String?, isReset: Bool) async throws {
        if let parent = workspace.catalog.entity(entity)?.explosion?.parent {
            throw UsageError("\(entity) loads nothing, it takes the items of \(parent); name \(parent) instead")
        }
        let now = workspace.clock.now()
        var generator = SystemRandomNumberGenerator()
        let id = UUIDValue.version7(at: now, using: &generator)
        try await whileIdle(entity.system) {
            // What a killed run has landed is taken up before: its cursor would come behind this one.
            let known = workspace.catalog.entities.filter { $0.id == entity }
            let left = try await RunStart(workspace: workspace, system: entity.system).adoptBatches(of: known)
            if let problem = left.problems[entity] { throw problem }
            try await workspace.pool.withConnection { connection in
                _ = try await connection.execute(
                    """
                    INSERT INTO audit.load_cursor (system_id, entity_name, run_id, run_timestamp, cursor_value, reset,
                        set_by, recorded_at)
                    VALUES (\(entity.system.rawValue), \(entity.name), \(id), \(now), \(value), \(isReset), 'operator',
                        \(fragment: BatchLedger.cursorTime(of: entity, now)))
                    """)
            }
        }
    }

    /// Gives a batch up; its raw files stay.
    /// - Throws: `UsageError` when it has gone too far to be given up; `SystemBusy` while the system runs.
    public func discard(_ run: UUIDValue, of entity: EntityID) async throws {
        try await whileIdle(entity.system) {
            try await workspace.pool.withConnection { connection in
                try await connection.transaction {
                    let rows = try await connection.query(
                        """
                        SELECT state FROM audit.raw_batch WHERE run_id = \(run)
                            AND system_id = \(entity.system.rawValue) AND entity_name = \(entity.name) FOR UPDATE
                        """)
                    guard let row = rows.first else {
                        throw UsageError("run \(run) landed no batch of \(entity); see medallion batch list --all")
                    }
                    try refuse(try row.get(0), entity)
                    try await connection.execute(
                        """
                        UPDATE audit.raw_batch SET state = 'discarded', state_reason = 'discarded by an operator'
                        WHERE run_id = \(run) AND system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                        """)
                }
            }
        }
    }

    private func refuse(_ state: String, _ entity: EntityID) throws {
        switch state {
        case "landed", "blocked": return
        case "normalized":
            throw UsageError(
                "the batch is normalized: its changes are in bronze already, and giving it up would leave silver "
                    + "without them; bring it to silver with 'medallion run --entity \(entity) --layer silver'")
        case "merged":
            throw UsageError(
                "the batch is merged: silver has it already; to correct what it brought, load the entity again with "
                    + "'medallion run --entity \(entity) --load full'")
        default: throw UsageError("the batch is \(state) already; there is nothing to give up")
        }
    }

    private func whileIdle(_ system: SystemID, _ body: () async throws -> Void) async throws {
        try await RunLease.whileIdle(system, in: workspace, body)
    }
}

/// A change by hand that has to wait for a run.
public struct SystemBusy: Error, Sendable, CustomStringConvertible {
    /// The system that runs.
    public let system: SystemID
    /// Which run, process and host hold it.
    public let holder: String
    /// One line.
    public var description: String {
        "system '\(system)' is running (\(holder)); wait for it, or end it with 'medallion runs cancel', then try again"
    }
}
