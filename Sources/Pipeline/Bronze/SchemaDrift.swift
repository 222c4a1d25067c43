internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// How a batch's records differ from what the metadata say that they hold.
struct SchemaDrift {
    /// Columns that no record of a full batch of at least 100 had; silver keeps their values.
    let missing: [String]
    /// Fields that nothing reads.
    private let unknown: [String]
    private let entity: Entity
    private let batch: Batch

    init(of entity: Entity, in batch: Batch, _ survey: BatchStage.Survey, _ catalog: Catalog) {
        self.entity = entity
        self.batch = batch
        // Where nothing was deleted, nothing need have a mark that says so.
        let marker = entity.columns.first { $0.name == entity.deleteMarker?.column && !$0.isStored }
        missing =
            batch.loadType == .full && survey.records >= 100
            ? survey.missingColumns.filter { $0 != marker?.name } : []
        let ofItems = catalog.entities(of: entity.id.system).compactMap { other in
            other.explosion?.parent == entity.id ? other.explosion?.path.first : nil
        }
        unknown = survey.unknownFields.filter { !ofItems.contains($0) }
    }

    /// Reports it in `audit.schema_change`: fields once, columns for each batch.
    /// - Throws: StepError where the metadata allow no further field.
    func note(step: Step, on connection: PostgresConnection) async throws {
        if entity.schemaMode == .freeze, let field = unknown.first {
            throw StepError(
                .schema,
                "the source brings field '\(field)', which no column names, and schema_mode is freeze; "
                    + "add a column for it, or set schema_mode to evolve")
        }
        let fields = entity.schemaMode == .evolve ? unknown : []
        for (change, found) in [("field_appeared", fields), ("column_missing", missing)] where !found.isEmpty {
            let names = found.map { step.known.mask($0) }
            let noted = try await connection.execute(
                """
                INSERT INTO audit.schema_change (system_id, entity_name, recorded_at, run_id, change, column_name, detail)
                SELECT \(entity.id.system.rawValue), \(entity.id.name), \(step.now), \(batch.run.id), \(change), f.name,
                    CASE WHEN \(change) = 'field_appeared' THEN 'kept in bronze; add a column to have it in silver'
                    ELSE 'in no record of the full batch; silver keeps its values' END
                FROM unnest(\(names)) AS f (name)
                WHERE \(change) = 'column_missing' OR NOT EXISTS (
                    SELECT FROM audit.schema_change c WHERE c.system_id = \(entity.id.system.rawValue)
                        AND c.entity_name = \(entity.id.name) AND c.change = \(change) AND c.column_name = f.name)
                """)
            if noted > 0 {
                let what =
                    change == "field_appeared" ? "fields that no column reads" : "columns in no record, values kept"
                step.notice("\(what): \(names.joined(separator: ", ")); see audit.schema_change")
            }
        }
    }
}
