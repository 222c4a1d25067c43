internal import JSON
public import Metadata
public import Postgres
internal import Primitives

/// Brings the database in line with the metadata: makes tables that are missing, refuses tables of another shape, and
/// mirrors the metadata into the schema `metadata`.
public struct Deployment: Sendable {
    private let workspace: Workspace

    /// A deployment of the workspace's catalogue.
    public init(workspace: Workspace) { self.workspace = workspace }

    /// What a deployment would do.
    public struct Plan: Sendable {
        /// Statements that make what is missing, by entity.
        public var statements: [(entity: EntityID, sql: [SQLText])] = []
        /// Why tables that exist cannot be used: one line each, by entity.
        public var differences: [EntityID: [String]] = [:]
        /// Tables in our schemas that no active entity owns any more.
        public var orphans: [String] = []
    }

    /// Compares the entities with the live tables; changes nothing.
    public func plan(for entities: [Entity]) async throws -> Plan {
        let shapes = try await workspace.pool.withConnection { try await LiveTables.read(on: $0) }
        var plan = Plan()
        for entity in entities {
            guard let system = workspace.catalog.system(entity.id.system) else { continue }
            let bronze = BronzeTable(entity, schema: system.schemas.bronze)
            let silver = SilverTable(entity, schema: system.schemas.silver)
            var statements: [SQLText] = []
            for schema in Set([system.schemas.bronze, system.schemas.silver]) where !shapes.schemas.contains(schema) {
                statements.append("CREATE SCHEMA IF NOT EXISTS \(identifier: schema)")
            }
            let hasAllBronze =
                shapes.has(system.schemas.bronze, entity.id.table)
                && shapes.has(system.schemas.bronze, entity.id.table + "__last")
                && shapes.has("stage", entity.id.table + "__bronze")
            if !hasAllBronze { statements += bronze.definition }
            if shapes.has(system.schemas.silver, entity.id.table) {
                let differences = shapes.differences(from: silver)
                if !differences.isEmpty { plan.differences[entity.id] = differences }
            } else {
                statements += silver.definition
            }
            if !statements.isEmpty { plan.statements.append((entity.id, statements)) }
        }
        plan.orphans = shapes.orphans(of: workspace.catalog)
        return plan
    }

    /// Makes what the entities need before a run, and mirrors the metadata when it is new.
    /// - Returns: Why the tables of some entities cannot be used: those fail, their siblings go on.
    /// - Throws: `UsageError` with the SQL when something is missing and `applies` is false.
    func prepare(_ entities: [Entity], applies: Bool) async throws -> [EntityID: [String]] {
        let plan = try await plan(for: entities)
        let isNew = try await workspace.pool.withConnection { connection in
            let rows = try await connection.query(
                "SELECT metadata_hash FROM metadata.deployment ORDER BY deployed_at DESC LIMIT 1")
            return try rows.first?.get(0, as: UUIDValue.self) != mirrorHash
        }
        guard isNew || !plan.statements.isEmpty else { return plan.differences }
        if !applies, !plan.statements.isEmpty {
            let sql = plan.statements.flatMap(\.sql).map { $0.text + ";" }.joined(separator: "\n")
            throw UsageError(
                "--no-ddl was given, but tables are missing; run 'medallion deploy', or this SQL:\n\(sql)")
        }
        try await apply(plan)
        return plan.differences
    }

    /// Deploys the whole catalogue in one transaction.
    /// - Returns: the statements that were run, and what changed in the mirror.
    public func deploy() async throws -> (plan: Plan, changes: [String]) {
        let plan = try await plan(for: workspace.catalog.entities)
        try refuse(plan)
        return (plan, try await apply(plan))
    }

    private func refuse(_ plan: Plan) throws {
        guard !plan.differences.isEmpty else { return }
        throw Deployment.refusal(plan.differences.sorted { $0.key < $1.key }.flatMap(\.value))
    }

    /// What a user reads when tables have another shape than the metadata says.
    static func refusal(_ differences: [String]) -> StepError {
        StepError(
            .schema,
            "tables differ from the metadata and are never repaired silently: \(differences.joined(separator: "; ")); "
                + "change the table or the metadata so that both agree")
    }

    @discardableResult
    private func apply(_ plan: Plan) async throws -> [String] {
        let now = workspace.clock.now()
        let mirror = MetadataMirror(catalog: workspace.catalog, gold: workspace.gold, hash: mirrorHash, now: now)
        return try await workspace.pool.withConnection { connection in
            try await connection.transaction {
                // Two systems may deploy at once: one after the other.
                try await connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(7308604897285472356)")
                for (entity, statements) in plan.statements {
                    for statement in statements { try await connection.execute(statement.ifMissing) }
                    try await connection.execute(
                        """
                        INSERT INTO audit.schema_change (system_id, entity_name, recorded_at, change, column_name, detail)
                        VALUES (\(entity.system.rawValue), \(entity.name), \(now), 'created', '', 'tables made')
                        ON CONFLICT DO NOTHING
                        """)
                }
                return try await mirror.write(appVersion: workspace.appVersion, on: connection)
            }
        }
    }

    /// The hash of all that is mirrored: metadata files and gold scripts.
    private var mirrorHash: UUIDValue {
        let (metadata, gold) = (workspace.catalog.hash, workspace.gold.hash)
        return UUIDValue(high: metadata.high ^ gold.high, low: metadata.low ^ gold.low)
    }
}

extension SQLText {
    /// A statement that two deployments may both have planned.
    fileprivate var ifMissing: SQLText {
        for prefix in ["CREATE TABLE ", "CREATE UNIQUE INDEX "]
        where text.hasPrefix(prefix) && !text.contains("IF NOT EXISTS") {
            return SQLText(verbatim: prefix + "IF NOT EXISTS " + text.dropFirst(prefix.count))
        }
        return self
    }
}
