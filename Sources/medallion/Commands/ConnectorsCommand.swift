import ArgumentParser
import ConnectorKit
import JSON
import Metadata
import Pipeline
import Primitives

/// `medallion connectors`.
struct ConnectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connectors",
        abstract: "The types of sources, and tools for who writes one or its metadata. None needs a database.",
        discussion: """
            check, discover and read are also commands of their own: medallion check shop.

            Examples:
              medallion connectors list
              medallion connectors describe rest
              medallion connectors check shop
              medallion connectors new tides
              medallion connectors record shop.orders --to tests/orders.jsonl
              medallion connectors test tests/orders.jsonl
            """,
        subcommands: [
            List.self, Describe.self, CheckCommand.self, DiscoverCommand.self, ReadCommand.self,
            ConnectorsNewCommand.self, ConnectorsRecordCommand.self, ConnectorsTestCommand.self,
        ])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "The types, a line each.",
            discussion: "Example:\n  medallion connectors list --json")

        @OptionGroup var options: GlobalOptions

        @Flag(help: "Print JSON instead of a table.")
        var json = false

        func run() {
            let types = Composition.connectors.descriptions
            guard !json else {
                return JSONOutput.print(types.map { .object([.text("type", $0.name), .text("summary", $0.summary)]) })
            }
            var table = TextTable("type", "what it reads")
            for type in types { table.add(type.name, type.summary) }
            print(table.text)
        }
    }

    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe", abstract: "The attributes of one type, with an example.",
            discussion: "Example:\n  medallion connectors describe file")

        @OptionGroup var options: GlobalOptions

        @Argument(help: "The type.")
        var name: String

        func run() throws {
            let types = Composition.connectors.descriptions
            guard let type = types.first(where: { $0.name == name }) else {
                let nearest = nearestName(to: name, among: types.map(\.name))
                throw UsageError(
                    "no connector type '\(name)'; "
                        + (nearest.map { "did you mean '\($0)'?" }
                            ?? "known types: \(types.map(\.name).joined(separator: ", "))"))
            }
            print(type.describe(), terminator: "")
        }
    }
}
