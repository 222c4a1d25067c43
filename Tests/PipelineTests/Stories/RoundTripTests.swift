import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

@Suite("What is stored is what was sent", .fewAtOnce)
struct RoundTripTests {
    @Test("decimals of any size, doubles and whole numbers, as PostgreSQL reads the same text")
    func numbers() async throws {
        var generator = SeededGenerator(seed: 7)
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in "0000123456789".randomElement(using: &generator) ?? "0" })
        }
        var records: [String] = []
        for id in 0..<600 {
            let whole = ["", "-"].randomElement(using: &generator).map { $0 } ?? ""
            var text = whole + "\(Int.random(in: 1...9, using: &generator))" + digits(Int.random(in: 0...24, using: &generator))
            if id % 5 == 0 { text = whole + "0" }
            let decimals = Int.random(in: 0...24, using: &generator)
            if decimals > 0 { text += "." + digits(decimals) }
            if id % 3 == 0 { text += "e\(Int.random(in: -30...30, using: &generator))" }
            records.append(#"{"id":\#(id),"n":\#(text),"s":"\#(text)","d":\#(text),"i":\#(Int64.random(in: .min ... .max, using: &generator))}"#)
        }
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, n numeric, s text, d double, i bigint"))
        try await warehouse.load(records)
        #expect(try await warehouse.audit().contains("silver 600: inserted 600"))
        #expect(
            try await warehouse.rows(
                """
                SELECT s, n, d FROM silver.t_things JOIN bronze.t_things b ON (b.doc->>'id')::int = id
                WHERE n <> s::numeric OR n::text <> (s::numeric)::text OR d <> s::double precision
                    OR i <> (b.doc->>'i')::bigint
                """) == [])
        try await warehouse.load(records.shuffled(using: &generator))
        #expect(try await warehouse.audit().contains("bronze 600: unchanged 600"))
    }

    @Test("instants, days and times, as PostgreSQL reads the same text")
    func times() async throws {
        var generator = SeededGenerator(seed: 8)
        func pad(_ range: ClosedRange<Int>, _ width: Int = 2) -> String {
            let text = String(Int.random(in: range, using: &generator))
            return String(repeating: "0", count: width - text.count) + text
        }
        let records = (0..<600).map { id in
            let date = "\(pad(1...9999, 4))-\(pad(1...12))-\(pad(1...28))"
            let time = "\(pad(0...23)):\(pad(0...59)):\(pad(0...59)).\(pad(0...999_999, 6))"
            let offset = ["Z", "+\(pad(0...14)):\(pad(0...59))", "-\(pad(0...14))"].randomElement(using: &generator) ?? "Z"
            return #"{"id":\#(id),"d":"\#(date)","t":"\#(time)","l":"\#(date)T\#(time)","z":"\#(date) \#(time)\#(offset)"}"#
        }
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, d date, t time, l timestamp, z timestamptz"))
        try await warehouse.load(records)
        #expect(
            try await warehouse.rows(
                """
                SELECT doc FROM silver.t_things JOIN bronze.t_things b ON (b.doc->>'id')::int = id
                WHERE d <> (doc->>'d')::date OR t <> (doc->>'t')::time OR l <> (doc->>'l')::timestamp
                    OR z <> (doc->>'z')::timestamptz
                """) == [])
        #expect(try await warehouse.rows("SELECT count(*) FROM silver.t_things") == ["600"])
    }

    @Test("local times of every half hour around the changes of clock, as PostgreSQL reads them")
    func zones() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, b timestamptz timezone=Europe/Berlin, n timestamptz timezone=America/New_York"))
        var records: [String] = []
        for day in ["2025-03-09", "2025-03-30", "2025-10-26", "2025-11-02", "2025-06-15"] {
            for half in 0..<48 {
                let local = "\(day)T\(half / 2 < 10 ? "0" : "")\(half / 2):\(half % 2 == 0 ? "00" : "30")"
                records.append(#"{"id":\#(records.count),"b":"\#(local)","n":"\#(local)"}"#)
            }
        }
        try await warehouse.load(records)
        // Doubled hours: we take the first of the two, PostgreSQL the second; they are compared by what both show.
        #expect(
            try await warehouse.rows(
                """
                SELECT doc FROM silver.t_things JOIN bronze.t_things x ON (x.doc->>'id')::int = id
                WHERE (doc->>'b' NOT LIKE '2025-03-30T02%' AND b AT TIME ZONE 'Europe/Berlin' <> (doc->>'b')::timestamp)
                    OR (doc->>'n' NOT LIKE '2025-03-09T02%' AND n AT TIME ZONE 'America/New_York' <> (doc->>'n')::timestamp)
                    OR (doc->>'b' LIKE '2025-03-30T02%'
                        AND b <> (doc->>'b')::timestamp AT TIME ZONE 'Europe/Berlin')
                """) == [])
    }
}
