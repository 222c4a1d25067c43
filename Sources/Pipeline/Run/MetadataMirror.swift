internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Writes the catalogue into the schema `metadata`: upserts, marks what is gone as inactive, logs each change.
struct MetadataMirror {
    let catalog: Catalog
    let gold: GoldGraph
    let hash: UUIDValue
    let now: Instant

    /// Returns one line for each object that was added, changed or deactivated.
    func write(appVersion: String, on connection: PostgresConnection) async throws -> [String] {
        var changes = try await writeSystems(on: connection)
        changes += try await writeEntities(on: connection)
        try await writeColumns(on: connection)
        try await writeGold(on: connection)
        try await connection.execute(
            """
            INSERT INTO metadata.deployment (metadata_hash, deployed_at, app_version)
            VALUES (\(hash), \(now), \(appVersion)) ON CONFLICT DO NOTHING
            """)
        return changes
    }

    private func writeSystems(on connection: PostgresConnection) async throws -> [String] {
        let systems = catalog.systems
        let definitions = systems.map { $0.definition.text() }
        let changes = try await log(
            on: connection,
            """
            SELECT 'system ' || coalesce(d.id, o.system_id) AS object, o.definition AS before, d.definition AS after
            FROM unnest(\(systems.map(\.id.rawValue)), \(definitions)::jsonb[]) AS d (id, definition)
            FULL JOIN (SELECT * FROM metadata.system WHERE active) o ON o.system_id = d.id
            WHERE o.definition IS DISTINCT FROM d.definition
            """)
        try await connection.execute(
            """
            INSERT INTO metadata.system (system_id, name, description, type, active, definition, deployed_at)
            SELECT d.id, d.name, d.description, d.type, true, d.definition, \(now)
            FROM unnest(\(systems.map(\.id.rawValue)), \(systems.map(\.name)), \(systems.map(\.description)),
                \(systems.map(\.type)), \(definitions)::jsonb[]) AS d (id, name, description, type, definition)
            ON CONFLICT (system_id) DO UPDATE SET name = excluded.name, description = excluded.description,
                type = excluded.type, active = true, definition = excluded.definition, deployed_at = excluded.deployed_at
            """)
        try await connection.execute(
            "UPDATE metadata.system SET active = false WHERE active AND system_id <> ALL (\(systems.map(\.id.rawValue)))"
        )
        return changes
    }

    private func writeEntities(on connection: PostgresConnection) async throws -> [String] {
        let entities = catalog.entities
        let ids: SQLText = """
            unnest(\(entities.map(\.id.system.rawValue)), \(entities.map(\.id.name)), \(entities.map(\.description)),
                \(entities.map(\.loadType.rawValue)), \(entities.map { $0.definition.text() })::jsonb[])
                AS d (system_id, entity_name, description, load_type, definition)
            """
        let changes = try await log(
            on: connection,
            """
            SELECT 'entity ' || coalesce(d.system_id || '.' || d.entity_name, o.system_id || '.' || o.entity_name) AS object,
                o.definition AS before, d.definition AS after
            FROM \(fragment: ids)
            FULL JOIN (SELECT * FROM metadata.entity WHERE active) o
                ON o.system_id = d.system_id AND o.entity_name = d.entity_name
            WHERE o.definition IS DISTINCT FROM d.definition
            """)
        try await connection.execute(
            """
            INSERT INTO metadata.entity (system_id, entity_name, description, load_type, active, definition, deployed_at)
            SELECT d.system_id, d.entity_name, d.description, d.load_type, true, d.definition, \(now)
            FROM \(fragment: ids)
            ON CONFLICT (system_id, entity_name) DO UPDATE SET description = excluded.description,
                load_type = excluded.load_type, active = true, definition = excluded.definition,
                deployed_at = excluded.deployed_at
            """)
        try await connection.execute(
            """
            UPDATE metadata.entity SET active = false
            WHERE active AND system_id || '.' || entity_name <> ALL (\(entities.map(\.id.description)))
            """)
        return changes
    }

