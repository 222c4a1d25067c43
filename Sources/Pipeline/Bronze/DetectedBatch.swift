internal import Metadata
internal import Postgres

/// What a batch turned out to be, once it was compared with what was known.
struct DetectedBatch {
    var stage: BatchStage
    var survey: BatchStage.Survey
    var detection: ChangeDetection
    var duplicates: Int
    /// The records that become changes; nil where they have been written already.
    var marks: ChangeMarks?
    var findings: ChangeDetection.Findings
    /// True where nothing was known of the entity before.
    var isFirst = false

    /// It was read before all was known of the batch: now it is.
    mutating func settle(_ batch: Batch, _ source: BatchSource) {
        stage = BatchStage(source: source, table: stage.table, batch: batch, parents: stage.parents, last: stage.last)
        detection = ChangeDetection(
            entity: source.entity, table: stage.table, batch: batch, detectsAbsence: detection.detectsAbsence,
            last: detection.last)
    }

    /// Each record in exactly one counter.
    func counts(_ batch: Batch) -> RowCounts {
        var counts = RowCounts()
        counts.input = survey.records
        counts.inserted = findings.inserted
        counts.updated = findings.updated
        counts.unchanged = survey.records - survey.rejected - duplicates - findings.changes
        counts.duplicate = duplicates
        counts.rejected = survey.rejected
        counts.absent = findings.absent
        counts.deleted = findings.absent + findings.marked
        counts.bytes = batch.bytes
        return counts
    }

    /// True where every document that is live now, behind the batch, is one that it has accepted.
    func acceptsAll(on connection: PostgresConnection) async throws -> Bool {
        if isFirst { return true }
        guard stage.batch.loadType == .full, survey.rejected == 0, detection.detectsAbsence else { return false }
        return try await !detection.leavesOthers(on: connection)
    }
}

extension BatchStage.Survey {
    /// True where keys that the batch lacks count as deleted.
    func tellsAbsence(in batch: Batch, of entity: Entity) -> Bool {
        guard batch.loadType == .full || entity.explosion != nil, entity.deleteMode == .close,
            entity.history != .append
        else { return false }
        // Items are absent only below parents that are read as a whole.
        if entity.explosion != nil { return true }
        // Without a key, `latest` replaces every row by the new batch's; nothing else can tell what is absent.
        return entity.keyColumns.isEmpty ? entity.history == .latest : keyless == 0
    }
}
