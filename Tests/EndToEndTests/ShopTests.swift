import ConnectorKit
import Connectors
import HTTPTransport
import JSON
import Logging
import Metadata
import Primitives
import TestKit
import Testing

@testable import medallion

/// Knows the shop's token only.
private struct ShopSecrets: SecretStore {
    func secret(named name: String) throws -> Secret {
        guard name == "shop_token" else { throw ConnectorError("no secret '\(name)'", kind: .auth) }
        return Secret(ShopServer.token)
    }
}

@Suite("The demo's shop")
struct ShopTests {
    @Test("is read by its own metadata, in full and by changes, over three days")
    func landing() async throws {
        let shop = try ShopServer()
        defer { shop.stop() }
        let project = try TemporaryFolder()
        try project.write(ShopMetadata.systems(port: shop.port), to: "metadata/systems.json")
        try project.write(ShopMetadata.entities, to: "metadata/entities.json")
        let registry = BuiltInConnectors.registry
        let catalog = try CatalogLoader.load(project: project.path, connectors: registry.descriptions)
        let system = try #require(catalog.systems.first)
        let context = ConnectorContext(
            system: system.id, projectFolder: project.path, environment: [:], secrets: ShopSecrets(),
            logger: Logger(label: "shop"))
        let connector = try registry.make(for: system, context: context)

        let cursors = [nil, "2025-03-03T17:59:00.000000Z", "2025-03-04 17:50:00+00"]
        var landed: [[String: Int]] = []
        for day in 1...3 {
            shop.day = day
            var counts: [String: Int] = [:]
            for entity in catalog.entities(of: system.id) where entity.explosion == nil {
                let window = LoadWindow(
                    loadType: entity.loadType, from: entity.loadType == .delta ? cursors[day - 1] : nil,
                    until: Instant(microseconds: 0))
                let folder = try project.makeFolder("raw/\(day)/\(entity.id.name)")
                var writer = RawWriter(folder: folder, shape: try connector.shape(of: entity))
                try await connector.land(entity, window: window, into: &writer)
                counts[entity.id.name] = writer.files.reduce(0) { $0 + $1.records }
            }
            landed.append(counts)
        }
        #expect(
            landed == [
                ["customers": 58, "products": 25, "orders": 160], ["customers": 59, "products": 24, "orders": 35],
                ["customers": 60, "products": 25, "orders": 54],
            ])
    }

    @Test("holds the same on the same day", arguments: 1...3)
    func deterministic(day: Int) {
        let stock = ShopStock(day: day)
        for records in [stock.customers(), stock.products(), stock.orders()] {
            #expect(Set(records.map(\.id)).count == records.count)
        }
        #expect(stock.orders().map(\.members) == ShopStock(day: day).orders().map(\.members))
    }

    @Test("changes from day to day as the demo tells it")
    func story() throws {
        let days = (1...3).map { ShopStock(day: $0) }
        let customers = days.map { byID($0.customers()) }
        let products = days.map { byID($0.products()) }
        let orders = days.map { byID($0.orders()) }
        func streets(_ id: Int) -> [String?] { customers.map { $0[id]?["address"]?["street"]?.stringValue } }
        #expect(Set(streets(5)).count == 3)
        #expect(streets(23)[0] == streets(23)[1] && streets(23)[1] != streets(23)[2])
        #expect(customers.map { $0[17] == nil } == [false, true, false])
        #expect(customers[0][17]?["address"] == customers[2][17]?["address"])
        #expect(products.map { $0[12] == nil } == [false, true, false])
        #expect(products[0][12]?["price"] != products[2][12]?["price"])
        #expect(products[0][4]?["price"] != products[1][4]?["price"])
        #expect(customers.map(\.count) == [58, 59, 60])
        #expect(orders.map(\.count) == [160, 184, 208])
        func statuses(_ id: Int) -> [String?] { orders.map { $0[id]?["status"]?.stringValue } }
        #expect(statuses(160) == ["paid", "shipped", "delivered"])
        #expect(statuses(161) == [nil, "paid", "cancelled"])
        let loggedIn = customers[0].filter { $0.value["last_login"] != customers[1][$0.key]?["last_login"] }
        #expect(loggedIn.count > 10)
    }

    @Test("gives nothing away without its token, and names what it does not understand")
    func refusals() async throws {
        let shop = try ShopServer()
        defer { shop.stop() }
        let client = HTTPClient()
        var statuses: [Int] = []
        for (target, token) in [
            ("orders", ""), ("orders", "wrong"), ("none", ShopServer.token), ("orders?page=0", ShopServer.token),
            ("orders?per_page=101", ShopServer.token), ("orders?updated_since=yesterday", ShopServer.token),
            ("products?page=9", ShopServer.token),
        ] {
            let url = try HTTPURL("http://127.0.0.1:\(shop.port)/api/\(target)")
            let request = HTTPRequest(url: url, headers: [HTTPHeader("Authorization", "Bearer \(token)")])
            statuses.append(try await client.send(request).status)
        }
        #expect(statuses == [401, 401, 404, 400, 400, 400, 200])
    }

    private func byID(_ records: [ShopRecord]) -> [Int: JSONValue] {
        Dictionary(uniqueKeysWithValues: records.map { ($0.id, JSONValue.object($0.members)) })
    }
}
