import ArgumentParser
import Foundation
import Metadata
import Pipeline
import Primitives

/// `medallion run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Load systems through raw, bronze and silver, then build gold.",
        discussion: """
            Examples:
              medallion run                                    every active system, as the metadata says
              medallion run --system iso                       one system
              medallion run --entity shop.orders --load full   one entity, everything, deletes reconciled
              medallion run --layer gold                       gold only
              medallion run --run-timestamp 2026-01-31T00:00:00Z --system shop   a backfill
              medallion run --entity shop.products --allow-deletes   apply a batch that the delete guard blocked
              medallion run --resume 019a93c5                  go on where a run failed
              medallion run --json | jq .                      events for programs
            """)

    enum LayerName: String, ExpressibleByArgument, CaseIterable {
        case raw, bronze, silver, gold
    }

    enum Load: String, ExpressibleByArgument, CaseIterable {
        case full, delta, auto
    }

    @OptionGroup var options: GlobalOptions

    @Option(help: ArgumentHelp("A system to run; may be repeated.", valueName: "id"))
    var system: [String] = []

    @Option(help: ArgumentHelp("An entity to run, as system.entity; may be repeated.", valueName: "system.entity"))
    var entity: [String] = []

    @Option(help: ArgumentHelp("A layer to run: raw, bronze, silver or gold; may be repeated.", valueName: "layer"))
    var layer: [LayerName] = []

    @Option(help: ArgumentHelp("full, delta, or auto: each entity's own load type.", valueName: "type"))
    var load = Load.auto

    @Flag(help: "Run although the requested instant succeeded before; take a new one.")
    var force = false

    @Option(
        help: ArgumentHelp(
            "Go on where this run failed: do what it was asked for, without what it has done. Its id or a beginning of it.",
            valueName: "run"))
    var resume: String?

    @Option(help: ArgumentHelp("The logical instant, ISO 8601; default: now.", valueName: "T"))
    var runTimestamp: String?

    @Flag(help: "Apply batches that delete more than their entities allow.")
    var allowDeletes = false

    @Flag(help: "Apply batches with more rejects than their entities allow.")
    var acceptRejects = false

    @Flag(help: "Merge batches although checks of severity fail are broken.")
    var acceptChecks = false

    @Flag(name: .customLong("no-ddl"), help: "Refuse where tables would have to be made.")
    var noDDL = false

    @Flag(help: "Print events as JSON lines instead of progress.")
    var json = false

    mutating func run() async throws {
        let (asked, resume) = (try makeRequest(), resume)
        let display = RunDisplay(mode: json ? .json : Terminal.isInteractive ? .live : .plain)
        let composition = Composition(options: options)
        let reports = try await Interruption.guarding {
            try await composition.withWorkspace(observer: display, leases: true) { workspace in
                let request = if let resume { try await asked.resuming(resume, in: workspace) } else { asked }
                let reports = try await Invocation(workspace: workspace, request: request).run()
                display.close(reports)
                return reports
            }
        }
        let status = ExitStatus(of: reports)
        if status != .done { throw ExitCode(status.rawValue) }
    }

    private func makeRequest() throws -> RunRequest {
        var request = RunRequest()
        request.systems = system.map { SystemID(rawValue: $0) }
        request.entities = try entity.map(parseEntity)
        if !layer.isEmpty { request.layers = Set(layer.compactMap { Layer(rawValue: $0.rawValue) }) }
        request.loadType = LoadType(rawValue: load.rawValue)
        request.force = force
        request.allowsDeletes = allowDeletes
        request.acceptsRejects = acceptRejects
        request.acceptsChecks = acceptChecks
        request.appliesDDL = !noDDL
        if let runTimestamp {
            request.runTimestamp = try readInstant(runTimestamp, of: "--run-timestamp")
            request.trigger = .backfill
        }
        return request
    }
}
