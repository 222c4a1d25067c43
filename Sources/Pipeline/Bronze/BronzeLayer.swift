internal import ConnectorKit
internal import Metadata
internal import Postgres
internal import Primitives

/// bronze: turns raw batches into a log of document changes.
///
/// A document is kept only when it differs from the last one of its key; a live key that is absent from a full batch
/// becomes a delete. So the difference between full and delta ends here. Guards are decided before anything is written.
struct BronzeLayer: Sendable {
    let store: RawStore
    let pool: PostgresPool
    /// Knows the parents of exploded entities.
    let catalog: Catalog
    /// An operator allowed deletes, or accepted rejects, for the batches of this run.
    let allowsDeletes: Bool
    let acceptsRejects: Bool
    /// False: every batch goes the long way. Both ways give the same tables; tests take each.
    var usesShortcuts = true

    /// From so many records on the server's log is worth a connection of its own.
    static let largeBatch = 5_000

    /// Normalizes the entity's pending batches, oldest first, each in one transaction.
    /// - Parameters:
    ///   - companion: Is fed with the typed changes, where silver follows and only one batch is pending.
    ///   - follower: Has perhaps read the batch already, in a transaction of its own that is still open, or its keys.
    func normalize(
        _ entity: Entity, of system: SourceSystem, companion: CompanionMerge? = nil, follower: LandingFollower? = nil,
        step: Step
    ) async throws {
        do { try await normalizePending(entity, of: system, companion, follower, step: step) } catch {
            // What silver was told counts for nothing.
            await companion?.abandon()
            throw error
        }
    }

    private func normalizePending(
        _ entity: Entity, of system: SourceSystem, _ companion: CompanionMerge?, _ follower: LandingFollower?,
        step: Step
    ) async throws {
        try await registerItems(of: entity, step: step)
        let pending = try await pool.withConnection { connection in
            try await BatchLedger.batches(of: entity.id, in: ["landed", "blocked"], on: connection)
        }
        let work = try settleBlocked(pending, of: entity)
        guard !work.isEmpty else {
            await follower?.abandon()
            return try await pool.withConnection { try await step.skip(.noInput, on: $0) }
        }
        if work.count > 1 { await follower?.abandon() }
        let followed = try await follower?.take(work[0], from: store, step: step)
        if case .written(let batch) = followed {
            return try await finish(batch, work[0], entity, system, step: step)
        }
        var fed = companion
        // Of such a batch silver is told nothing.
        if case .longWay = followed { fed = nil }
        do { try await normalize(work, entity, system, fed, followed, step: step) } catch {
            await followed?.abandon()
            throw error
        }
        await followed?.abandon()
    }

    private func normalize(
        _ work: [Batch], _ entity: Entity, _ system: SourceSystem, _ companion: CompanionMerge?,
        _ followed: LandingFollower.Outcome?, step: Step
    ) async throws {
        for (position, batch) in work.enumerated() {
            let isLast = position == work.count - 1
            try await pool.withConnection { connection in
                let table = BronzeTable(entity, schema: system.schemas.bronze)
                try await BatchLedger.refuseOlder(batch, than: ["normalized", "merged"], on: connection)
                if try await isUnchanged(batch, entity, on: connection) {
                    try await keepUnchanged(batch, entity, closes: isLast, step: step, on: connection)
                } else {
                    try await pool.flushingEarly(if: batch.records >= BronzeLayer.largeBatch) {
                        try await normalize(
                            batch, entity, system, table,
                            companion: work.count == 1 && usesShortcuts ? companion : nil, followed, closes: isLast,
                            step: step, on: connection)
                    }
                }
            }
        }
    }

    /// What is to be normalized: a newer full batch passes a blocked one, any other waits behind it until somebody decides.
    private func settleBlocked(
        _ pending: [(batch: Batch, state: String, reason: String?)], of entity: Entity
    ) throws -> [Batch] {
        var work: [Batch] = []
        for (position, entry) in pending.enumerated() {
            var batch = entry.batch
            batch.allowsDeletes = batch.allowsDeletes || allowsDeletes
            batch.acceptsRejects = batch.acceptsRejects || acceptsRejects
            guard entry.state == "blocked" else {
                work.append(batch)
                continue
            }
            if pending[(position + 1)...].contains(where: { isWhole($0.batch, entity) }) { continue }
            if batch.allowsDeletes || batch.acceptsRejects {
                work.append(batch)
                continue
            }
            throw StepError(
                .guarded,
                "the batch of run \(batch.run.id) is blocked: \(entry.reason ?? Guard.waysOut(of: batch, entity))")
        }
        return work
    }

