import JSON
import LoopbackHTTP
import Metadata
import Pipeline
import Postgres
import Primitives
import Synchronization
import TestKit
import Testing

/// An API with orders, and lines that must be asked for order by order.
private final class OrderServer: Sendable {
    struct Stock {
        var orders: [Int: String] = [:]
        var lines: [Int: [Int]] = [:]
        var targets: [String] = []
    }

    let stock = Mutex(Stock())
    private let server: LoopbackServer
    var url: String { server.url }

    init() throws {
        let box = Box()
        server = try LoopbackServer { box.owner?.answer($0) ?? LoopbackResponse(status: 503) }
        box.set(self)
    }

    deinit { server.stop() }

    /// The paths asked for since the last look, but the orders' own.
    func takeTargets() -> [String] {
        stock.withLock { stock in
            defer { stock.targets = [] }
            return stock.targets.filter { !$0.hasPrefix("/orders?") && $0 != "/orders" }.sorted()
        }
    }

    private func answer(_ request: LoopbackRequest) -> LoopbackResponse {
        stock.withLock { stock in
            stock.targets.append(request.target)
            if request.path == "/orders" {
                let records = stock.orders.keys.sorted().map { #"{"id":\#($0),"state":"\#(stock.orders[$0] ?? "")"}"# }
                return .json("[\(records.joined(separator: ","))]")
            }
            let id = Int(request.path.split(separator: "/")[1]) ?? 0
            return .json("[\((stock.lines[id] ?? []).map { #"{"no":\#($0)}"# }.joined(separator: ","))]")
        }
    }

    private final class Box: Sendable {
        private let held = Mutex<OrderServer?>(nil)
        var owner: OrderServer? { held.withLock(\.self) }
        func set(_ owner: OrderServer) { held.withLock { $0 = owner } }
    }
}

@Suite("Entities asked for once for each row of another", .fewAtOnce)
struct ForEachStoriesTests {
    private func orders(_ source: String = #"{"path": "/orders"}"#) throws -> TestEntity {
        try TestEntity("orders", columns: "id int key, state text", #"{"source": \#(source)}"#)
    }

    private func lines(
        _ more: String = "", _ columns: String = "order_id int key path=/_parent/id, no int key"
    ) throws -> TestEntity {
        try TestEntity(
            "lines", columns: columns,
            """
            {"source": {"path": "/orders/{{ parent.id }}/lines"},
             \(more.isEmpty ? "" : #""delta": {"mode": "all"},"#)
             "for_each": {"entity": "orders", "columns": ["id"]\(more)}}
            """)
    }

    private func warehouse(_ server: OrderServer, _ lines: TestEntity) async throws -> TestWarehouse {
        try await TestWarehouse(
            // The child stands first: the order of the file is not the order of the run.
            lines, try orders(), system: #"{"type": "rest", "connection": {"base_url": "\#(server.url)"}}"#)
    }

    private func open(_ warehouse: TestWarehouse) async throws -> [String] {
        try await warehouse.rows(
            "SELECT order_id, no FROM silver.t_lines WHERE _is_current ORDER BY order_id, no")
    }

    @Test("each parent's records keep its columns; what goes with a parent is deleted with it")
    func full() async throws {
        let server = try OrderServer()
        server.stock.withLock { $0.orders = [1: "new", 2: "new", 3: "new"] }
        server.stock.withLock { $0.lines = [1: [1, 2], 2: [1], 3: []] }
        let warehouse = try await warehouse(server, try lines())
        try await warehouse.run()
        expect(try await open(warehouse), equals: ["1 | 1", "1 | 2", "2 | 1"])
        expect(server.takeTargets().sorted(), equals: (1...3).map { "/orders/\($0)/lines" })
        // The same again: nothing is read, nothing changes.
        try await warehouse.run()
        expect(
            try await warehouse.audit("lines"),
            equals: """
                raw 3: inserted 3
                bronze 3: unchanged 3
                silver 0: nothing
                """)
        // The same bytes, but of other parents.
        server.stock.withLock { $0.lines = [1: [1], 2: [1, 2], 3: []] }
        try await warehouse.run { $0.allowsDeletes = true }
        expect(try await open(warehouse), equals: ["1 | 1", "2 | 1", "2 | 2"])
        server.stock.withLock { $0.orders = [1: "new", 3: "new"] }
        try await warehouse.run { $0.allowsDeletes = true }
        expect(try await open(warehouse), equals: ["1 | 1"])
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("a delta load asks for the parents that changed since")
    func changed() async throws {
        let server = try OrderServer()
        server.stock.withLock { $0.orders = [1: "new", 2: "new"] }
        server.stock.withLock { $0.lines = [1: [1], 2: [1]] }
        let warehouse = try await warehouse(server, try lines(#", "changed_only": true"#))
        try await warehouse.run()
        // The clock of a test stands still within a run; here it goes on between parents and children.
        warehouse.clock.advance(seconds: 60)
        try await warehouse.run { $0.entities = [EntityID(system: SystemID(rawValue: "t"), name: "lines")] }
        warehouse.clock.advance(seconds: 60)
        _ = server.takeTargets()
        server.stock.withLock { $0.orders = [1: "paid", 2: "new", 3: "new"] }
        server.stock.withLock { $0.lines = [1: [1, 2], 2: [1, 9], 3: [5]] }
        try await warehouse.run { $0.entities = [EntityID(system: SystemID(rawValue: "t"), name: "orders")] }
        try await warehouse.run {
            $0.entities = [EntityID(system: SystemID(rawValue: "t"), name: "lines")]
            $0.loadType = .delta
        }
        expect(server.takeTargets(), equals: ["/orders/1/lines", "/orders/3/lines"])
        expect(try await open(warehouse), equals: ["1 | 1", "1 | 2", "2 | 1", "3 | 5"])
        expect(try await warehouse.rebuildDifferences(from: .raw), equals: [])
    }

    @Test("a delta load asks for what changed since the last one asked, whatever was registered since")
    func changedSinceAsked() async throws {
        let server = try OrderServer()
        server.stock.withLock { ($0.orders, $0.lines) = ([1: "new", 2: "new"], [1: [1, 40_000], 2: [1]]) }
        func lines(_ type: String) throws -> TestEntity {
            try self.lines(
                #", "changed_only": true"#, "order_id int key path=/_parent/id, no int key, n \(type) path=/no")
        }
        let warehouse = try await warehouse(server, try lines("smallint"))
        let ids = ["orders", "lines"].map { EntityID(system: SystemID(rawValue: "t"), name: $0) }
        func run(_ id: EntityID, _ type: LoadType) async throws {
            warehouse.clock.advance(seconds: 60)
            try await warehouse.run { ($0.entities, $0.loadType) = ([id], type) }
        }
        try await run(ids[0], .full)
        try await run(ids[1], .full)
        server.stock.withLock { ($0.orders[2], $0.lines[2]) = ("paid", [1, 2]) }
        try await run(ids[0], .full)
        _ = server.takeTargets()
        // Behind that the lines get a batch for which no order was asked for, and the last one is registered as a killed run's is.
        warehouse.clock.advance(seconds: 60)
        try warehouse.change(lines("int"), orders())
        let retried = try await QuarantineRetry(workspace: warehouse.workspace).run()
        #expect(retried.outcomes.map(\.accepted) == [1])
        try await warehouse.connection.execute("UPDATE audit.raw_batch SET landed_at = \(warehouse.clock.now())")
        try await run(ids[1], .delta)
        expect(server.takeTargets(), equals: ["/orders/2/lines"])
        expect(try await open(warehouse), equals: ["1 | 1", "1 | 40000", "2 | 1", "2 | 2"])
    }

    @Test("a parent that fails keeps its children from being asked for")
    func failed() async throws {
        let server = try OrderServer()
        server.stock.withLock { $0.orders = [1: "new"] }
        let warehouse = try await TestWarehouse(
            try lines(), try orders(#"{"path": "/orders", "records_path": "/none"}"#),
            system: #"{"type": "rest", "connection": {"base_url": "\#(server.url)"}}"#)
        try await warehouse.run()
        expect(
            try await warehouse.audit("lines"),
            equals: """
                raw skipped upstream_failed
                bronze skipped upstream_failed
                silver skipped upstream_failed
                """)
        expect(server.takeTargets(), equals: [])
    }
}
