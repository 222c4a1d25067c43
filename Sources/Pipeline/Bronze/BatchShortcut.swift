internal import Metadata
internal import Postgres

/// A shorter way for a batch that allows it, to the same tables: `FirstBatch` or `KnownBatch`.
struct BatchShortcut {
    private let stage: BatchStage
    private let catalog: Catalog

    /// So many records that are rejected, or cannot be read, are looked at one by one; more go the long way.
    static let heldRejects = 10_000

    init(_ stage: BatchStage, _ catalog: Catalog) {
        self.stage = stage
        self.catalog = catalog
    }

    /// True where nothing but a key's last change counts.
    static func suits(_ entity: Entity) -> Bool {
        entity.explosion == nil && entity.effectiveTimeColumn == nil && entity.fullScope == nil
            && !entity.keyColumns.isEmpty
    }

    /// Writes the batch's changes; nil for the long way, with everything undone.
    /// - Parameters:
    ///   - companion: Takes the typed changes along for silver.
    ///   - follower: Has perhaps read the keys.
    func take(
        _ companion: CompanionMerge?, _ follower: KeyFollower?, step: Step, on connection: PostgresConnection
    ) async throws -> DetectedBatch? {
        guard Self.suits(stage.source.entity) else { return nil }
        let isFirst = stage.isFirst
        if !isFirst {
            let accepted = AcceptedDocuments(stage.source, under: catalog)
            guard stage.batch.loadType == .full, try await accepted.areCurrent(on: connection) else { return nil }
        }
        var follower = follower
        if let keys = follower, isFirst || !keys.suits(stage.batch) {
            // It would go on reading, beside bronze.
            await keys.abandon()
            follower = nil
        }
        try await connection.execute("SAVEPOINT shortcut")
        let batch =
            isFirst
            ? try await FirstBatch(stage: stage, companion: companion, step: step, expected: stage.batch.records)
                .write(on: connection) { step.progress(records: $0) }
            : try await KnownBatch(stage: stage, companion: companion, follower: follower).write(
                on: connection, step: step)
        if let batch { return batch }
        await companion?.abandon()
        try await connection.execute("ROLLBACK TO SAVEPOINT shortcut")
        return nil
    }
}
