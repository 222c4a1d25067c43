import ArgumentParser
import ConnectorKit
import JSON
import Metadata

/// `medallion metadata`.
struct MetadataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metadata",
        abstract: "The JSON Schemas of the metadata files, for editors.",
        discussion: "Example:\n  medallion metadata schema systems > metadata/schema/systems.json",
        subcommands: [Schema.self])

    struct Schema: ParsableCommand {
        enum File: String, ExpressibleByArgument, CaseIterable {
            case systems, entities
        }

        static let configuration = CommandConfiguration(
            commandName: "schema", abstract: "Print the JSON Schema of systems.json or entities.json.",
            discussion: """
                In a project whose metadata is valid, the schema of entities.json knows the attributes that the source of
                each system takes.

                Examples:
                  medallion metadata schema systems > metadata/schema/systems.json
                  medallion metadata schema entities > metadata/schema/entities.json
                """)

        @OptionGroup var options: GlobalOptions

        @Argument(help: "systems or entities.")
        var file: File

        func run() throws {
            let connectors = Composition.connectors.descriptions
            switch file {
            case .systems: JSONOutput.print(MetadataSchema.systems(connectors: connectors))
            case .entities:
                // The schema is wanted most where there is no valid metadata yet; it is then the general one.
                let systems = (try? CatalogLoader.load(project: options.projectFolder, connectors: connectors))?.systems
                JSONOutput.print(MetadataSchema.entities(connectors: connectors, systems: systems ?? []))
            }
        }
    }
}
