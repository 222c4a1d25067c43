import ArgumentParser
import Metadata
import Pipeline

/// `medallion reset`.
struct ResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Make the next load of an entity a full one. History is kept.",
        discussion: """
            Example:
              medallion reset shop.orders && medallion run --entity shop.orders
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The entity, as system.entity.")
    var entity: String

    mutating func run() async throws { print(try await resetEntity(entity, options)) }
}

/// Resets and says what happens next.
func resetEntity(_ name: String, _ options: GlobalOptions) async throws -> String {
    let composition = Composition(options: options)
    let entity = try await Interruption.guarding {
        try await composition.withWorkspace { workspace in
            let entity = try workspace.catalog.named(name)
            try await OperatorLedger(workspace: workspace).reset(entity.id)
            return entity
        }
    }
    return "the next load of \(entity.id) is a full one; its history is kept"
}
