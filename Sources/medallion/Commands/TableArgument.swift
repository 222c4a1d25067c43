import ArgumentParser
import Metadata
import Pipeline

/// Names of tables for the shell to complete.
enum TableArgument {
    /// The tables of the project that the shell stands in, as `silver.TABLE` and `system.entity`.
    static let completion = CompletionKind.custom { _, _, _ in names() }

    private static func names() -> [String] {
        // A shell that completes a word has no place for errors: without a project there is nothing to offer.
        guard let options = try? GlobalOptions.parse([]), let catalog = try? Composition(options: options).loadCatalog()
        else { return [] }
        return catalog.entities.flatMap { entity in
            // Every entity of a catalogue has its table.
            let table = try? NamedTable(entity.id.description, in: catalog)
            return [table?.silver, entity.id.description].compactMap { $0 }
        }
    }
}
