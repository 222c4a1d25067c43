import ArgumentParser
import Authoring
import Foundation
import Metadata
import Pipeline

/// `medallion connectors new`.
struct ConnectorsNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a new connector that works: a program of a project, or a type of this program.",
        discussion: """
            process makes a program in Python 3, standard library only, that speaks our JSON Lines over a small sample, and
            metadata that loads it: the next 'medallion run' does. swift makes a type in this program's source tree, with
            its subject for the contract suite. Nothing is overwritten.

            Examples:
              medallion connectors new tides && medallion run --system tides
              medallion connectors new tides --kind swift --project ~/medallion
            """)

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case process, swift
    }

    @OptionGroup var options: GlobalOptions

    @Argument(help: "The connector's name: small letters, digits, _; at most 30.")
    var name: String

    @Option(help: "process or swift.")
    var kind = Kind.process

    func run() throws {
        guard let skeleton = ConnectorSkeleton(name: name, kind: kind == .process ? .process : .swift) else {
            throw UsageError(
                "'\(name)' is no name of a connector: small letters, digits and _, a letter first, at most 30")
        }
        let folder = options.projectFolder
        let files = FileManager.default
        guard kind == .process || files.fileExists(atPath: "\(folder)/connectors/BuiltInConnectors.swift") else {
            throw UsageError("\(folder) is not the source tree of medallion; go there, or name it with --project")
        }
        for file in skeleton.files where files.fileExists(atPath: "\(folder)/\(file.path)") {
            throw UsageError("\(folder)/\(file.path) exists; choose another name")
        }
        do {
            for file in skeleton.files {
                let url = URL(fileURLWithPath: "\(folder)/\(file.path)")
                try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(file.text.utf8).write(to: url, options: .withoutOverwriting)
                if file.isExecutable { try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path) }
            }
        } catch {
            throw UsageError("cannot make the connector in \(folder): \(error.localizedDescription)")
        }
        print("made in \(folder):")
        for file in skeleton.files { print("  \(file.path)") }
        print("\n" + skeleton.steps)
    }
}
