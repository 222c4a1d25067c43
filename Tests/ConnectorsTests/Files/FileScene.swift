import ConnectorKit
import Connectors
import JSON
import Metadata
import Primitives
import TestKit

/// A root folder, and what the file connector lands from it.
struct FileScene {
    let root: TemporaryFolder
    let landed: TemporaryFolder

    init(_ files: [String: String] = [:]) throws {
        root = try TemporaryFolder()
        landed = try TemporaryFolder()
        for (name, text) in files { try root.write(text, to: name) }
    }

    /// The root of another scene with a raw folder of its own.
    init(root: TemporaryFolder) throws {
        self.root = root
        landed = try TemporaryFolder()
    }

    /// Lands a `source` object; the texts of the raw files in order.
    @discardableResult
    func land(_ source: String, root: String? = nil, environment: [String: String] = [:]) async throws -> [String] {
        let files = try await landedFiles(source, root: root, environment: environment)
        return try files.map { try landed.text(of: $0.name) }
    }

    /// Lands a `source` object; what the writer says of the raw files.
    func landedFiles(
        _ source: String, root: String? = nil, environment: [String: String] = [:]
    ) async throws -> [Manifest.File] {
        let connector = try connector(root: root ?? self.root.path, environment: environment)
        let entity = try entity(source)
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        let window = LoadWindow(loadType: .full, until: Instant(microseconds: 0))
        try await connector.land(entity, window: window, into: &writer)
        return writer.files
    }

    /// The error that landing ends in, with the root's path written as ROOT.
    func failure(_ source: String, root: String? = nil, environment: [String: String] = [:]) async -> String {
        do {
            try await land(source, root: root, environment: environment)
            return "no error"
        } catch let error as ConnectorError {
            return "\(error)".replacing(self.root.path, with: "ROOT")
        } catch {
            return "not a ConnectorError: \(error)"
        }
    }

    func shape(_ source: String) throws -> DocumentShape {
        try connector(root: root.path, environment: [:]).shape(of: entity(source))
    }

    private func connector(root: String, environment: [String: String]) throws -> AnyConnector {
        let system = SourceSystem(
            id: SystemID(rawValue: "files"), name: "", description: "", type: "file",
            connection: .object([JSONMember("root", .string(root))]))
        let context = ConnectorContext.test(
            system: "files", project: self.root.path(of: "project"), environment: environment)
        return try BuiltInConnectors.registry.make(for: system, context: context)
    }

    /// An entity as the loader makes it: the default of `records_path` filled in.
    private func entity(_ source: String) throws -> Entity {
        var members = try JSONReader.parse(source).objectValue ?? []
        if !members.contains(where: { $0.name == "records_path" }) {
            members.append(JSONMember("records_path", .string("")))
        }
        return Entity(
            id: EntityID(system: SystemID(rawValue: "files"), name: "things"), columns: [], source: .object(members))
    }
}
