internal import Metadata
internal import Postgres

/// An entity that the metadata calls by another name than the database and the raw folder do.
///
/// It is refused: folder and database cannot change in one transaction. What a person has to run is told in full.
struct EntityRename {
    let entity: Entity
    let former: EntityID
    let schemas: SourceSystem.Schemas
    let rawFolder: String

    /// nil where the entity was not renamed, or its tables carry the new name already.
    init?(_ entity: Entity, of system: SourceSystem, in tables: LiveTables, rawFolder: String) {
        guard let name = entity.renamedFrom else { return nil }
        let former = EntityID(system: entity.id.system, name: name)
        guard tables.has(system.schemas.silver, former.table), !tables.has(system.schemas.silver, entity.id.table)
        else {
            return nil
        }
        self.entity = entity
        self.former = former
        self.rawFolder = rawFolder
        schemas = system.schemas
    }

    /// Why the entity cannot run, and what to do.
    func refusal(_ tables: LiveTables) -> String {
        let sql = statements(tables).map { $0 + ";" }.joined(separator: " ")
        // An exploded entity has no raw files.
        let move =
            entity.explosion == nil
            ? "mv \(rawFolder)/\(former.system)/\(former.name) \(rawFolder)/\(former.system)/\(entity.id.name) and "
            : ""
        return
            "\(entity.id) is the former \(former), whose tables, batches and raw files keep their name until somebody "
            + "renames them; with no run under way: \(move)in one transaction: \(sql) Or leave renamed_from out: "
            + "\(entity.id) then begins a history of its own"
    }

    func statements(_ tables: LiveTables) -> [String] {
        let (old, new) = (former.table, entity.id.table)
        var all: [SQLText] = []
        for (schema, table) in [(schemas.bronze, ""), (schemas.bronze, "__last"), (schemas.silver, "")] {
            guard let live = tables.table(schema, old + table) else { continue }
            for check in live.checks where check.name.hasPrefix(old + "_") {
                let name = new + check.name.dropFirst(old.count)
                all.append(
                    """
                    ALTER TABLE \(table: schema, old + table)
                    RENAME CONSTRAINT \(identifier: check.name) TO \(identifier: name)
                    """)
            }
            all.append("ALTER TABLE \(table: schema, old + table) RENAME TO \(identifier: new + table)")
        }
        for (schema, suffixes) in [
            (schemas.bronze, ["_pkey", "_run", "__last_pk", "__scope"]), (schemas.silver, ["_pk", "_open"]),
        ] {
            for suffix in suffixes where tables.hasIndex(schema, old + suffix) {
                all.append("ALTER INDEX \(table: schema, old + suffix) RENAME TO \(identifier: new + suffix)")
            }
        }
        if tables.view(schemas.silver, old + "_current") != nil {
            all.append(
                "ALTER VIEW \(table: schemas.silver, old + "_current") RENAME TO \(identifier: new + "_current")")
        }
        if tables.hasFunction(schemas.silver, old + "_asof") {
            all.append("DROP FUNCTION \(table: schemas.silver, old + "_asof")(timestamptz)")
        }
        for stage in ["__bronze", "__silver", "__scopes"] where tables.has("stage", old + stage) {
            all.append("DROP TABLE \(table: "stage", old + stage)")
        }
        return (all + audit).map { $0.text.split(whereSeparator: \.isNewline).joined(separator: " ") }
    }

    /// The rows by which batches and cursors are found; rows of finished runs keep the old name.
    private var audit: [SQLText] {
        let belongs: SQLText =
            "WHERE system_id = \(literal: former.system.rawValue) AND entity_name = \(literal: former.name)"
        let rename: SQLText = "SET entity_name = \(literal: entity.id.name) \(fragment: belongs)"
        let name: SQLText = "jsonb_build_object('entity_name', \(literal: entity.id.name)::text)"
        return [
            """
            INSERT INTO audit.raw_batch SELECT (jsonb_populate_record(b, \(fragment: name))).* FROM audit.raw_batch b
            \(fragment: belongs)
            """,
            "UPDATE audit.raw_file \(fragment: rename)", "DELETE FROM audit.raw_batch \(fragment: belongs)",
            "UPDATE audit.load_cursor \(fragment: rename)", "UPDATE audit.rejected_record \(fragment: rename)",
            "UPDATE audit.schema_change \(fragment: rename)", "UPDATE metadata.entity_shape \(fragment: rename)",
        ]
    }
}
