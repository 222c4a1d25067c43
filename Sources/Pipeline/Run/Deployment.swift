internal import JSON
public import Metadata
public import Postgres
internal import Primitives

/// Brings the database in line with the metadata: makes tables that are missing, changes those that can be changed
/// without loss, refuses the others, and mirrors the metadata into the schema `metadata`.
public struct Deployment: Sendable {
    private let workspace: Workspace

    /// A deployment of the workspace's catalogue.
    public init(workspace: Workspace) { self.workspace = workspace }

    /// What a deployment would do.
    public struct Plan: Sendable {
        var work: [TableWork] = []
        /// Tables in our schemas that no active entity owns any more.
        public internal(set) var orphans: [String] = []

        /// Statements that make or change tables, by entity, as psql would run them.
        public var statements: [(entity: EntityID, sql: [SQLText])] {
            work.filter { !$0.isEmpty }.map { ($0.entity, $0.statements) }.filter { !$0.sql.isEmpty }
        }

        /// What is made, changed or refilled, by entity, in words.
        public var changes: [(entity: EntityID, change: SchemaChange)] {
            work.flatMap { work in work.changes.filter { !$0.isSilent }.map { (work.entity, $0) } }
        }

        /// Why tables that exist, or their rows, cannot be used: one line each, by entity.
        public var differences: [EntityID: [String]] {
            Dictionary(uniqueKeysWithValues: work.map { ($0.entity, $0.differences) }.filter { !$0.1.isEmpty })
        }

        /// Statements without which a run cannot go on.
        var required: [SQLText] { work.filter { $0.isRequired && $0.refusals.isEmpty }.flatMap(\.statements) }
    }

    /// Compares the entities with the live tables; changes nothing.
    public func plan(for entities: [Entity]) async throws -> Plan {
        try await workspace.pool.withConnection { try await plan(for: entities, on: $0) }
    }

    private func plan(for entities: [Entity], on connection: PostgresConnection) async throws -> Plan {
        let tables = try await LiveTables.read(on: connection)
        let recorded = try await RecordedShape.read(entities.map(\.id), on: connection)
        var plan = Plan()
        for entity in entities {
            guard let system = workspace.catalog.system(entity.id.system) else { continue }
            plan.work.append(
                try await TableWork(
                    for: entity, of: system, in: tables, recorded: recorded[entity.id],
                    rawFolder: workspace.store.root, on: connection))
        }
        plan.orphans = tables.orphans(of: workspace.catalog)
        return plan
    }

    /// Makes and changes what the entities need before a run, and mirrors the metadata when it is new.
    /// - Returns: Why the tables of some entities cannot be used: those fail, their siblings go on.
    /// - Throws: `UsageError` with the SQL when something is to be made or changed and `applies` is false.
    func prepare(_ entities: [Entity], applies: Bool) async throws -> [EntityID: [String]] {
        let plan = try await plan(for: entities)
        if !applies {
            let sql = plan.required.map { $0.text + ";" }.joined(separator: "\n")
            guard sql.isEmpty else {
                throw UsageError(
                    "--no-ddl was given, but tables are missing or differ from the metadata; run 'medallion deploy', or "
                        + "this SQL:\n\(sql)")
            }
        }
        let isNew = try await workspace.pool.withConnection { connection in
            let rows = try await connection.query(
                "SELECT metadata_hash FROM metadata.deployment ORDER BY deployed_at DESC LIMIT 1")
            return try rows.first?.get(0, as: UUIDValue.self) != mirrorHash
        }
        guard isNew || applies && plan.work.contains(where: { !$0.isEmpty }) else { return plan.differences }
        let applied = try await apply(applies ? entities : []).plan
        return applies ? applied.differences : plan.differences
    }

    /// Deploys the whole catalogue in one transaction; an entity whose tables cannot be changed keeps no sibling back.
    /// - Returns: what was done and what was refused, and what changed in the mirror.
    public func deploy() async throws -> (plan: Plan, changes: [String]) {
        try await apply(workspace.catalog.entities)
    }

    /// What a user reads when tables have another shape than the metadata says.
    static func refusal(_ differences: [String]) -> StepError {
        StepError(
            .schema,
            "tables differ from the metadata and are never repaired silently: \(differences.joined(separator: " Also: "))"
        )
    }

    private func apply(_ entities: [Entity]) async throws -> (plan: Plan, changes: [String]) {
        let now = workspace.clock.now()
        let mirror = MetadataMirror(catalog: workspace.catalog, gold: workspace.gold, hash: mirrorHash, now: now)
        return try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                // Two systems may deploy at once: one after the other, each with what it finds then.
                try await connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(7308604897285472356)")
                var plan = try await plan(for: entities, on: connection)
                for index in plan.work.indices where plan.work[index].refusals.isEmpty && !plan.work[index].isEmpty {
                    if let reason = try await plan.work[index].apply(at: now, on: connection) {
                        plan.work[index].refuse(because: reason)
                    }
                }
                return (plan, try await mirror.write(appVersion: workspace.appVersion, on: connection))
            }
        }
    }

    /// The hash of all that is mirrored: metadata files and gold scripts.
    private var mirrorHash: UUIDValue {
        let (metadata, gold) = (workspace.catalog.hash, workspace.gold.hash)
        return UUIDValue(high: metadata.high ^ gold.high, low: metadata.low ^ gold.low)
    }
}
