import JSON
import LoopbackHTTP
import Primitives
import Synchronization

/// The demo's web shop: a small REST API on 127.0.0.1, served by the program itself.
///
/// `GET /api/customers`, `/api/products`, `/api/orders` with a bearer token; `page` and `per_page` (at most 100);
/// `updated_since` (inclusive) on customers and orders. A page is
/// `{"page": 1, "pages": 3, "total": 58, "data": […]}`, an error `{"error": "…"}`.
final class ShopServer: Sendable {
    /// The token that it asks for; the secret `shop_token` of the demo.
    static let token = "shop-demo-token-of-no-value"

    private let server: LoopbackServer
    private let today: Today

    private final class Today: Sendable {
        let day = Mutex(1)
    }

    /// The day that is served, 1…3.
    var day: Int {
        get { today.day.withLock(\.self) }
        set {
            precondition((1...3).contains(newValue), "the shop has three days")
            today.day.withLock { $0 = newValue }
        }
    }

    /// The port that it listens on.
    var port: Int { server.port }

    /// Opens the shop on day 1, on any free port.
    init() throws {
        let today = Today()
        self.today = today
        server = try LoopbackServer { request in
            ShopServer.answer(request, ShopStock(day: today.day.withLock(\.self)))
        }
    }

    /// Closes the shop.
    func stop() { server.stop() }

    private static func answer(_ request: LoopbackRequest, _ stock: ShopStock) -> LoopbackResponse {
        guard request.header("Authorization") == "Bearer \(token)" else { return refusal(401, "no valid token") }
        guard request.method == "GET" else { return refusal(405, "only GET is served") }
        switch request.path {
        case "/api/customers": return changes(of: stock.customers(), request)
        case "/api/orders": return changes(of: stock.orders(), request)
        case "/api/products": return page(of: stock.products(), request)
        default: return refusal(404, "no such resource")
        }
    }

    private static func changes(of records: [ShopRecord], _ request: LoopbackRequest) -> LoopbackResponse {
        guard let text = request.parameter("updated_since") else { return page(of: records, request) }
        guard let since = instant(text) else {
            return refusal(400, "updated_since is no UTC instant like 2025-03-03T12:00:00Z")
        }
        return page(of: records.filter { $0.updatedAt >= since }, request)
    }

    private static func page(of records: [ShopRecord], _ request: LoopbackRequest) -> LoopbackResponse {
        guard let number = Int(request.parameter("page") ?? "1"), number >= 1,
            let size = Int(request.parameter("per_page") ?? "50"), (1...100).contains(size)
        else { return refusal(400, "page starts at 1, per_page is 1 to 100") }
        let pages = max(1, (records.count + size - 1) / size)
        let data = records.dropFirst((number - 1) * size).prefix(size).map { JSONValue.object($0.members) }
        let body = JSONValue.object([
            JSONMember("page", .number(String(number))), JSONMember("pages", .number(String(pages))),
            JSONMember("total", .number(String(records.count))), JSONMember("data", .array(data)),
        ])
        return .json(body.text())
    }

    private static func refusal(_ status: Int, _ reason: String) -> LoopbackResponse {
        .json(JSONValue.object([JSONMember("error", .string(reason))]).text(), status: status)
    }

    /// Reads `2025-03-03T12:00:00`, an optional fraction, and `Z` or `+00:00`.
    private static func instant(_ text: String) -> Instant? {
        let form = /(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|\+00(?::?00)?)/
        guard let parts = text.wholeMatch(of: form)?.output else { return nil }
        let number = { (digits: Substring) in Int64(digits) ?? 0 }
        guard let date = CivilDate(year: Int(number(parts.1)), month: Int(number(parts.2)), day: Int(number(parts.3)))
        else { return nil }
        let ofDay = number(parts.4) * 3600 + number(parts.5) * 60 + number(parts.6)
        let fraction = parts.7.map { number($0 + String(repeating: "0", count: 6 - $0.count)) } ?? 0
        return Instant(microseconds: (date.daysSinceEpoch * 86_400 + ofDay) * 1_000_000 + fraction)
    }
}
