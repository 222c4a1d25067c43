import JSON
import Primitives

/// Everything that the demo's web shop holds on one of its three days; the same day always holds the same.
///
/// What happens: customer 5 moves house on day 2 and again on day 3, customer 23 on day 3; customer 17 is missing on
/// day 2 and back on day 3; 59 and 60 register on day 2. Product 12 is deleted on day 2 and returns on day 3 at another
/// price; product 4 becomes dearer on day 2. Customers log in and stock moves every day. Each day brings orders, those
/// of the day before are shipped or cancelled, those before them delivered.
struct ShopStock {
    /// 1…3.
    let day: Int

    /// The first day's midnight, 2025-03-03 UTC.
    private static let start = Instant(microseconds: 1_740_960_000 * 1_000_000)
    private static let streets = [
        "Mill Lane", "Station Road", "Elm Street", "Harbour View", "Park Avenue", "High Street",
    ]
    private static let cities = [
        ("Utrecht", "NL"), ("Gent", "BE"), ("Aarhus", "DK"), ("Lyon", "FR"), ("Porto", "PT"), ("Graz", "AT"),
        ("Köln", "DE"), ("Łódź", "PL"),
    ]
    private static let firstNames = ["Ana", "Bram", "Chloé", "Dirk", "Eva", "Finn", "Greta", "Hugo", "Inês", "Jan"]
    private static let lastNames = ["Jansen", "Müller", "Silva", "Dubois", "Nielsen", "Kowalska"]
    private static let products = [
        "Teapot", "Mug", "Kettle", "Tray", "Jug", "Bowl", "Plate", "Spoon", "Knife", "Board", "Scale", "Timer", "Whisk",
        "Sieve", "Grater", "Pan", "Pot", "Lid", "Oven glove", "Apron", "Towel", "Basket", "Jar", "Funnel", "Ladle",
    ]
    private static let categories = ["drinks", "table", "kitchen", "textile"]

    /// Customers in the order of their ids.
    func customers() -> [ShopRecord] {
        (1...(day == 1 ? 58 : 60)).filter { day != 2 || $0 != 17 }.map(customer)
    }

    /// Products in the order of their ids.
    func products() -> [ShopRecord] {
        (1...ShopStock.products.count).filter { day != 2 || $0 != 12 }.map(product)
    }

    /// Orders in the order of their last change.
    func orders() -> [ShopRecord] {
        (1...(160 + 24 * (day - 1))).map(order).sorted { ($0.updatedAt, $0.id) < ($1.updatedAt, $1.id) }
    }

    private func customer(_ id: Int) -> ShopRecord {
        // A house for each move; a move is the customer's last change.
        let moves = [5: [2, 3], 23: [3]][id, default: []].filter { $0 <= day }
        let registered = id > 58 ? instant(2, minute: 9 * 60 + id) : instant(-id, minute: id * 7)
        let changed = moves.last.map { instant($0, minute: 10 * 60 + id) } ?? registered
        let home = id + 7 * moves.count
        let (city, country) = ShopStock.cities[home % ShopStock.cities.count]
        let first = ShopStock.firstNames[id % ShopStock.firstNames.count]
        let last = ShopStock.lastNames[id / ShopStock.firstNames.count % ShopStock.lastNames.count]
        let login = id % 3 == day % 3 ? instant(day, minute: 8 * 60 + id) : instant(min(day, 1), minute: id)
        let address: JSONValue = .object([
            JSONMember("street", .string("\(ShopStock.streets[home % ShopStock.streets.count]) \(home % 90 + 1)")),
            JSONMember("postcode", .string(String(10_000 + home * 397 % 89_999))),
            JSONMember("city", .string(city)), JSONMember("country", .string(country)),
        ])
        return ShopRecord(
            id: id, updatedAt: changed,
            members: [
                JSONMember("id", number(id)), JSONMember("name", .string("\(first) \(last)")),
                JSONMember("email", .string("customer\(id)@example.com")), JSONMember("address", address),
                JSONMember("business", .bool(id % 9 == 0)),
                JSONMember("tags", .array(["early", "loyal", "vip"].prefix(id % 4).map { .string($0) })),
                JSONMember("last_login", .string(text(login))), JSONMember("created_at", .string(text(registered))),
                JSONMember("updated_at", .string(text(changed))),
            ])
    }

    private func product(_ id: Int) -> ShopRecord {
        let isDearer = id == 4 && day >= 2 || id == 12 && day >= 3
        let cents = 295 + id * 383 % 4700 + (isDearer ? 150 : 0)
        let name = ShopStock.products[id - 1]
        return ShopRecord(
            id: id, updatedAt: ShopStock.start,
            members: [
                JSONMember("id", number(id)), JSONMember("sku", .string("\(name.prefix(2).uppercased())-\(1000 + id)")),
                JSONMember("name", .string(name)),
                JSONMember("category", .string(ShopStock.categories[id % ShopStock.categories.count])),
                JSONMember("price", money(cents)), JSONMember("currency", .string("EUR")),
                JSONMember("stock", number((id * 37 + day * 11) % 200)),
            ])
    }

    private func order(_ id: Int) -> ShopRecord {
        let orderedOn = id <= 160 ? 1 - (160 - id) / 6 : (id - 161) / 24 + 2
        let ordered = instant(orderedOn, minute: 11 * 60 + id % 400)
        // Shipped on the next day, delivered on the one after; every seventh is cancelled instead.
        let age = min(day - orderedOn, id % 7 == 0 ? 1 : 2)
        let status = id % 7 == 0 ? ["paid", "cancelled"][age] : ["paid", "shipped", "delivered"][age]
        let changed = age == 0 ? ordered : instant(orderedOn + age, minute: 6 * 60 + id % 200)
        let lines = (0...(id % 3)).map { line -> (product: Int, quantity: Int, cents: Int) in
            let product = (id * 5 + line * 8) % ShopStock.products.count + 1
            return (product, (id + line) % 4 + 1, 295 + product * 383 % 4700)
        }
        let entries = lines.map { line in
            JSONValue.object([
                JSONMember("product_id", number(line.product)), JSONMember("quantity", number(line.quantity)),
                JSONMember("price", money(line.cents)),
            ])
        }
        return ShopRecord(
            id: id, updatedAt: changed,
            members: [
                JSONMember("id", number(id)), JSONMember("customer_id", number((id * 11) % 58 + 1)),
                JSONMember("status", .string(status)),
                JSONMember("total", money(lines.reduce(0) { $0 + $1.quantity * $1.cents })),
                JSONMember("currency", .string("EUR")), JSONMember("lines", .array(entries)),
                JSONMember("ordered_at", .string(text(ordered))), JSONMember("updated_at", .string(text(changed))),
            ])
    }

    /// A minute of a day; day 1 is the first, 0 and less lie before it.
    private func instant(_ day: Int, minute: Int) -> Instant {
        ShopStock.start.advanced(byMicroseconds: Int64((day - 1) * 1440 + minute) * 60_000_000)
    }

    /// `2025-03-03T11:04:00Z`.
    private func text(_ instant: Instant) -> String { instant.description.prefix(19) + "Z" }

    private func number(_ value: Int) -> JSONValue { .number(String(value)) }

    private func money(_ cents: Int) -> JSONValue {
        .number("\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)")
    }
}

/// One record of the shop's API.
struct ShopRecord {
    /// `id`.
    let id: Int
    /// Its last change, for `updated_since`; the products have none of their own.
    let updatedAt: Instant
    /// The record as it is served.
    let members: [JSONMember]
}
