import ConnectorKit
import Connectors
import JSON
import Metadata
import Pipeline
import TestKit

extension TestWarehouse {
    /// The same warehouse under other metadata of the same tables: what an operator mended.
    func workspace(with entities: TestEntity...) throws -> Workspace {
        try folder.write(JSONValue.array(entities.map(\.metadata)).text(), to: "metadata/entities.json")
        var workspace = self.workspace
        workspace.catalog = try CatalogLoader.load(
            project: folder.path, connectors: BuiltInConnectors.registry.descriptions)
        workspace.gold = try GoldGraph.load(project: folder.path, catalog: workspace.catalog)
        return workspace
    }

    /// One `medallion run` under that metadata; promises are checked behind it.
    @discardableResult
    func run(in workspace: Workspace, _ change: (inout RunRequest) -> Void = { _ in }) async throws -> [RunReport] {
        var request = RunRequest()
        change(&request)
        let reports = try await Invocation(workspace: workspace, request: request).run()
        try await checkPromises()
        return reports
    }

    func checkPromises() async throws {
        let broken = try await brokenPromises()
        if !broken.isEmpty { throw UsageError(broken.joined(separator: "\n")) }
    }
}