    private func writeColumns(on connection: PostgresConnection) async throws {
        let all = catalog.entities.flatMap { entity in
            entity.columns.enumerated().map { (entity: entity, position: $0.offset + 1, column: $0.element) }
        }
        try await connection.execute("UPDATE metadata.entity_column SET active = false WHERE active")
        try await connection.execute(
            """
            INSERT INTO metadata.entity_column (system_id, entity_name, column_name, position, type, is_key, is_nullable,
                scd, description, active)
            SELECT d.*, true
            FROM unnest(\(all.map(\.entity.id.system.rawValue)), \(all.map(\.entity.id.name)), \(all.map(\.column.name)),
                \(all.map(\.position)), \(all.map { SilverTable.type(of: $0.column) }),
                \(all.map { $0.column.isKey ? "true" : "false" })::boolean[],
                \(all.map { $0.column.isNullable ? "true" : "false" })::boolean[],
                \(all.map(\.column.role.rawValue)), \(all.map { $0.column.description ?? "" }))
                AS d (system_id, entity_name, column_name, position, type, is_key, is_nullable, scd, description)
            ON CONFLICT (system_id, entity_name, column_name) DO UPDATE SET position = excluded.position,
                type = excluded.type, is_key = excluded.is_key, is_nullable = excluded.is_nullable, scd = excluded.scd,
                description = excluded.description, active = true
            """)
    }

    private func writeGold(on connection: PostgresConnection) async throws {
        try await connection.execute("UPDATE metadata.gold SET active = false WHERE active")
        for script in gold.order {
            try await connection.execute(
                """
                INSERT INTO metadata.gold (name, materialize, description, inputs, active, deployed_at)
                VALUES (\(script.name), \(script.materialization.rawValue), \(script.description),
                    \(script.inputs.map(\.description).sorted()), true, \(now))
                ON CONFLICT (name) DO UPDATE SET materialize = excluded.materialize, description = excluded.description,
                    inputs = excluded.inputs, active = true, deployed_at = excluded.deployed_at
                """)
        }
    }

    private func log(on connection: PostgresConnection, _ differences: SQLText) async throws -> [String] {
        let rows = try await connection.query(
            """
            WITH logged AS (
                INSERT INTO metadata.change_log (changed_at, object, change, before, after, metadata_hash)
                SELECT \(now), x.object, CASE WHEN x.before IS NULL THEN 'added' WHEN x.after IS NULL THEN 'deactivated'
                    ELSE 'changed' END, x.before, x.after, \(hash)
                FROM (\(fragment: differences)) x
                RETURNING object, change)
            SELECT change || ' ' || object FROM logged ORDER BY object
            """)
        return try rows.map { try $0.get(0, as: String.self) }
    }
}

extension SourceSystem {
    /// The system as the mirror keeps it; secrets only as the references that the metadata has.
    var definition: JSONValue {
        .object([
            JSONMember("id", .string(id.rawValue)), JSONMember("name", .string(name)),
            JSONMember("description", .string(description)), JSONMember("type", .string(type)),
            JSONMember("connection", connection), JSONMember("active", .bool(isActive)),
            JSONMember("owner", owner.map { .string($0) } ?? .null),
            JSONMember("tags", .array(tags.map { .string($0) })),
            JSONMember("schedule", schedule.map { .string($0) } ?? .null), JSONMember("timezone", .string(timezone)),
            JSONMember("after", .array(after.map { .string($0.rawValue) })),
        ])
    }
}

extension Entity {
    /// The entity as the mirror keeps it.
    var definition: JSONValue {
        .object([
            JSONMember("name", .string(id.name)), JSONMember("description", .string(description)),
            JSONMember("load_type", .string(loadType.rawValue)), JSONMember("history", .string(history.rawValue)),
            JSONMember("key", .array(keyColumns.map { .string($0.name) })), JSONMember("source", source),
            JSONMember("active", .bool(isActive)),
            JSONMember(
                "checks",
                .array(
                    checks.map {
                        .object([
                            JSONMember("name", .string($0.name)), JSONMember("rule", .string($0.title)),
                            JSONMember("severity", .string($0.severity.rawValue)),
                        ])
                    })),
            JSONMember(
                "columns",
                .array(
                    columns.map {
                        .object([
                            JSONMember("name", .string($0.name)), JSONMember("type", .string(SilverTable.type(of: $0))),
                            JSONMember("path", .array($0.path.map { .string($0) })),
                            JSONMember("nullable", .bool($0.isNullable)), JSONMember("scd", .string($0.role.rawValue)),
                            JSONMember("description", $0.description.map { .string($0) } ?? .null),
                        ])
                    })),
        ])
    }
}
