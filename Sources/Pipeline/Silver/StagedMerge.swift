internal import Metadata
internal import Postgres
internal import Primitives

/// Merges what stands in the stage into the history, within the transaction of `run`'s connection.
struct StagedMerge {
    let table: SilverTable
    let batch: Batch
    /// Wall clock for `_created_at` and `_updated_at` only.
    let now: Instant

    private var plan: MergePlan { MergePlan(table: table, run: batch.run, now: now) }

    /// Applies the deletes alone, `deletes` of them, before any other change is staged.
    /// - Returns: How many rows they ended.
    func applyDeletes(_ deletes: Int, on writer: PostgresConnection) async throws -> Int {
        try await prepare(deletes, on: writer)
        return try await delete(plan, on: writer)
    }

    /// Applies the staged changes of a batch, `changes` of them.
    /// - Parameters:
    ///   - applied: Rows that `applyDeletes` has ended.
    ///   - bringsDeletes: False where there are no deletes but those.
    func run(
        _ changes: Int, applied: Int = 0, bringsDeletes: Bool = true, on writer: PostgresConnection
    ) async throws -> RowCounts {
        var counts = RowCounts()
        counts.input = changes
        guard changes > 0 else { return counts }
        try await prepare(changes, on: writer)
        if let reject = plan.rejectFixed {
            try await writer.execute(reject)
            counts.rejected = try await writer.execute(plan.dropRejected)
        }
        counts.deleted = applied + (bringsDeletes ? try await delete(plan, on: writer) : 0)
        switch table.entity.history {
        case .append:
            counts.inserted = try await writer.execute(plan.open)
            counts.duplicate = counts.input - counts.inserted - counts.rejected
        case .latest:
            counts.updated = try await overwrite(plan, on: writer)
            counts.inserted = try await writer.execute(plan.open)
        case .scd2, .scd1, .bitemporal:
            let closed = try await writer.execute(plan.closeChanged)
            let overwritten = try await overwrite(plan, on: writer)
            counts.inserted = try await writer.execute(plan.open) - closed
            counts.updated = closed + overwritten
        }
        counts.unchanged =
            counts.input - counts.inserted - counts.updated - counts.deleted - counts.duplicate - counts.rejected
        return counts
    }

    private func prepare(_ changes: Int, on writer: PostgresConnection) async throws {
        if changes > 5_000 { try await writer.execute("ANALYZE \(fragment: table.stage) (_key_hash, _change)") }
        try await TableStatistics.make(of: table, lookingUp: changes, on: writer)
        try await writer.execute("SET LOCAL random_page_cost = 1.1")
    }

    private func delete(_ plan: MergePlan, on writer: PostgresConnection) async throws -> Int {
        switch table.entity.history {
        case .append: 0
        case .latest: try await writer.execute(plan.remove)
        case .scd2, .scd1, .bitemporal: try await writer.execute(plan.closeDeleted)
        }
    }

    /// Without columns to overwrite, their hashes are all the same.
    private func overwrite(_ plan: MergePlan, on writer: PostgresConnection) async throws -> Int {
        plan.overwritesColumns ? try await writer.execute(plan.overwrite) : 0
    }
}
