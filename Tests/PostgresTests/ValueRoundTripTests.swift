import Postgres
import Primitives
import Testing

@Suite("A value goes to the server and comes back")
struct ValueRoundTripTests {
    /// Binds, lets the server say what it understood, and reads back.
    private func roundTrip<Value: PostgresValue & PostgresDecodable & Equatable>(
        _ value: Value, type: String, text: String? = nil
    ) async throws {
        try await withSharedDatabase { connection async throws in
            let row = try await connection.query(
                "SELECT \(value) AS value, pg_typeof(\(value))::text AS type, \(value)::text AS text, \(nil as Value?) AS none"
            )[0]
            #expect(try row.get("value") == value)
            #expect(try row.get("type") == type)
            if let text { #expect(try row.get("text") == text) }
            let none: Value? = try row.get("none")
            #expect(none == nil)
            let some: Value? = try row.get("value")
            #expect(some == value)
        }
    }

    @Test("as bigint", arguments: [0, -1, Int.max, Int.min])
    func integers(value: Int) async throws {
        try await roundTrip(value, type: "bigint", text: "\(value)")
        try await roundTrip(Int64(value), type: "bigint")
    }

    @Test("as integer and smallint")
    func smallIntegers() async throws {
        try await roundTrip(Int32.min, type: "integer")
        try await roundTrip(Int16.max, type: "smallint")
    }

    @Test("as double precision", arguments: [0.0, -0.0, 0.1, 1e308, Double.leastNonzeroMagnitude, -1.5, .infinity])
    func doubles(value: Double) async throws {
        try await roundTrip(value, type: "double precision")
    }

    @Test("as boolean", arguments: [true, false])
    func booleans(value: Bool) async throws {
        try await roundTrip(value, type: "boolean")
    }

    @Test("as text, byte for byte", arguments: ["", "a", "e\u{301}", "é", "😀", "\u{1}", "a'\"\\b", "NULL"])
    func texts(value: String) async throws {
        try await roundTrip(value, type: "text")
        try await withSharedDatabase { connection async throws in
            let back: String = try await connection.query("SELECT \(value)")[0].get(0)
            #expect(Array(back.utf8) == Array(value.utf8))
        }
    }

    @Test(
        "as timestamptz",
        arguments: [
            (0, "1970-01-01 00:00:00+00"), (1_795_142_442_123_456, "2026-11-20 02:40:42.123456+00"),
            (-1, "1969-12-31 23:59:59.999999+00"), (Instant.oldest.microseconds, "0001-01-01 00:00:00+00"),
            (253_402_300_799_999_999, "9999-12-31 23:59:59.999999+00"), (100, "1970-01-01 00:00:00.0001+00"),
        ])
    func instants(microseconds: Int64, text: String) async throws {
        try await roundTrip(Instant(microseconds: microseconds), type: "timestamp with time zone", text: text)
    }

    @Test("as timestamptz shown in any other zone")
    func zones() async throws {
        try await withSharedDatabase { connection async throws in
            let instant = Instant(microseconds: -2_000_000_000_123_456)
            for zone in ["Asia/Kathmandu", "America/St_Johns", "Europe/Amsterdam", "UTC"] {
                try await connection.execute("SELECT set_config('TimeZone', \(zone), false)")
                #expect(try await connection.query("SELECT \(instant)")[0].get(0) == instant)
            }
            for odd in ["'infinity'", "'0044-03-15 BC'", "'12000-01-01'"] {
                let row = try await connection.query("SELECT \(verbatim: odd)::timestamptz")[0]
                #expect(await postgresError { let _: Instant = try row.get(0) }?.kind == .usage)
            }
        }
    }

    @Test("as uuid")
    func uuids() async throws {
        let value = UUIDValue(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        try await roundTrip(value, type: "uuid", text: "01234567-89ab-cdef-fedc-ba9876543210")
    }

    @Test("as bytea", arguments: [[], [0], Array(0...255)] as [[UInt8]])
    func bytes(value: [UInt8]) async throws {
        try await roundTrip(value, type: "bytea")
    }

    @Test("as arrays")
    func arrays() async throws {
        try await roundTrip(["a", "", "b,c", "{d}", "e\"f", "g\\h", "NULL", " i ", "é", "\n"], type: "text[]")
        try await roundTrip([] as [String], type: "text[]", text: "{}")
        try await roundTrip([1, -2, Int.max], type: "bigint[]", text: "{1,-2,9223372036854775807}")
        try await roundTrip([UUIDValue.zero, UUIDValue(high: 1, low: 2)], type: "uuid[]")
        try await withSharedDatabase { connection async throws in
            let found: Bool = try await connection.query("SELECT \(2) = ANY(\([1, 2, 3]))")[0].get(0)
            #expect(found)
            let row = try await connection.query("SELECT ARRAY['a', NULL] AS nulls, ARRAY[['a'], ['b']] AS nested")[0]
            #expect(await postgresError { let _: [String] = try row.get("nulls") }?.kind == .usage)
            #expect(await postgresError { let _: [String] = try row.get("nested") }?.kind == .usage)
        }
    }

    @Test("and any other type can be read as its text")
    func otherTypes() async throws {
        try await withSharedDatabase { connection async throws in
            let row = try await connection.query(
                "SELECT 12345678901234567890.123456789::numeric AS n, '{\"a\": 1}'::jsonb AS j, DATE '2026-11-21' AS d")[
                    0]
            #expect(try row.get("n") == "12345678901234567890.123456789")
            #expect(try row.get("j") == "{\"a\": 1}")
            #expect(try row.get("d") == "2026-11-21")
        }
    }
}
