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
        throw unknownEntity(text, among: entities.map(\.id))
    }
}

/// Says which name was most likely meant.
func unknownEntity(_ text: String, among known: [EntityID]) -> UsageError {
    let nearest = nearestName(to: text, among: known.map(\.description))
    return UsageError("no entity '\(text)'" + (nearest.map { "; did you mean '\($0)'?" } ?? "; see medallion status"))
}

/// Reads `system.entity`.
func parseEntity(_ text: String) throws -> EntityID {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw ValidationError("an entity is written system.entity, got '\(text)'")
    }
    return EntityID(system: SystemID(rawValue: String(parts[0])), name: String(parts[1]))
}
