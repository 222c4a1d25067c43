import ArgumentParser
import Foundation
import Pipeline

/// `medallion init`.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a new project: metadata, two small source files, a gold view. It runs at once.",
        discussion: """
            Example:
              medallion init shop && cd shop && medallion run
            """)

    @Argument(help: "The project's folder, new or empty.")
    var dir: String

    func run() throws {
        let folder = URL(fileURLWithPath: dir).standardizedFileURL.path
        try requireEmpty(folder)
        let files = NewProject.files(name: URL(fileURLWithPath: folder).lastPathComponent)
        do {
            for (name, content) in files {
                let path = URL(fileURLWithPath: "\(folder)/\(name)")
                try FileManager.default.createDirectory(
                    at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(content.utf8).write(to: path, options: .withoutOverwriting)
            }
        } catch {
            throw UsageError("cannot make the project in \(folder): \(error.localizedDescription)")
        }
        print("made \(folder):")
        for (name, _) in files { print("  \(name)") }
        print(
            "\nNext:\n  cd \(dir)\n  medallion run\n  medallion status\n  medallion db psql -c 'TABLE gold.people_by_city'"
        )
    }

    private func requireEmpty(_ folder: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else { throw UsageError("\(folder) is a file; name a folder that is new or empty") }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            throw UsageError("cannot read \(folder): \(error.localizedDescription)")
        }
        guard names.isEmpty else {
            throw UsageError(
                "\(folder) is not empty (it has \(names.sorted().prefix(3).joined(separator: ", "))"
                    + "\(names.count > 3 ? " …" : "")); name a folder that is new or empty")
        }
    }
}
