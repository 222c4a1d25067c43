import ConnectorKit
import Connectors
import Foundation
import JSON
import Metadata
import Primitives
import TestKit
import Testing

@Suite struct FakeConnectorTests {
    /// Lands one day; the pages' records as JSON values.
    private func land(
        day: Int = 1, seed: Int = 1, loadType: LoadType = .full, from: String? = nil, _ source: String
    ) async throws -> [[String: JSONValue]] {
        try await pages(day: day, seed: seed, loadType: loadType, from: from, source).flatMap { page in
            let records = try #require(try JSONReader.parse(page)["data"]?.arrayValue)
            return records.map { record in
                Dictionary(uniqueKeysWithValues: (record.objectValue ?? []).map { ($0.name, $0.value) })
            }
        }
    }

    private func pages(
        day: Int = 1, seed: Int = 1, loadType: LoadType = .full, from: String? = nil, _ source: String
    ) async throws -> [String] {
        let project = try TemporaryFolder()
        try project.write(
            """
            [{"id": "fake", "name": "Fake", "description": "d", "type": "fake",
              "connection": {"seed": \(seed), "day": \(day)}}]
            """, to: "metadata/systems.json")
        try project.write(
            """
            [{"name": "items", "system_id": "fake", "description": "d", "load_type": "full", "key": ["id"],
              "source": \(source), "columns": [{"name": "id", "type": "bigint"}]}]
            """, to: "metadata/entities.json")
        let registry = BuiltInConnectors.registry
        let catalog = try CatalogLoader.load(project: project.path, connectors: registry.descriptions)
        let entity = try #require(catalog.entities.first)
        let connector = try registry.make(for: #require(catalog.systems.first), context: .test())
        let landed = try TemporaryFolder()
        var writer = RawWriter(folder: landed.path, shape: try connector.shape(of: entity))
        let window = LoadWindow(loadType: loadType, from: from, until: Instant(microseconds: 0))
        try await connector.land(entity, window: window, into: &writer)
        return try writer.files.map { try landed.text(of: $0.name) }
    }

    private func byID(_ records: [[String: JSONValue]]) -> [Int: [String: JSONValue]] {
        Dictionary(uniqueKeysWithValues: records.map { ($0["id"]?.intValue ?? 0, $0) })
    }

    @Test("Pages hold every record once, with 12 fields in about 300 bytes")
    func pagesHoldAll() async throws {
        let texts = try await pages(#"{"rows": 250, "page_size": 100}"#)
        #expect(texts.count == 3)
        let records = try await land(#"{"rows": 250, "page_size": 100}"#)
        #expect(records.map { $0["id"]?.intValue } == Array(1...250))
        #expect(records.allSatisfy { $0.count == 12 && $0["address"]?.objectValue?.count == 3 })
        #expect(records.allSatisfy { $0["tags"]?.arrayValue?.count == 2 })
        let size = texts.reduce(0) { $0 + $1.utf8.count } / 250
        #expect((260...340).contains(size), "\(size) bytes a record")
    }

    @Test("Seed and day decide every byte")
    func determinism() async throws {
        let source = #"{"rows": 50}"#
        #expect(try await pages(day: 3, source) == pages(day: 3, source))
        #expect(try await pages(day: 3, source) != pages(day: 4, source))
        #expect(try await pages(seed: 1, source) != pages(seed: 2, source))
    }

    @Test("No rows are one page without records")
    func empty() async throws {
        #expect(try await pages(#"{"rows": 0}"#).count == 1)
        #expect(try await land(day: 5, #"{"rows": 0, "new_fraction": 1}"#).isEmpty)
    }

    @Test("From day to day as many records change, vanish and appear as was asked for")
    func days() async throws {
        let source = #"{"rows": 2000, "change_fraction": 0.1, "delete_fraction": 0.05, "new_fraction": 0.02}"#
        let first = byID(try await land(day: 1, source))
        let second = byID(try await land(day: 2, source))
        let third = byID(try await land(day: 3, source))
        #expect(first.count == 2000)
        #expect((2001...2040).allSatisfy { first[$0] == nil })
        #expect((2001...2040).allSatisfy { second[$0] != nil }, "a new record is there on its first day")
        let gone = first.keys.filter { second[$0] == nil }
        #expect((60...140).contains(gone.count), "\(gone.count) of 2000 are gone, asked for 100")
        #expect(gone.filter { third[$0] != nil }.count > gone.count / 2, "most of them return")
        let changed = first.filter { second[$0.key] != nil && second[$0.key] != $0.value }
        #expect((130...260).contains(changed.count), "\(changed.count) changed, asked for 190")
        #expect(changed.allSatisfy { second[$0.key]?["updated_at"]?.stringValue?.hasPrefix("2026-01-02T") == true })
        #expect(changed.allSatisfy { second[$0.key]?["created_at"] == $0.value["created_at"] })
    }

    @Test("Without changes, deletions and news every day is like the first")
    func still() async throws {
        let source = #"{"rows": 100, "change_fraction": 0, "delete_fraction": 0, "new_fraction": 0}"#
        #expect(try await land(day: 9, source) == land(day: 1, source))
    }

    @Test("A delta load brings what changed since the window's start")
    func delta() async throws {
        let source = #"{"rows": 1000, "change_fraction": 0.1, "delete_fraction": 0, "new_fraction": 0.01}"#
        let full = try await land(day: 3, source)
        for from in ["2026-01-03T00:00:00.000000Z", "2026-01-03 00:00:00"] {
            let delta = try await land(day: 3, loadType: .delta, from: from, source)
            #expect(delta == full.filter { ($0["updated_at"]?.stringValue ?? "") >= "2026-01-03" })
            #expect((80...150).contains(delta.count))
        }
        #expect(try await land(day: 3, loadType: .delta, source) == full)
    }

    @Test("Every k-th record is malformed in one of three ways")
    func malformed() async throws {
        let text = try await pages(#"{"rows": 30, "malformed_every": 5}"#).joined()
        func count(_ part: String) -> Int { text.ranges(of: part).count }
        #expect(count("\"quantity\":\"many\"") == 2)
        #expect(count("2026-02-30T25:61:00Z") == 2)
        #expect(count("\\ud800") == 2)
    }

    @Test("The page that is told to fail ends the landing")
    func failure() async throws {
        let error = await #expect(throws: ConnectorError.self) {
            _ = try await pages(#"{"rows": 250, "page_size": 100, "fail_at_page": 2}"#)
        }
        #expect(
            error?.description == "page 2 of 3 failed, as source.fail_at_page demands; set fail_at_page to 0")
    }
}
