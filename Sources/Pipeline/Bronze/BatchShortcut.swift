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

    /// True where records are compared by their keys.
    static func suits(_ entity: Entity) -> Bool { !entity.keyColumns.isEmpty }

    /// Writes the batch's changes; nil for the long way, with everything undone.
    /// - Parameters:
    ///   - companion: Takes the typed changes along for silver.
    ///   - followed: What following the batch came to.
    func take(
        _ companion: CompanionMerge?, _ followed: LandingFollower.Outcome?, step: Step,
        on connection: PostgresConnection
    ) async throws -> DetectedBatch? {
        let isFirst = stage.isFirst
        let entity = stage.source.entity
        guard isFirst ? FirstBatch.suits(entity) : Self.suits(entity) else { return nil }
        var follower: KeyFollower?
        switch followed {
        case .longWay where isFirst: return nil
        case .keys(let keys) where !isFirst && keys.suits(stage.batch): follower = keys
        // It would go on reading, beside bronze.
        default: await followed?.abandon()
        }
        if !isFirst {
            let accepted = AcceptedDocuments(stage.source, under: catalog)
            guard stage.batch.loadType == .full, try await accepted.areCurrent(on: connection) else { return nil }
        }
        try await connection.execute("SAVEPOINT shortcut")
        let batch =
            isFirst
            ? try await FirstBatch(stage: stage, companion: companion, step: step, expected: stage.expected)
                .write(on: connection) { step.progress(records: $0) }
            : try await KnownBatch(stage: stage, companion: companion, follower: follower).write(
                on: connection, step: step)
        if let batch { return batch }
        await companion?.abandon()
        try await connection.execute("ROLLBACK TO SAVEPOINT shortcut")
        return nil
    }
}
