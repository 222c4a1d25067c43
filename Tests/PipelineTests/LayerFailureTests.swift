import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("A failure")
struct LayerFailureTests {
    private func isInfrastructure(_ error: any Error) -> Bool {
        let entity = EntityID(system: SystemID(rawValue: "s"), name: "things")
        return LayerFailure(wrapping: error, layer: .silver, entity: entity, run: UUIDValue(high: 1, low: 1))
            .isInfrastructure
    }

    @Test(
        "is one of infrastructure where the server failed, not the statement",
        arguments: [
            "57P01": true, "53100": true, "58030": true, "25006": true, "57014": false, "55P03": false, "22P02": false,
        ])
    func server(sqlState: String, expected: Bool) {
        #expect(isInfrastructure(PostgresError(.server(sqlState: sqlState), "it failed")) == expected)
    }

    @Test("is one of infrastructure where no raw folder can be made, not where a batch is wrong")
    func rawFolder() throws {
        let folder = try TemporaryFolder()
        try folder.write("a file in its place", to: "raw")
        let entity = EntityID(system: SystemID(rawValue: "s"), name: "things")
        let error = #expect(throws: StepError.self) {
            try RawStore(root: folder.path(of: "raw")).prepareFolder(of: entity, run: UUIDValue(high: 1, low: 1))
        }
        #expect(error.map(isInfrastructure) == true)
        #expect(!isInfrastructure(StepError(.quality, "too many rejected")))
    }
}
