internal import Metadata
internal import Postgres

/// A shorter way for a batch that allows it, to the same tables: `FirstBatch` or `KnownBatch`.
struct BatchShortcut {
    private let stage: BatchStage
    private let catalog: Catalog

    init(_ stage: BatchStage, _ catalog: Catalog) {
        self.stage = stage
        self.catalog = catalog
    }

    /// Writes the batch's changes; nil for the long way.
    /// - Parameter companion: Takes the typed changes along for silver.
    func take(
        _ companion: CompanionMerge?, step: Step, on connection: PostgresConnection
    ) async throws -> DetectedBatch? {
        if let first = try await FirstBatch(stage, companion, on: connection) {
            return try await first.write(on: connection, step: step)
        }
        let accepted = AcceptedDocuments(stage.source, under: catalog)
        guard let known = try await KnownBatch(stage, companion, accepted, on: connection) else { return nil }
        return try await known.write(on: connection, step: step)
    }
}
