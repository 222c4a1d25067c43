internal import Hashing
internal import Metadata
internal import Postgres
internal import Primitives

/// What a deployment has to do for the tables of one entity, from the catalogue's rows; applied within the deployment's
/// transaction.
struct TableWork {
    let entity: EntityID
    /// What is told and recorded.
    private(set) var changes: [SchemaChange] = []
    /// Why the entity cannot run: one line each.
    private(set) var refusals: [String] = []
    /// True where nothing but another key keeps the silver table from being used.
    private(set) var isKeyChange = false
    /// Why its rows cannot be used, although its tables can: a rebuild from raw makes them anew.
    private(set) var objection: String?
    /// Makes what is missing.
    private var makes: [SQLText] = []
    /// Gives columns another type.
    private var retyping: [SQLText] = []
    /// Views that are dropped before that, and made again behind it.
    private var views: [DependentView] = []
    /// Changes whatever else is there.
    private var alters: [SQLText] = []
    private var closing: [SQLText] = []
    /// What is kept of the table's definitions: where it is made, or where nothing is kept yet.
    private var shape: RecordedShape?

    /// Why the entity cannot run, in all.
    var differences: [String] { refusals + (objection.map { [$0] } ?? []) }

    /// True where nothing is to be done.
    var isEmpty: Bool { makes.isEmpty && retyping.isEmpty && alters.isEmpty && closing.isEmpty && shape == nil }

    /// True where tables are to be made or changed before a run can go on.
    var isRequired: Bool { !makes.isEmpty || !closing.isEmpty || changes.contains { !$0.isOptional } }

    /// What `apply` runs, as psql would run it.
    var statements: [SQLText] {
        var all = makes
        if !views.isEmpty { all.append(DependentView.dropping(views)) }
        return all + retyping + views.flatMap(\.statements) + alters + closing
    }

    /// Compares the tables of an entity; reads rows only to see whether there are any, and views that read them.
    init(
        for entity: Entity, of system: SourceSystem, in tables: LiveTables, recorded: RecordedShape?,
        rawFolder: String, on connection: PostgresConnection
    ) async throws {
        self.entity = entity.id
        if let rename = EntityRename(entity, of: system, in: tables, rawFolder: rawFolder) {
            refusals.append(rename.refusal(tables))
            return
        }
        let bronze = BronzeTable(entity, schema: system.schemas.bronze)
        let silver = SilverTable(entity, schema: system.schemas.silver)
        for schema in Set([system.schemas.bronze, system.schemas.silver]).sorted()
        where !tables.schemas.contains(schema) {
            makes.append("CREATE SCHEMA IF NOT EXISTS \(identifier: schema)")
        }
        let name = entity.id.table
        if !tables.has(system.schemas.bronze, name) || !tables.has(system.schemas.bronze, name + "__last") {
            makes += bronze.definition
        } else if tables.table(system.schemas.bronze, name)?["_applies_at"] == nil {
            makes += bronze.upgrade
        }
        if !bronze.isLastInLog, tables.table(system.schemas.bronze, name + "__last")?.isUnlogged == true {
            makes.append("ALTER TABLE \(fragment: bronze.last) SET LOGGED")
        }
        let wanted = EntityShape(of: entity, timezone: system.timezone)
        if tables.has(silver.schema, name) {
            try await compare(silver, in: tables, recorded, wanted, timezone: system.timezone, on: connection)
        } else {
            makes += silver.definition
            changes.append(SchemaChange(.created, "", "tables made"))
            shape = RecordedShape(wanted)
        }
        if let reason = LogDefinitions(entity, timezone: system.timezone).objection(to: recorded),
            tables.has(system.schemas.bronze, name),
            try await !connection.query("SELECT 1 FROM \(fragment: bronze.log) LIMIT 1").isEmpty
        {
            objection = reason
        }
        guard refusals.isEmpty else { return }
        makeStage(name + "__bronze", bronze.createStage, tables)
        if entity.explosion != nil { makeStage(name + "__scopes", bronze.createScopes, tables) }
        makeStage(name + "__silver", silver.createStage, tables)
    }

