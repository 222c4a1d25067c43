import ConnectorKit
import Connectors
import Foundation
import Glibc
import JSON
import Metadata
import Primitives
import TestKit

/// A project with a shell script `bin/program`, and what the process connector lands from it.
struct ProcessScene {
    let project: TemporaryFolder
    /// Where working folders are made.
    let temporary: TemporaryFolder
    let log = LogRecord()
    private let connection: String
    private let secrets: [String: String]

    /// What a landing left behind.
    struct Landing {
        var texts: [String]
        var state: String?
        var request: String?
        var isUnfiltered: Bool
    }

    /// `connection` is a JSON object of what stands there beside the command.
    init(_ script: String, _ connection: String, secrets: [String: String] = [:]) throws {
        project = try TemporaryFolder()
        temporary = try TemporaryFolder()
        try project.write("#!/bin/sh\n" + script, to: "bin/program")
        chmod(project.path(of: "bin/program"), 0o755)
        self.connection = connection
        self.secrets = secrets
    }

    func land(
        _ source: String = "{}", _ window: LoadWindow = ProcessScene.full, loadType: LoadType = .full
    ) async throws -> Landing {
        let landed = try TemporaryFolder()
        let (connector, entity) = try make(source, loadType)
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        try await connector.land(entity, window: window, into: &writer)
        return Landing(
            texts: try writer.files.map { try landed.text(of: $0.name) }, state: writer.state, request: writer.request,
            isUnfiltered: writer.isUnfiltered)
    }

    /// The error that landing ends in; nothing of it may stay.
    func failure(_ source: String = "{}", _ window: LoadWindow = ProcessScene.full) async -> String {
        do {
            let texts = try await land(source, window).texts
            return "no error, but \(texts)"
        } catch let error as ConnectorError {
            let left = (try? temporary.names()) ?? []
            guard left.isEmpty else { return "working folders stay: \(left)" }
            return "\(error.kind.rawValue)\(error.isTransient ? " transient" : ""): \(error)"
        } catch {
            return "not a ConnectorError: \(error)"
        }
    }

    static let full = LoadWindow(loadType: .full, until: Instant(microseconds: 0))

    static func delta(_ state: String?, from: String? = nil) -> LoadWindow {
        LoadWindow(loadType: .delta, from: from, until: Instant(microseconds: 0), state: state)
    }

    /// The connector and the entity `things`, checked as the loader checks them.
    private func make(_ source: String, _ loadType: LoadType) throws -> (AnyConnector, Entity) {
        let members = connection.dropFirst().dropLast()
        let system = """
            [{"id": "test", "name": "Test", "description": "Under test", "type": "process",
              "connection": {"command": ["bin/program"]\(members.isEmpty ? "" : ", ")\(members)}}]
            """
        let delta = loadType == .delta ? #""delta": {"mode": "all"}, "# : ""
        let entity = """
            [{"name": "things", "system_id": "test", "description": "Things", "load_type": "\(loadType.rawValue)",
              \(delta)"key": ["id"], "source": \(source), "columns": [{"name": "id", "type": "bigint"}]}]
            """
        let metadata = try TemporaryFolder()
        try metadata.write(system, to: "metadata/systems.json")
        try metadata.write(entity, to: "metadata/entities.json")
        let registry = BuiltInConnectors.registry
        let catalog = try CatalogLoader.load(project: metadata.path, connectors: registry.descriptions)
        let context = ConnectorContext.test(
            system: "test", project: project.path,
            environment: ["PATH": "/usr/bin:/bin", "TMPDIR": temporary.path, "PRIVATE": "not for programs"],
            secrets: secrets, log: log)
        return (try registry.make(for: catalog.systems[0], context: context), catalog.entities[0])
    }

    /// Whether a process works; one that ended and was not yet collected by its parent does not.
    static func isAlive(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !text.contains(") Z ")
    }

    /// Waits until the process whose id the script wrote is over.
    func isEnded(_ name: String = "child") async throws -> Bool {
        let process = Int32(try project.text(of: name).split(separator: "\n")[0]) ?? 0
        for _ in 0..<200 where Self.isAlive(process) { try await Task.sleep(for: .milliseconds(10)) }
        return !Self.isAlive(process)
    }
}
