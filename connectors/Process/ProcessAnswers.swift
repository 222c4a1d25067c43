import Primitives

/// What a program said of itself: asked once for all entities that call it with the same arguments.
///
/// Entities are landed side by side, so the first one asks and the others wait for its answer. A failed answer is
/// forgotten, so that a retry asks again.
actor ProcessAnswers {
    private var asked: [[String]: Task<ProcessCatalog, any Error>] = [:]

    /// The answer to `ask`, which is cancelled with the task of any entity that waits for it: a run ends as a whole.
    func catalog(
        for arguments: [String], _ ask: @escaping @Sendable () async throws -> ProcessCatalog
    ) async throws -> ProcessCatalog {
        let answer = asked[arguments] ?? Task { try await ask() }
        asked[arguments] = answer
        do {
            return try await answer.endingValue
        } catch {
            asked[arguments] = nil
            throw error
        }
    }
}
