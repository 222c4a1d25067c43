import ArgumentParser
import Authoring
import ConnectorKit
import Foundation
import JSON
import Metadata
import Pipeline
import Primitives

/// `medallion connectors test`.
struct ConnectorsTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Hold a connector to its contract: over a recording, offline; or over a live system.",
        discussion: """
            Of a file that 'connectors record' wrote, the same landing is repeated without any network and its files are
            compared. Of a system, the checks are those that every built-in connector passes: it lands, lands nothing
            twice, goes on from its own state, fails with an error of its own in one line, stops when it is cancelled,
            names a missing secret, and never prints one. They land whole entities several times: choose a small one.

            Examples:
              medallion connectors test tests/orders.jsonl
              medallion connectors test tides
              medallion connectors test shop --entity orders --refused '{"path": "/no-such-path"}'
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "A recording, or a system's id.")
    var subject: String

    @Option(help: ArgumentHelp("The entity to land; by default the system's first.", valueName: "name"))
    var entity: String?

    @Option(
        help: ArgumentHelp(
            "A source that the system refuses; a program is asked for an unknown stream by itself.", valueName: "json"))
    var refused: String?

    @Option(help: ArgumentHelp("The row of for_each to ask with, as a JSON object.", valueName: "json"))
    var parent: String?

    mutating func run() async throws {
        let composition = Composition(options: options)
        let survey = try composition.survey()
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: subject, isDirectory: &isFolder), !isFolder.boolValue {
            try await replay(subject, composition, survey)
        } else {
            try await hold(try survey.named(system: subject), composition, survey)
        }
    }

    private func replay(_ file: String, _ composition: Composition, _ survey: CatalogSurvey) async throws {
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
            throw UsageError("cannot read \(file): \(error.localizedDescription)")
        }
        let recording = try HTTPRecording(String(decoding: data, as: UTF8.self), name: file)
        let (entity, system) = try survey.named(entity: recording.entity.description)
        let landing = RecordedLanding(entity, of: system, access: try composition.sourceAccess())
        let outcome: RecordedLanding.Outcome
        do {
            outcome = try await Interruption.guarding { try await landing.replay(recording) }
        } catch let error as ConnectorError {
            Terminal.write("✗ \(entity.id): \(error)\n")
            throw ExitCode(ExitStatus.someFailed.rawValue)
        }
        for difference in outcome.differences { Terminal.write("✗ \(entity.id): \(difference)\n") }
        for request in outcome.unasked { Terminal.write("– \(entity.id): not asked for any more: \(request)\n") }
        guard outcome.differences.isEmpty else { throw ExitCode(ExitStatus.someFailed.rawValue) }
        let files = "\(recording.files.count) \(recording.files.count == 1 ? "file" : "files")"
        Terminal.write("✓ \(entity.id): \(grouped(recording.recordCount)) records in \(files), as recorded\n")
    }

    private func hold(_ system: SourceSystem, _ composition: Composition, _ survey: CatalogSurvey) async throws {
        let all = survey.entities(of: system.id).filter { $0.explosion == nil && $0.isActive }
        let entity = try entity.map { try survey.named(entity: "\(system.id).\($0)").entity } ?? all.first
        if entity == nil, !survey.problems.isEmpty { throw MetadataError(survey.problems) }
        guard let entity else {
            throw UsageError("\(system.id) has no entity that lands; see medallion check \(system.id)")
        }
        var scene = ContractScene(
            connectors: Composition.connectors, system: system, entity: entity, refused: try refused(entity, system),
            secretNames: [system.connection, entity.source].flatMap { SecretReference.names(in: $0) }.sorted(),
            context: try Self.context(composition, system))
        scene.parents = try SampleWindow(parent: parent).window(of: entity).parents
        let contract = LandingContract(scene)
        let hasRefusal = scene.refused != nil
        let hasSecrets = !scene.secretNames.isEmpty
        let failures = try await Interruption.guarding {
            var report = ContractReport()
            try await report.check("it lands") { "\(grouped(try await contract.lands())) records of \(entity.id)" }
            try await report.check("it lands nothing twice") {
                try await contract.landsNothingTwice()
                return "held"
            }
            try await report.check("it goes on from its state") {
                try await contract.resumesFromItsState().map { "\(grouped($0)) records more" } ?? "it leaves none"
            }
            if hasRefusal {
                try await report.check("it fails with its own error") {
                    try await contract.failsWithItsOwnError()
                    return "held"
                }
            } else {
                report.leave("it fails with its own error", "say what it refuses: --refused '{…}', a source")
            }
            try await report.check("it stops when cancelled") {
                try await contract.stopsWhenCancelled()
                return "held"
            }
            try await report.check("it never prints a secret") {
                try await contract.neverPrintsASecret()
                return "held"
            }
            if hasSecrets {
                try await report.check("it names a missing secret") {
                    try await contract.missesSecretsByName()
                    return "held"
                }
            }
            return report.failures
        }
        if failures > 0 { throw ExitCode(ExitStatus.someFailed.rawValue) }
    }

    /// The entity with a source that is refused.
    private func refused(_ entity: Entity, _ system: SourceSystem) throws -> Entity? {
        var refused = entity
        if let text = self.refused {
            refused.source = try JSONArgument.object(text, of: "--refused")
        } else {
            guard system.type == "process", system.connection["protocol"]?.stringValue != "plain" else { return nil }
            refused.source = .object([JSONMember("stream", .string("no_such_stream_of_this_program"))])
        }
        let members = (entity.source.objectValue ?? []).filter { refused.source[$0.name] == nil }
        refused.source = .object((refused.source.objectValue ?? []) + members)
        return refused
    }

    private static func context(
        _ composition: Composition, _ system: SourceSystem
    ) throws -> ContractScene.Context {
        let secrets = try composition.secretChain()
        let environment = ProcessInfo.processInfo.environment
        let folder = composition.options.projectFolder
        return { log, hasSecrets in
            ConnectorContext(
                system: system.id, projectFolder: folder, environment: environment,
                secrets: hasSecrets ? secrets : EnvironmentSecretStore(environment: [:], folders: []),
                budget: RateBudget(system.rateLimit), logger: log.logger)
        }
    }
}

/// A line for each promise.
private struct ContractReport {
    private(set) var failures = 0

    mutating func check(_ promise: String, _ body: () async throws -> String) async throws {
        do {
            Terminal.write("✓ \(promise): \(try await body())\n")
        } catch let error as CancellationError {
            throw error
        } catch {
            failures += 1
            Terminal.write("✗ \(promise): \(error)\n")
        }
    }

    func leave(_ promise: String, _ reason: String) { Terminal.write("– \(promise): not tried: \(reason)\n") }
}
