import Metadata

/// Records as a source would send them: about 370 bytes, fourteen fields, one of them an object and one a list.
struct MadeUpPeople {
    /// The records, one each.
    let records: [[UInt8]]
    /// All of them, one per line.
    let lines: [UInt8]
    /// All of them in one array.
    let array: [UInt8]

    /// The same records every time.
    init(_ count: Int) {
        records = (1...count).map { number in
            let hash = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
            let hex = Self.digits(hash >> 32, radix: 16, width: 8)
            let long = Self.digits(hash & 0xFFFF_FFFF_FFFF, radix: 16, width: 12)
            let day = Self.digits(hash % 28 + 1, width: 2)
            return Array(
                """
                {"id":\(number),"uid":"\(hex)-1c2d-4e3f-a4b5-\(long)","name":"Chloé Dąbrowski",\
                "email":"person.\(number)@mail\(hash % 8).example.org","city":"São Paulo",\
                "street":"\(hash % 899 + 1) Long Winding Road","quantity":\(hash % 1000),\
                "score":\(hash % 997).\(Self.digits(hash % 10000, width: 4)),\
                "balance":\(hash % 100_000).\(Self.digits(hash % 100, width: 2)),\
                "active":\(hash % 4 != 0),"born":"1974-07-\(day)","updated_at":"2026-01-\(day)T21:57:20+02:00",\
                "address":{"zip":"\(Self.digits(hash % 99999, width: 5))","country":"DE","floor":\(hash % 30)},\
                "tags":["a\(hash % 17)","b\(hash % 13)","c"]}
                """.utf8)
        }
        lines = records.flatMap { $0 + [0x0A] }
        array = [0x5B] + records.joined(separator: [0x2C]) + [0x5D]
    }

    /// The fourteen columns that read them.
    static let entity = Entity(
        id: EntityID(system: SystemID(rawValue: "bench"), name: "people"),
        columns: [
            Column(name: "id", type: .bigint, isKey: true), Column(name: "uid", type: .uuid),
            Column(name: "name", type: .text), Column(name: "email", type: .text), Column(name: "city", type: .text),
            Column(name: "street", type: .text), Column(name: "quantity", type: .int),
            Column(name: "score", type: .double), Column(name: "balance", type: .numeric(precision: 12, scale: 2)),
            Column(name: "active", type: .boolean), Column(name: "born", type: .date),
            Column(name: "updated_at", type: .timestamptz), Column(name: "address", type: .json),
            Column(name: "tags", type: .json),
        ])

    private static func digits(_ number: UInt64, radix: Int = 10, width: Int) -> String {
        let text = String(number, radix: radix)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