    /// A full batch of a scope says nothing of what another scope has.
    private func isWhole(_ batch: Batch, _ entity: Entity) -> Bool {
        batch.loadType == .full && entity.fullScope == nil
    }

    /// Moves a batch on that bronze has now, or that is blocked.
    ///
    /// A full one that passes settles the blocked ones before it. One that is blocked, too, settles the full ones only: it may be
    /// given up yet, and what a delta brought comes with no other batch.
    private func advance(
        _ batch: Batch, to state: String, _ entity: Entity, reason: String? = nil, rejected: Int = 0,
        missing: [String] = [],
        step: Step, on connection: PostgresConnection
    ) async throws {
        if isWhole(batch, entity) {
            let loads: [LoadType] = state == "blocked" ? [.full] : [.full, .delta]
            for run in try await BatchLedger.supersede(loads, before: batch, on: connection) {
                step.notice("the blocked batch of run \(run) is superseded by a newer full one")
            }
        }
        try await BatchLedger.advance(
            batch, to: state, by: step.run.id, reason: reason, rejected: rejected, missing: missing, on: connection)
    }

    /// An exploded entity takes what its parent has in bronze.
    private func registerItems(of entity: Entity, step: Step) async throws {
        guard let parent = entity.explosion?.parent else { return }
        try await pool.withConnection { connection in
            try await connection.transaction {
                try await step.checkFence(on: connection)
                try await ItemBatches(child: entity.id, parent: parent).register(at: step.now, on: connection)
            }
        }
    }

    private func isUnchanged(
        _ batch: Batch, _ entity: Entity, on connection: PostgresConnection
    ) async throws -> Bool {
        guard batch.sameAs != nil, let parent = entity.explosion?.parent else { return batch.sameAs != nil }
        return try await ItemBatches(child: entity.id, parent: parent).isUnchanged(batch, on: connection)
    }

    /// The same bytes as the last merged full batch: nothing can have changed.
    private func keepUnchanged(
        _ batch: Batch, _ entity: Entity, closes: Bool, step: Step, on connection: PostgresConnection
    ) async throws {
        var counts = RowCounts()
        // How many items the parent's records hold is not known without reading them.
        counts.input = entity.explosion == nil ? batch.records : 0
        counts.unchanged = counts.input
        try await connection.transaction {
            try await advance(batch, to: "normalized", entity, step: step, on: connection)
            try await step.commit(counts, load: (batch.loadType, nil, nil), closes: closes, on: connection)
        }
    }

    private func normalize(
        _ batch: Batch, _ entity: Entity, _ system: SourceSystem, _ table: BronzeTable,
        companion: CompanionMerge?, _ followed: LandingFollower.Outcome?, closes: Bool, step: Step,
        on connection: PostgresConnection
    ) async throws {
        await companion?.expect(records: batch.records)
        let blocked: StepError? = try await connection.transaction {
            let stage = try await openStage(batch, entity, system, table, step: step, on: connection)
            let shortcut = usesShortcuts ? BatchShortcut(stage, catalog) : nil
            let detected: DetectedBatch
            if let short = try await shortcut?.take(companion, followed, step: step, on: connection) {
                detected = short
            } else {
                await followed?.abandon()
                detected = try await detect(stage, step: step, on: connection)
            }
            return try await conclude(
                detected, batch, entity, system, companion: companion, closes: closes, step: step, on: connection)
        }
        if let blocked { throw blocked }
    }

