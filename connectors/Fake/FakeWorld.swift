import Primitives

/// The records of one seed and day, each computed from its id alone.
struct FakeWorld {
    /// What a random number is for, so that no two decisions share one.
    private enum Purpose: UInt64 {
        case change = 1
        case absence
        case time
        case value
    }

    private let seed: UInt64
    private let day: Int
    private let source: FakeConnector.Source
    private let newPerDay: Int

    /// The greatest id that exists on the day.
    let lastID: Int

    init(_ configuration: FakeConnector.Configuration, _ source: FakeConnector.Source) {
        seed = UInt64(configuration.seed)
        day = configuration.day
        self.source = source
        newPerDay = Int(Double(source.rows) * source.newFraction)
        lastID = source.rows + (configuration.day - 1) * newPerDay
    }

    /// The part of an instant's text that orders as text does: `2026-01-31T12:00:00`.
    static func comparable(_ instant: String) -> [UInt8] {
        instant.utf8.prefix(19).map { $0 == UInt8(ascii: " ") ? UInt8(ascii: "T") : $0 }
    }

    /// Appends the day's records among `count` ids, separated by commas.
    func append(from first: Int, count: Int, since: [UInt8]?, to page: inout [UInt8]) {
        var isFirst = true
        for id in first..<first + max(0, count) where !isAbsent(id) {
            let changed = lastChange(of: id)
            let updatedAt = instant(of: id, day: changed)
            if let since, Self.comparable(updatedAt).lexicographicallyPrecedes(since) { continue }
            page += (isFirst ? "\n" : ",\n").utf8
            isFirst = false
            append(id, changed, updatedAt, to: &page)
        }
    }

    private func firstDay(of id: Int) -> Int { id <= source.rows ? 1 : 2 + (id - source.rows - 1) / newPerDay }

    private func isAbsent(_ id: Int) -> Bool {
        day > firstDay(of: id) && chance(id, day, .absence) < source.deleteFraction
    }

    /// The day on which the record took its present form.
    private func lastChange(of id: Int) -> Int {
        let first = firstDay(of: id)
        guard source.changeFraction > 0, day > first else { return first }
        return (first + 1...day).last { chance(id, $0, .change) < source.changeFraction } ?? first
    }

    /// An instant within a day; day 1 is 2026-01-01.
    private func instant(of id: Int, day: Int) -> String {
        let second = Int64(random(id, day, .time) % 86_400)
        let text = Instant(microseconds: ((20_453 + Int64(day)) * 86_400 + second) * 1_000_000).description
        return text.prefix(19) + "Z"
    }

    /// One record: what never changes comes from the id, the rest from the id and the day of its last change.
    private func append(_ id: Int, _ changed: Int, _ updatedAt: String, to page: inout [UInt8]) {
        let fixed = random(id, 0, .value)
        let fresh = random(id, changed, .value)
        let malformation =
            source.malformedEvery > 0 && id % source.malformedEvery == 0
            ? id / source.malformedEvery % 3 : nil
        func pick(_ names: [String], _ bits: UInt64, _ shift: UInt64) -> String {
            names[Int((bits >> shift) & 0xFFFF) % names.count]
        }
        let given = pick(Self.givenNames, fixed, 0)
        let family = pick(Self.familyNames, fixed, 16)
        let name = malformation == 2 ? "\(given) \\ud800" : "\(given) \(family)"
        let quantity = malformation == 0 ? "\"many\"" : String(fresh % 1000)
        let cents = fresh >> 10 % 1_000_000
        page += "{\"id\":\(id),\"code\":\"C-\(pad(id, 8))\",\"name\":\"\(name)\",".utf8
        page += "\"email\":\"\(given).\(family).\(id)@example.org\",".utf8
        page += "\"status\":\"\(pick(Self.states, fresh, 32))\",\"quantity\":\(quantity),".utf8
        page += "\"price\":\(cents / 100).\(pad(Int(cents % 100), 2)),".utf8
        page +=
            "\"is_active\":\(fresh >> 40 & 7 != 0),\"created_at\":\"\(instant(of: id, day: firstDay(of: id)))\",".utf8
        page += "\"updated_at\":\"\(malformation == 1 ? "2026-02-30T25:61:00Z" : updatedAt)\",".utf8
        page += "\"address\":{\"street\":\"\(pick(Self.streets, fresh, 48)) \(fresh >> 20 & 127)\",".utf8
        page += "\"city\":\"\(pick(Self.cities, fresh, 24))\",\"zip\":\"\(pad(Int(fresh >> 30 % 100_000), 5))\"},".utf8
        page += "\"tags\":[\"\(pick(Self.tags, fixed, 32))\",\"\(pick(Self.tags, fresh, 4))\"]}".utf8
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private func chance(_ id: Int, _ day: Int, _ purpose: Purpose) -> Double {
        Double(random(id, day, purpose) >> 11) * 0x1p-53
    }

    /// SplitMix64 over what the number is for. Source: <https://prng.di.unimi.it/splitmix64.c>.
    private func random(_ id: Int, _ day: Int, _ purpose: Purpose) -> UInt64 {
        var bits = seed
        for part in [UInt64(id), UInt64(day), purpose.rawValue] {
            bits = (bits ^ part) &+ 0x9E37_79B9_7F4A_7C15
            bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            bits ^= bits >> 31
        }
        return bits
    }

    private static let givenNames = [
        "Ada", "Björn", "Chloé", "Dmitri", "Emmy", "Farid", "Grace", "Hana", "Iñigo", "Jun",
    ]
    private static let familyNames = [
        "Abbott", "Brandt", "Costa", "Dvořák", "Eriksen", "Fontaine", "Gupta", "Hoffmann",
    ]
    private static let states = ["new", "open", "paid", "sent", "done", "returned"]
    private static let streets = [
        "Mill Lane", "Station Road", "Rue de la Paix", "Lindenallee", "Gran Vía", "Harbour Street",
    ]
    private static let cities = ["Antwerp", "Bergen", "Córdoba", "Dresden", "Évora", "Gdańsk", "Kraków", "Malmö"]
    private static let tags = ["blue", "fragile", "gift", "large", "limited", "organic", "sale", "spare"]
}
