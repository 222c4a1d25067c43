import ArgumentParser
import Authoring
import ConnectorKit
import Foundation
import JSON
import Metadata
import Pipeline

/// `medallion discover`.
struct DiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover",
        abstract: "Propose metadata of a system's entities from its source. Needs no database.",
        discussion: """
            What the source's own catalogue tells; where it has none, what up to \(EntityDiscovery.samples) records show: of
            the entities that the metadata has (one column is enough of a placeholder), or of one given by --source. The
            metadata goes to standard output, one object or an array; the reasons for it go to standard error. A column
            that has a value in each of at least 100 samples is proposed as not nullable; lengths of texts are never
            guessed.

            Examples:
              medallion discover shop
              medallion discover shop --entity orders --source '{"path": "/orders", "records_path": "/data"}'
              medallion discover shop --entity orders --write && medallion validate && medallion run --system shop
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The system's id.")
    var system: String

    @Option(help: ArgumentHelp("This entity alone.", valueName: "name"))
    var entity: String?

    @Option(help: ArgumentHelp("Its source, as in entities.json, where the metadata has none.", valueName: "json"))
    var source: String?

    @Option(help: ArgumentHelp("The row of for_each to ask with, as a JSON object.", valueName: "json"))
    var parent: String?

    @Flag(help: "Write metadata/entities/<system>_<entity>.json instead of standard output.")
    var write = false

    @Flag(help: "Overwrite files of that name.")
    var force = false

    func validate() throws {
        if source != nil, entity == nil { throw ValidationError("--source needs --entity, the name to give it") }
        if force, !write { throw ValidationError("--force goes with --write") }
    }

    mutating func run() async throws {
        let composition = Composition(options: options)
        let survey = try composition.survey()
        let system = try survey.named(system: system)
        let source = try source.map { try JSONArgument.object($0, of: "--source") }
        let parent = try parent.map { try JSONArgument.object($0, of: "--parent") }
        let discovery = EntityDiscovery(system, of: survey, access: try composition.sourceAccess())
        let entity = entity
        let proposals = try await Interruption.guarding {
            try await discovery.proposals(entity: entity, source: source, parent: parent)
        }
        for proposal in proposals { Terminal.note(proposal.table) }
        if write {
            try proposals.forEach { try place($0, survey) }
        } else if proposals.count == 1, let only = proposals.first {
            JSONOutput.print(only.value)
        } else {
            JSONOutput.print(proposals.map(\.value))
        }
    }

    private func place(_ proposal: EntityProposal, _ survey: CatalogSurvey) throws {
        let name = "metadata/entities/\(proposal.id.table).json"
        if let origin = survey.entity(proposal.id)?.origin, !origin.hasPrefix(name) {
            throw UsageError(
                "\(proposal.id) stands in \(origin) already; run without --write and replace it there by hand")
        }
        let url = URL(fileURLWithPath: "\(options.projectFolder)/\(name)")
        if !force, FileManager.default.fileExists(atPath: url.path) {
            throw UsageError("\(name) exists; overwrite it with --force, or run without --write")
        }
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            let text = proposal.value.text(pretty: true) + "\n"
            try Data(text.utf8).write(to: url, options: force ? .atomic : .withoutOverwriting)
        } catch {
            throw UsageError("cannot write \(name): \(error.localizedDescription)")
        }
        print("wrote \(name); next: medallion validate")
    }
}

extension EntityProposal {
    /// The reasons, for people.
    fileprivate var table: String {
        var table = TextTable("\(id)", "proposal", "why")
        for part in parts { table.add(part.what, part.proposal, part.reason) }
        return (table.lines + notes.map { "note: \($0)" }).joined(separator: "\n") + "\n"
    }
}
