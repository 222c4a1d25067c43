import ArgumentParser
import Authoring
import Foundation
import JSON
import Metadata
import Pipeline
import Secrets

/// `medallion check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Try a system before its first run: metadata, secrets, the way in, first payloads. Needs no database.",
        discussion: """
            One line for each thing tried. The first payload of each entity is read, and kept nowhere. Exit code 1 if
            something failed.

            Examples:
              medallion check shop
              medallion check shop --entity orders
              medallion check shop --entity order_lines --parent '{"id": 17}'
            """)

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The system's id.")
    var system: String

    @Option(help: ArgumentHelp("Read the first payload of this entity only; repeatable.", valueName: "name"))
    var entity: [String] = []

    @Option(help: ArgumentHelp("The row of for_each to ask with, as a JSON object.", valueName: "json"))
    var parent: String?

    @Flag(help: "Print JSON lines.")
    var json = false

    mutating func run() async throws {
        let composition = Composition(options: options)
        let survey = try composition.survey()
        let system = try survey.named(system: system)
        let entities = try entity.map { try survey.named(entity: "\(system.id).\($0)").entity }
        let parent = try parent.map { try JSONArgument.object($0, of: "--parent") }
        let chain = try composition.secretChain()
        var access = try composition.sourceAccess()
        access.secrets = chain
        let check = SourceCheck(system, of: survey, access: access) { try await chain.answer(for: $0).provider }
        let json = json
        let failures = try await Interruption.guarding {
            var failures = 0
            try await check.run(entities: entities, parent: parent) { finding in
                if case .bad = finding.outcome { failures += 1 }
                Terminal.write((json ? finding.json.text() : finding.text) + "\n")
            }
            return failures
        }
        if failures > 0 { throw ExitCode(ExitStatus.someFailed.rawValue) }
    }
}

extension SourceCheck.Finding {
    fileprivate var text: String {
        let time = seconds >= 0.005 ? " (\(elapsed(seconds)))" : ""
        switch outcome {
        case .good(let found): return "✓ \(subject): \(found)\(time)"
        case .bad(let reason, let remedy):
            return "✗ \(subject): \(reason)\(time)" + (remedy.isEmpty ? "" : "\n    → \(remedy)")
        case .untried(let reason): return "– \(subject): not tried: \(reason)"
        }
    }

    fileprivate var json: JSONValue {
        var members: [JSONMember] = [.text("subject", subject)]
        switch outcome {
        case .good(let found): members += [.text("status", "ok"), .text("message", found)]
        case .bad(let reason, let remedy):
            members += [.text("status", "failed"), .text("message", reason), .text("remedy", remedy)]
        case .untried(let reason): members += [.text("status", "not_tried"), .text("message", reason)]
        }
        let milliseconds = (seconds * 1000).rounded() / 1000
        return .object(members + [JSONMember("seconds", .number("\(milliseconds)"))])
    }
}
