import ArgumentParser
import Metadata
import Pipeline
import Primitives

extension Catalog {
    /// The entity that was named on the command line.
    /// - Throws: `UsageError` with the nearest name when there is none.
    func named(_ text: String) throws -> Entity {
        let id = try parseEntity(text)
        if let entity = entity(id) { return entity }
        throw UsageError.noEntity(text, among: entities.map(\.id))
    }
}

/// Reads `system.entity`.
func parseEntity(_ text: String) throws -> EntityID {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ValidationError("an entity is written system.entity, got '\(text)'")
    }
    return EntityID(system: SystemID(rawValue: String(parts[0])), name: String(parts[1]))
}
