import ArgumentParser
import Foundation
import Pipeline
import Postgres
import Primitives

/// `medallion demo`.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Serve a small web shop on loopback, load three days of it, show the history that arose.",
        discussion: """
            Customers and products are loaded in full every day, orders by what changed. The project is made in a
            temporary folder with a private cluster of its own, and removed afterwards.

            Examples:
              medallion demo
              medallion demo --keep shop-demo && medallion db psql --project shop-demo
            """)

    @Option(help: ArgumentHelp("Keep the project in this new folder.", valueName: "dir"))
    var keep: String?

    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp("Use this server instead of a private cluster.", valueName: "url"))
    var databaseURL: String?

    mutating func run() async throws {
        let folder = try makeFolder()
        let shop = try ShopServer()
        defer { shop.stop() }
        try DemoProject.write(to: folder, port: shop.port)
        var arguments = ["--project", folder]
        if let databaseURL { arguments += ["--database-url", databaseURL] }
        let composition = Composition(options: try GlobalOptions.parse(arguments))
        let isKept = keep != nil
        defer { if !isKept { try? FileManager.default.removeItem(atPath: folder) } }
        let status = try await Interruption.guarding {
            try await composition.withWorkspace {
                try await DemoRun(shop: shop, workspace: $0).show()
            }
        }
        if isKept {
            print(
                "\nThe project is in \(folder): medallion status --project \(folder), medallion db psql --project \(folder)"
            )
        }
        if status != .done { throw ExitCode(status.rawValue) }
    }

    private func makeFolder() throws -> String {
        guard let keep else {
            let folder = FileManager.default.temporaryDirectory.path + "/medallion-demo-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
            return folder
        }
        let folder = URL(fileURLWithPath: keep).standardizedFileURL.path
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw UsageError("\(folder) exists already; --keep takes a new folder")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }
}