    /// Ends the transaction in which the batch was read while it landed.
    private func finish(
        _ followed: LandingFollower.Followed, _ batch: Batch, _ entity: Entity, _ system: SourceSystem, step: Step
    ) async throws {
        let (connection, detected) = followed
        do {
            let blocked = try await connection.committing {
                try await connection.execute("SET LOCAL lock_timeout TO DEFAULT")
                try await BatchLedger.refuseOlder(batch, than: ["normalized", "merged"], on: connection)
                return try await conclude(
                    detected, batch, entity, system, companion: nil, closes: true, step: step, on: connection)
            }
            if let blocked { throw blocked }
        } catch {
            await connection.close()
            throw error
        }
        await pool.takeBack(connection)
    }

    /// Writes what a batch turned out to be, with its state and its audit; the last thing in its transaction.
    /// - Returns: Why the batch is blocked; nil where it is not.
    private func conclude(
        _ detected: DetectedBatch, _ batch: Batch, _ entity: Entity, _ system: SourceSystem,
        companion: CompanionMerge?, closes: Bool, step: Step, on connection: PostgresConnection
    ) async throws -> StepError? {
        let (survey, detection, findings) = (detected.survey, detected.detection, detected.findings)
        // Of one that was blocked some may be told that are none any more.
        if survey.rejected > 0 || batch.acceptsRejects || batch.allowsDeletes {
            try await detection.recordRejects(on: connection)
        }
        if let reason = Guard.objection(to: batch, of: entity, survey, findings) {
            try await step.checkFence(on: connection)
            try await advance(
                batch, to: "blocked", entity, reason: step.known.mask(reason.description), rejected: survey.rejected,
                step: step, on: connection)
            return reason
        }
        let drift = SchemaDrift(of: entity, in: batch, survey, catalog)
        try await drift.note(step: step, on: connection)
        try await write(detected, companion, step: step, on: connection)
        try await AcceptedDocuments(detected.stage.source, under: catalog).note(detected, on: connection)
        try await noteDefinitions(entity, system, step: step, on: connection)
        if findings.wentBack > 0 {
            step.notice(
                "\(findings.wentBack) keys are shown in an older state than was known: it counts from now on")
        }
        try await BatchLedger.permit(
            batch, deletes: allowsDeletes, rejects: acceptsRejects, on: connection)
        try await advance(
            batch, to: "normalized", entity, reason: suspension(entity, batch, survey), rejected: survey.rejected,
            missing: drift.missing, step: step, on: connection)
        try await step.commit(
            detected.counts(batch), load: (batch.loadType, nil, nil), closes: closes, on: connection)
        return nil
    }

    private func noteDefinitions(
        _ entity: Entity, _ system: SourceSystem, step: Step, on connection: PostgresConnection
    ) async throws {
        let advice = try await LogDefinitions(entity, timezone: system.timezone).note(on: connection)
        if let advice { step.notice(advice) }
    }

    /// Why some keys may stay open although the batch lacks them; nil where none does.
    private func suspension(_ entity: Entity, _ batch: Batch, _ survey: BatchStage.Survey) -> String? {
        guard survey.keyless > 0, !entity.keyColumns.isEmpty else { return nil }
        if entity.explosion != nil {
            return "deletion suspended below the parents of \(survey.keyless) items that could not be read"
        }
        guard batch.loadType == .full else { return nil }
        return "deletion by absence suspended: \(survey.keyless) records without a readable key"
    }

    private func openStage(
        _ batch: Batch, _ entity: Entity, _ system: SourceSystem, _ table: BronzeTable, step: Step,
        on connection: PostgresConnection
    ) async throws -> BatchStage {
        let parent = entity.explosion.flatMap { catalog.entity($0.parent) }
        let source = try BatchSource(batch.run.id, of: entity, parent: parent, timezone: system.timezone, in: store)
        let parents = parent.map {
            ParentScopes(
                table: table, parent: BronzeTable($0, schema: system.schemas.bronze), batch: batch)
        }
        let lastChanges = LastChanges(table: table)
        var last = try await lastChanges.state(on: connection)
        if last == .inLog, !lastChanges.canStayInLog {
            try await lastChanges.restore(on: connection)
            try await noteDefinitions(entity, system, step: step, on: connection)
            step.notice("the last changes were not in their table, as after a crash; they were made again from the log")
            last = .kept
        } else if last == .inLog, try await lastChanges.areWorthKeeping(for: batch, on: connection) {
            try await lastChanges.restore(on: connection)
            last = .kept
        }
        // Keys are looked up, however large the tables have grown.
        try await connection.execute("SET LOCAL random_page_cost = 1.1")
        try await EmptyTable.make(table.stage, on: connection)
        if parents != nil { try await EmptyTable.make(table.scopes, on: connection) }
        return BatchStage(source: source, table: table, batch: batch, parents: parents, last: last)
    }