    private mutating func compare(
        _ silver: SilverTable, in tables: LiveTables, _ recorded: RecordedShape?, _ wanted: EntityShape,
        timezone: String, on connection: PostgresConnection
    ) async throws {
        var diff = SchemaDiff(of: silver, in: tables, recorded: recorded?.shape, timezone: timezone, isEmpty: false)
        if diff.dependsOnRows,
            try await connection.query("SELECT 1 FROM \(fragment: silver.history) LIMIT 1").isEmpty
        {
            diff = SchemaDiff(
                of: silver, in: tables, recorded: recorded?.shape, timezone: timezone, isEmpty: true)
        }
        for refusal in diff.refusals { refusals.append(try await line(of: refusal, silver, on: connection)) }
        isKeyChange = !refusals.isEmpty && diff.refusals.allSatisfy(\.isKeyChange)
        guard refusals.isEmpty else { return }
        retyping = diff.retyping
        alters = diff.statements
        closing = diff.closing
        changes = diff.changes
        if !diff.retyped.isEmpty {
            views = try await DependentView.all(
                reading: diff.retyped, of: silver.schema, silver.name, PlainSession(connection: connection))
            refusals += views.compactMap { view in
                view.obstacle.map {
                    "\(silver.schema).\(silver.name) cannot change its types \(diff.retyped.joined(separator: ", ")) below "
                        + "\($0) \(view.title): drop that first, and make it again afterwards"
                }
            }
        }
        guard let recorded else {
            let live = tables.table(silver.schema, silver.name)?.columns.map(\.name) ?? []
            shape = RecordedShape(assuming: wanted, having: Set(live))
            return
        }
        guard recorded.hash != wanted.hash, let work = RefillWork(from: recorded.shape, to: silver.entity, wanted)
        else {
            return
        }
        changes.append(SchemaChange(.refilled, work.columnNames, "open rows by the next run, \(work.title)"))
    }

    /// A refusal in one line, its SQL with all that reads the column.
    private func line(
        of refusal: SchemaDiff.Refusal, _ silver: SilverTable, on connection: PostgresConnection
    ) async throws -> String {
        guard let read = refusal.read else { return refusal.text + TableWork.line(of: refusal.sql) }
        let readers = try await DependentView.all(
            reading: [read.column], of: silver.schema, silver.name, PlainSession(connection: connection))
        let views = readers.filter { $0.obstacle == nil }
        var sql = refusal.sql
        if !views.isEmpty { sql.insert(DependentView.dropping(views), at: 0) }
        if read.remakes { sql += views.flatMap(\.statements) }
        let others = readers.compactMap { view in view.obstacle.map { "\($0) \(view.title)" } }
        let hint = others.isEmpty ? "" : "first drop \(others.joined(separator: " and ")), then "
        return refusal.text + hint + TableWork.line(of: sql)
    }

    /// Statements in one line, each ended; where a text holds a line's end, as they are.
    private static func line(of sql: [SQLText]) -> String {
        sql.map { statement in
            let lines = statement.text.split(whereSeparator: \.isNewline)
            guard lines.allSatisfy({ $0.count { $0 == "'" }.isMultiple(of: 2) }) else { return statement.text + ";" }
            return lines.map { $0.trimmingPrefix { $0 == " " } }.joined(separator: " ") + ";"
        }.joined(separator: " ")
    }

    /// Work tables of another form than this version writes are made again: they hold nothing between two batches.
    private mutating func makeStage(_ name: String, _ definition: SQLText, _ tables: LiveTables) {
        let mark = "form \(XXH3.hash128(Array(definition.text.utf8).span))"
        let live = tables.table("stage", name)
        guard live?.comment != mark else { return }
        if live != nil {
            makes.append("DROP TABLE \(table: "stage", name)")
            changes.append(SchemaChange(.stageMade, "", name))
        }
        makes += [definition, "COMMENT ON TABLE \(table: "stage", name) IS \(literal: mark)"]
    }

    // MARK: Applying

    /// Does it, and records it. Where the server refuses, nothing of this entity's work stays.
    /// - Returns: why it could not be done; nil where it was.
    func apply(at now: Instant, on connection: PostgresConnection) async throws -> String? {
        try await connection.execute("SAVEPOINT entity_tables")
        do {
            try await run(at: now, on: connection)
        } catch let error as PostgresError where error.sqlState != nil && !error.isTransient {
            try await connection.execute("ROLLBACK TO SAVEPOINT entity_tables")
            try await connection.execute("RELEASE SAVEPOINT entity_tables")
            return "the tables of \(entity) cannot be changed (\(error)): take what stands in the way aside, then run: "
                + TableWork.line(of: statements)
        }
        try await connection.execute("RELEASE SAVEPOINT entity_tables")
        return nil
    }

    /// Nothing of it was done.
    mutating func refuse(because reason: String) {
        refusals.append(reason)
        (makes, retyping, views, alters, closing, shape, changes) = ([], [], [], [], [], nil, [])
    }

    private func run(at now: Instant, on connection: PostgresConnection) async throws {
        for statement in makes { try await connection.execute(statement.ifMissing) }
        if !views.isEmpty { try await connection.execute(DependentView.dropping(views)) }
        for statement in retyping { try await connection.execute(statement) }
        let session = PlainSession(connection: connection)
        for view in views {
            try await connection.execute(view.creation)
            try await view.restore(session)
        }
        for statement in alters + closing { try await connection.execute(statement) }
        for change in changes where !change.isSilent && change.kind != .refilled {
            try await connection.execute(
                """
                INSERT INTO audit.schema_change (system_id, entity_name, recorded_at, change, column_name, detail)
                VALUES (\(entity.system.rawValue), \(entity.name), \(now), \(change.kind.rawValue), \(change.column),
                    \(change.detail))
                ON CONFLICT DO NOTHING
                """)
        }
        try await shape?.write(for: entity, at: now, on: connection)
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
