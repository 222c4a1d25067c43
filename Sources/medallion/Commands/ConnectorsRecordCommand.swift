import ArgumentParser
import Authoring
import ConnectorKit
import Foundation
import Metadata
import Pipeline

/// `medallion connectors record`.
struct ConnectorsRecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Land an entity over HTTP once and record it, so that 'connectors test' can repeat it offline.",
        discussion: """
            The file holds requests and answers as JSON Lines, readable and fit for git: secrets are taken out by value and
            by the names of headers, parameters and members. The recording is replayed before it is kept. Look through it
            before you pass it on: what the source says of people is in it.

            Examples:
              medallion connectors record shop.orders --to tests/orders.jsonl
              medallion connectors record shop.orders --load delta --from 2026-01-01T00:00:00Z --to tests/changes.jsonl
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "system.entity")
    var entity: String

    @Option(help: ArgumentHelp("The file to write; it must not exist.", valueName: "file"))
    var to: String

    @Option(help: "full or delta.")
    var load = ReadCommand.Load.full

    @Option(help: ArgumentHelp("Where a delta load begins: a value of the cursor column.", valueName: "value"))
    var from: String?

    @Option(help: ArgumentHelp("The row of for_each to ask for, as a JSON object.", valueName: "json"))
    var parent: String?

    mutating func run() async throws {
        let composition = Composition(options: options)
        let survey = try composition.survey()
        let (entity, system) = try survey.named(entity: entity)
        guard entity.explosion == nil else {
            throw UsageError("\(entity.id) is made of another entity's records; record that one")
        }
        let url = URL(fileURLWithPath: to)
        guard !FileManager.default.fileExists(atPath: url.path) else {
            throw UsageError("\(to) exists; name another file, or remove it")
        }
        var window = try SampleWindow(
            load: load == .full ? .full : .delta, from: from, parent: parent
        ).window(of: entity)
        window.parents = nil
        let row = try parent.map { try JSONArgument.object($0, of: "--parent") }
        let empty = HTTPRecording(of: entity.id, window: window, parent: row)
        let landing = RecordedLanding(entity, of: system, access: try composition.sourceAccess())
        let recording = try await Interruption.guarding { try await landing.record(empty) }
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(recording.text.utf8).write(to: url, options: .withoutOverwriting)
        } catch {
            throw UsageError("cannot write \(to): \(error.localizedDescription)")
        }
        print(
            "recorded \(recording.exchanges.count) requests and \(grouped(recording.recordCount)) records of \(entity.id) "
                + "in \(to); repeat it: medallion connectors test \(to)")
    }
}