    private func detect(
        _ stage: BatchStage, step: Step, on connection: PostgresConnection
    ) async throws -> DetectedBatch {
        let (entity, table, batch) = (stage.source.entity, stage.table, stage.batch)
        var stage = stage
        var survey = try await stage.fill(on: connection, step: step)
        if survey.records > 1_000 {
            try await connection.execute("ANALYZE \(fragment: table.stage) (_key_hash, _reject_reason)")
        }
        let superseded = try await stage.parents?.settle(&survey, on: connection) ?? 0
        let detectsAbsence = survey.tellsAbsence(in: batch, of: entity)
        if stage.last == .inLog {
            let lastChanges = LastChanges(table: table)
            let most = batch.loadType == .full ? -1 : try await lastChanges.mostLookedUp(for: batch, on: connection)
            if survey.records > most {
                try await lastChanges.restore(on: connection)
                stage.last = .kept
            }
        }
        let detection = ChangeDetection(
            entity: entity, table: table, batch: batch, detectsAbsence: detectsAbsence, last: stage.last)
        let duplicates = try await superseded + detection.removeDuplicates(on: connection)
        let (marks, findings) = try await detection.decide(of: survey.records, on: connection)
        return DetectedBatch(
            stage: stage, survey: survey, detection: detection, duplicates: duplicates, marks: marks,
            findings: findings)
    }

    /// Normalizes a batch as a rebuild and a preview do: nothing is asked or noted, but for rejected records where `rejected` says.
    /// - Returns: What it came to, why a run would block it, and the columns that no record has.
    @discardableResult
    func replay(
        _ batch: Batch, _ entity: Entity, of system: SourceSystem, into table: BronzeTable, rejected: SQLText? = nil,
        step: Step, on connection: PostgresConnection
    ) async throws -> (counts: RowCounts, objection: StepError?, missing: [String]) {
        let stage = try await openStage(batch, entity, system, table, step: step, on: connection)
        let detected = try await detect(stage, step: step, on: connection)
        if let rejected, detected.survey.rejected > 0 {
            try await detected.detection.recordRejects(in: rejected, on: connection)
        }
        try await write(detected, nil, step: step, on: connection)
        return (
            detected.counts(batch), Guard.objection(to: batch, of: entity, detected.survey, detected.findings),
            SchemaDrift(of: entity, in: batch, detected.survey, catalog).missing
        )
    }

    private func write(
        _ detected: DetectedBatch, _ companion: CompanionMerge?, step: Step, on connection: PostgresConnection
    ) async throws {
        let (detection, findings, batch) = (detected.detection, detected.findings, detected.stage.batch)
        guard findings.changes + findings.absent > 0, let marks = detected.marks else { return }
        let table = detection.table
        let isFirst = detected.stage.isFirst
        if isFirst {
            try await EmptyTable.clear(table.log, on: connection)
            for statement in table.openForFirstRows(of: batch) { try await connection.execute(statement) }
        }
        // Which keys are absent is known to the server alone.
        let isFed = !isFirst && !detection.detectsAbsence && batch.loadType == .delta
        var feed = try await MergeFeed(
            isFed ? companion : nil, batch, of: detection.entity, expecting: findings.changes, opensHistory: false,
            at: step.now)
        var log: LogCopy?
        if findings.changes > 0 {
            log = try await detected.stage.log(marks, feeding: &feed, on: connection, step: step)
        }
        let whole = feed
        async let handedOver: Void = whole.ended()
        try await log?.end()
        if isFirst {
            for statement in table.closeAfterFirstRows(findings.changes) { try await connection.execute(statement) }
        }
        try await detection.apply(findings, on: connection)
        try await handedOver
    }
}
