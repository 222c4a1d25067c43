internal import Metadata

/// What a batch may do without being asked: reject limits, empty snapshots and mass deletes.
enum Guard {
    /// Why the batch must not be applied; nil where nothing speaks against it.
    static func objection(
        to batch: Batch, of entity: Entity, _ survey: BatchStage.Survey, _ findings: ChangeDetection.Findings
    ) -> StepError? {
        if survey.rejected >= 10, !batch.acceptsRejects,
            Double(survey.rejected) > entity.maxRejectFraction * Double(survey.records)
        {
            return StepError(
                .quality,
                "\(survey.rejected) of \(survey.records) records were rejected, more than max_reject_fraction "
                    + "\(entity.maxRejectFraction) allows; see audit.rejected_record for run \(batch.run.id), mend the "
                    + "source or the metadata, then let the batch in with 'medallion run --entity \(batch.entity) "
                    + "--accept-rejects', or give it up with 'medallion batch discard \(batch.run.id) "
                    + "\(batch.entity)'")
        }
        let (live, absent) = (findings.live - findings.orphaned, findings.absent - findings.orphaned)
        guard batch.loadType == .full, absent > 0, !batch.allowsDeletes else { return nil }
        if survey.records == 0, !entity.allowsEmpty {
            return StepError(
                .guarded,
                "the full batch is empty but \(live) keys are live; nothing was deleted. "
                    + waysOut(of: batch, entity))
        }
        // Without a key every row is replaced: what counts is how many fewer there are.
        let lost = entity.keyColumns.isEmpty ? live - findings.inserted : absent
        guard survey.records > 0, live >= 20,
            Double(lost) > entity.maxDeleteFraction * Double(live)
        else { return nil }
        return StepError(
            .guarded,
            "the full batch lacks \(lost) of \(live) live keys, more than "
                + "max_delete_fraction \(entity.maxDeleteFraction) allows; nothing was deleted. "
                + waysOut(of: batch, entity))
    }

    /// What an operator can do about a blocked batch.
    static func waysOut(of batch: Batch, _ entity: Entity) -> String {
        // A full batch of a scope says nothing of another one.
        let again = entity.fullScope == nil ? " and load again (a newer full batch supersedes this one)" : ""
        return
            "check the source\(again), or apply it with 'medallion run --entity \(batch.entity) --allow-deletes', or give "
            + "it up with 'medallion batch discard \(batch.run.id) \(batch.entity)'"
    }
}
