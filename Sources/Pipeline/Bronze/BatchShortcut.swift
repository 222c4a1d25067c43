internal import Metadata
internal import Postgres

/// A shorter way for a batch that allows it, to the same tables: `FirstBatch` or `KnownBatch`.
struct BatchShortcut {
    private let stage: BatchStage
    private let catalog: Catalog
    private var entity: Entity { stage.source.entity }

    init(_ stage: BatchStage, _ catalog: Catalog) {
        self.stage = stage
        self.catalog = catalog
    }

    /// Writes the batch's changes; nil for the long way, also where a guard is going to object.
    /// - Parameter merge: Takes the typed rows of a first batch along for silver.
    func take(_ merge: FirstMerge?, step: Step, on connection: PostgresConnection) async throws -> DetectedBatch? {
        if let first = try await FirstBatch(stage, merge: merge, on: connection) {
            guard let (survey, findings) = try await first.write(on: connection, step: step) else { return nil }
            guard Guard.objection(to: stage.batch, of: entity, survey, findings) == nil else {
                try await first.undo(on: connection)
                return nil
            }
            var batch = detected(survey, findings, detectsAbsence: false)
            batch.isFirst = true
            return batch
        }
        guard
            let known = try await KnownBatch(
                stage, AcceptedDocuments(stage.source, under: catalog), on: connection),
            case (let survey, var findings)? = try await known.write(on: connection, step: step)
        else { return nil }
        let detectsAbsence = survey.tellsAbsence(in: stage.batch, of: entity)
        if !detectsAbsence { (findings.live, findings.absent) = (0, 0) }
        guard Guard.objection(to: stage.batch, of: entity, survey, findings) == nil else {
            try await known.undo(on: connection)
            return nil
        }
        let batch = detected(survey, findings, detectsAbsence: detectsAbsence)
        if findings.changes + findings.absent > 0 {
            try await batch.detection.apply(on: connection, isFirst: false)
        }
        return batch
    }

    private func detected(
        _ survey: BatchStage.Survey, _ findings: ChangeDetection.Findings, detectsAbsence: Bool
    ) -> DetectedBatch {
        DetectedBatch(
            stage: stage, survey: survey,
            detection: ChangeDetection(
                entity: entity, table: stage.table, batch: stage.batch, detectsAbsence: detectsAbsence,
                absentIsStaged: true),
            duplicates: 0, marks: nil, findings: findings)
    }
}
