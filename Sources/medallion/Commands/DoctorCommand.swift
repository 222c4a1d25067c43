import ArgumentParser
import JSON
import Metadata
import Pipeline

/// `medallion doctor`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check metadata, server, tables, raw files, history and audit. Changes nothing.",
        discussion: """
            One line a check: ok, warn or FAIL. Exit code 1 when a check fails; warnings alone end with 0.

            Examples:
              medallion doctor
              medallion doctor --deep      also reads every raw file and compares its checksum
              medallion doctor --json | jq '.[] | select(.level != "ok")'
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Read every raw file and compare its checksum.")
    var deep = false

    @Flag(help: "Print JSON instead of lines.")
    var json = false

    mutating func run() async throws {
        let findings = try await examine()
        if json {
            JSONOutput.print(
                findings.map {
                    .object([.text("level", $0.level.rawValue), .text("what", $0.what), .text("detail", $0.detail)])
                })
        } else {
            let width = findings.map(\.what.count).max() ?? 0
            for finding in findings {
                let level = finding.level.rawValue.padding(to: 4)
                print("\(level)  \(finding.what.padding(to: width))  \(finding.detail)")
            }
            func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }
            print("\n\(findings.count) checks: \(count(.ok)) ok, \(count(.warn)) warnings, \(count(.fail)) failed")
        }
        if findings.contains(where: { $0.level == .fail }) { throw ExitCode(ExitStatus.someFailed.rawValue) }
    }

    private func examine() async throws -> [Finding] {
        let composition = Composition(options: options)
        let metadata: Finding
        do {
            let (catalog, gold) = try composition.loadMetadata()
            metadata = Finding(
                .ok, "metadata",
                "\(catalog.systems.count) systems, \(catalog.entities.count) entities, \(gold.order.count) gold scripts"
            )
        } catch let error as MetadataError {
            // Without metadata there is nothing to compare the rest with.
            return error.problems.map { Finding(.fail, "metadata", "\($0)") }
        }
        let isDeep = deep
        let findings = try await Interruption.guarding {
            try await composition.withWorkspace(migrates: false) {
                try await Doctor(workspace: $0, isDeep: isDeep).examine()
            }
        }
        return [metadata] + (try await SecretsAccount(composition: composition).findings()) + findings
    }
}

extension String {
    /// With spaces behind it, up to a width.
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
