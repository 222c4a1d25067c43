import Foundation
import JSON
import Metadata
import Primitives

@testable import Pipeline

/// A project's folder with gold scripts, removed with the value, and a catalogue of system `iso` and system `far`.
final class GoldProject {
    let folder: String
    static let catalog = Catalog(
        systems: [
            SourceSystem(
                id: SystemID(rawValue: "iso"), name: "", description: "", type: "file", connection: .object([])),
            SourceSystem(
                id: SystemID(rawValue: "far"), name: "", description: "", type: "file", connection: .object([]),
                schemas: SourceSystem.Schemas(silver: "far_silver")),
        ],
        entities: [("iso", "countries"), ("iso", "subdivisions"), ("far", "things")].map { system, name in
            Entity(id: EntityID(system: SystemID(rawValue: system), name: name), columns: [])
        }, hash: UUIDValue(high: 0, low: 0))

    /// Files by name without ending (or with one), and their text.
    init(_ scripts: KeyValuePairs<String, String>) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "gold-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: "\(folder)/sql/gold", withIntermediateDirectories: true)
        for (name, text) in scripts {
            let file = name.contains(".") ? name : "\(name).sql"
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/sql/gold/\(file)"))
        }
    }

    deinit {
        // What is left in the temporary folder harms no test.
        try? FileManager.default.removeItem(atPath: folder)
    }

    func load() throws -> GoldGraph { try GoldGraph.load(project: folder, catalog: Self.catalog) }

    /// The script of that name, which must be valid.
    static func script(_ name: String, _ text: String, beside others: [String] = []) -> GoldScript? {
        var parser = GoldScriptParser(
            file: "sql/gold/\(name).sql", scope: GoldScope(catalog: catalog, scripts: [name] + others))
        return parser.parse(contents: Data(text.utf8))
    }

    /// The problems of one script beside `other`, each as its line.
    static func problems(in text: String, name: String = "made") -> [String] {
        var parser = GoldScriptParser(
            file: "sql/gold/\(name).sql", scope: GoldScope(catalog: catalog, scripts: [name, "other"]))
        let script = parser.parse(contents: Data(text.utf8))
        precondition((script == nil) == !parser.problems.isEmpty, "a script is there exactly when no problem is")
        return parser.problems.map(\.description)
    }
}
