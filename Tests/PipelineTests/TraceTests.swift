import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline

extension TestWarehouse {
    /// The trace of a key, short: versions with their changes, then what has no version.
    func trace(
        _ key: String..., of entity: String? = nil, changing: (inout Entity) -> Void = { _ in }, isRaw: Bool = false
    ) async throws -> String {
        var entity = self.entity(entity)
        changing(&entity)
        let system = try #require(workspace.catalog.system(entity.id.system))
        let query = TraceQuery(
            NamedTable(entity: entity, system: system), store: workspace.store, pool: workspace.pool,
            showsPersonalData: isRaw)
        let trace = try await query.trace(key)
        var lines: [String] = []
        for version in trace.versions {
            let state = version.isDeleted ? " deleted" : version.supersededAt != nil ? " superseded" : ""
            lines.append("\(version.number) \(day(version.validFrom))..\(day(version.validTo))\(state)")
            lines += version.differences.map { "  \(text($0))" }
            lines += version.changes.flatMap(text)
        }
        if !trace.loose.isEmpty { lines += ["loose"] + trace.loose.flatMap(text) }
        lines += trace.rejects.map {
            "rejected \(day($0.run.timestamp)) \($0.column ?? "") \($0.reason)\(text($0.origin))"
        }
        return (lines + trace.advice).joined(separator: "\n")
    }

    private func text(_ change: Trace.Change) -> [String] {
        let effective = change.effectiveAt.map { " as of \(day($0))" } ?? ""
        let line = "  \(day(change.run.timestamp)) \(change.change) \(change.effect)\(effective)\(text(change.origin))"
        return [line] + change.differences.map { "    \(text($0))" }
    }

    private func text(_ difference: Trace.Difference) -> String {
        "\(difference.column) \(difference.old ?? "NULL") → \(difference.new ?? "NULL")"
    }

    private func text(_ origin: Trace.Origin) -> String {
        guard origin.file > 0 else { return "" }
        return " \(origin.file)/\(origin.record) \(origin.text ?? "!")"
    }

    private func day(_ instant: Instant?) -> String {
        instant.map { "d\($0.microseconds / 86_400_000_000 - 20_453)" } ?? ""
    }
}

@Suite("A trace", .fewAtOnce)
struct TraceTests {
    @Test("tells versions, overwrites, a deletion, a restore, what had no effect, and what was rejected")
    func versions() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "id int key, name text, price numeric(10,2), seen timestamptz scd=1"))
        let other = #"{"id":1,"name":"x"}"#
        try await warehouse.load(#"{"id":7,"name":"Lamp","price":12.5,"seen":"2026-01-01T00:00:00Z"}"#, other)
        try await warehouse.load(other, #"{"id":7,"name":"Lamp","price":12.50,"seen":"2026-01-02T00:00:00+01:00"}"#)
        try await warehouse.load(#"{"seen":"2026-01-01T23:00:00Z","id":7,"name":"Lamp","price":12.5}"#, other)
        try await warehouse.load(other)
        try await warehouse.load(#"{"id":7,"name":"Lamp","price":13}"#, other)
        try await warehouse.load(#"{"id":7,"name":"Lamp","price":"cheap"}"#, other)
        expect(
            try await warehouse.trace("id=7"),
            equals: """
                1 d1..d4 deleted
                  d1 upsert opened 1/1 {"id":7,"name":"Lamp","price":12.5,"seen":"2026-01-01T00:00:00Z"}
                  d2 upsert overwrote 1/2 {"id":7,"name":"Lamp","price":12.50,"seen":"2026-01-02T00:00:00+01:00"}
                    seen 2026-01-01 00:00:00+00 → 2026-01-01 23:00:00+00
                  d3 upsert none 1/1 {"seen":"2026-01-01T23:00:00Z","id":7,"name":"Lamp","price":12.5}
                  d4 delete closed
                2 d5..
                  price 12.50 → 13.00
                  seen 2026-01-01 23:00:00+00 → NULL
                  d5 restore opened 1/1 {"id":7,"name":"Lamp","price":13}
                rejected d6 price is not a number 1/1 {"id":7,"name":"Lamp","price":"cheap"}
                """)
    }

    @Test("finds a CSV row as it was written, and the files of a batch that is the same as an earlier one")
    func csv() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(columns: "code text key, v int", #"{"source": {"path": "things/*.csv"}}"#))
        for day in 1...2 {
            let bumped = day == 1 ? "1" : "2"
            try warehouse.put(
                texts: ["code,v\r\n007,\(bumped)\r\n\r\n\"a,\nb\",\(bumped)\r\n", "v,code\n5,7"], ending: "csv")
            for _ in 1...day {
                warehouse.clock.advance(seconds: 86_400)
                try await warehouse.run()
            }
        }
        expect(
            try await warehouse.trace("code=007"),
            equals: "1 d1..d2\n  d1 upsert opened 1/1 007,1\n2 d2..\n  v 1 → 2\n  d2 upsert opened 1/1 007,2")
        expect(
            try await warehouse.trace("code=a,\nb"),
            equals: """
                1 d1..d2
                  d1 upsert opened 1/2 "a,
                b",1
                2 d2..
                  v 1 → 2
                  d2 upsert opened 1/2 "a,
                b",2
                """)
        expect(try await warehouse.trace("code=7"), equals: "1 d1..\n  d1 upsert opened 2/1 5,7")
        // The third batch stores no files of its own.
        let run = try await warehouse.connection.query(
            "SELECT run_id, same_as FROM audit.raw_batch WHERE same_as IS NOT NULL")[0]
        let records = RawRecords(
            store: warehouse.workspace.store, entity: warehouse.entity(), parent: nil, timezone: "UTC")
        let again = try records.texts(file: 1, in: run.get("run_id"), records: [2])
        #expect(again == [2: Array("\"a,\nb\",2".utf8)])
        #expect(try records.path(of: 1, in: run.get("run_id")).contains("\(run.get("same_as", as: UUIDValue.self))"))
    }

    @Test("follows a table that is overwritten, one that only grows, and one that holds the last batch")
    func modes() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity("scd1", columns: "id int key, v text", #"{"history": "scd1"}"#),
            TestEntity("grows", columns: "id int key, v text", #"{"history": "append"}"#),
            TestEntity("latest", columns: "id int key, v text", #"{"history": "latest"}"#),
            TestEntity("keyless", columns: "v text", #"{"history": "append"}"#))
        for value in ["a", "b", nil] {
            warehouse.clock.advance(seconds: 86_400)
            for name in ["scd1", "grows", "latest", "keyless"] {
                try warehouse.put([value.map { #"{"id":1,"v":"\#($0)"}"# } ?? #"{"id":2,"v":"c"}"#], for: name)
            }
            try await warehouse.run()
        }
        let (a, b) = (#"1/1 {"id":1,"v":"a"}"#, #"1/1 {"id":1,"v":"b"}"#)
        expect(
            try await warehouse.trace("id=1", of: "scd1"),
            equals:
                "1 d1..d3 deleted\n  d1 upsert opened \(a)\n  d2 upsert overwrote \(b)\n    v a → b\n  d3 delete closed"
        )
        expect(
            try await warehouse.trace("id=1", of: "grows"),
            equals: "1 d1..\n  d1 upsert opened \(a)\n  d2 upsert none \(b)")
        expect(
            try await warehouse.trace("id=1", of: "latest"),
            equals: """
                loose
                  d1 upsert none \(a)
                  d2 upsert none \(b)
                  d3 delete none
                bronze has it as deleted: history latest keeps only what the last full batch brought
                """)
        let hash = try await warehouse.rows("SELECT _key_hash FROM silver.t_keyless ORDER BY _valid_from")[1]
        expect(
            try await warehouse.trace("_key_hash=\(hash)", of: "keyless"),
            equals: "1 d2..\n  d2 upsert opened \(b)")
    }

    @Test("shows what bronze has and silver not yet, and says what to do about a key that is nowhere")
    func nowhere() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key, born date"))
        expect(
            try await warehouse.trace("id=1"),
            equals: "its tables are not made yet: medallion run --entity t.things")
        try await warehouse.load(#"{"id":1}"#)
        try warehouse.put([#"{"id":1}"#, #"{"id":2}"#, #"{"id":3,"born":"soon"}"#, #"{"id":"?"}"#])
        warehouse.clock.advance(seconds: 86_400)
        try await warehouse.run { $0.layers = [.raw, .bronze] }
        expect(
            try await warehouse.trace("id=2"),
            equals: """
                loose
                  d2 upsert waiting 1/2 {"id":2}
                bronze has it, and its batch waits for silver: medallion run --entity t.things --layer silver
                """)
        expect(
            try await warehouse.trace("id=3"),
            equals: """
                rejected d2 born is not an ISO 8601 date or time 1/3 {"id":3,"born":"soon"}
                every record of it was rejected; mend the source or the column's metadata, then: medallion run --entity t.things
                """)
        warehouse.clock.advance(seconds: 86_400)
        try warehouse.put([#"{"id":4}"#])
        try await warehouse.run { $0.layers = [.raw] }
        let run = try await warehouse.rows("SELECT run_id FROM audit.raw_batch WHERE state = 'landed'")
        expect(
            try await warehouse.trace("id=4"),
            equals: """
                bronze does not know it: no accepted record ever had this key
                the key is id (int): spelling, case and leading zeros of texts count
                the batch of run \(run[0]) is landed only and may hold it: medallion run --entity t.things
                """)
    }

    @Test("reads a key by the types of its columns, however it is written")
    func keys() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: """
                    a int key, b text key, c numeric(9,3) key, d timestamptz key timezone=Europe/Berlin, \
                    e date key format=%d.%m.%Y, f boolean key, g uuid key, v int
                    """))
        try await warehouse.load(
            """
            {"a":7,"b":"007","c":1.50,"d":"2026-01-01T00:00:00","e":"24.12.2025","f":true,\
            "g":"0F343B09-31AF-5DD5-7E63-8DBE17A5B6D8","v":1}
            """)
        let uuid = "g=0f343b09-31af-5dd5-7e63-8dbe17a5b6d8"
        let asWritten = ["a=7", "b=007", "c=1.5", "d=2026-01-01T00:00:00", "e=24.12.2025", "f=true", uuid]
        let asShown = ["f=t", "e=2025-12-24", "d=2025-12-31 23:00:00+00", "c=1.500", "b=007", "a=7.0", uuid]
        let table = NamedTable(
            entity: warehouse.entity(), system: try #require(warehouse.workspace.catalog.systems.first))
        let hashes = try [asWritten, asShown].map { try TraceKey($0, of: table).hash.description }
        #expect(try await warehouse.rows("SELECT _key_hash FROM silver.t_things") == [hashes[0]])
        #expect(hashes[0] == hashes[1])
        func complaint(_ changed: String...) -> String {
            do {
                let rest = asWritten.filter { given in !changed.contains { $0.prefix(1) == given.prefix(1) } }
                return "found \(try TraceKey(rest + changed, of: table).hash)"
            } catch { return "\(error)" }
        }
        #expect(complaint("a=07") == "key column 'a' of t.things is int: '07' is not a whole number")
        #expect(complaint("e=soon").hasPrefix("key column 'e' of t.things is date: 'soon' "))
        #expect(complaint("a") == "a key is written COLUMN=VALUE, got 'a'")
        #expect(complaint("x=1") == "t.things has no column 'x'; it has a, b, c, d, e, f, g, v")
        #expect(complaint("v=1").hasPrefix("'v' is no key column of t.things; give --key a=… --key b=…"))
        #expect(complaint("a=1", "a=2") == "key column 'a' of t.things is given twice")
        #expect(throws: UsageError.self) { try TraceKey(["a=7"], of: table) }
    }

    @Test("names tables by layer or by entity, and the nearest one where there is none")
    func names() async throws {
        let warehouse = try await TestWarehouse(TestEntity(columns: "id int key"))
        let workspace = warehouse.workspace
        func find(_ name: String) -> String {
            do {
                return try NamedTable(name, in: workspace.catalog, gold: workspace.gold).silver
            } catch { return "\(error)" }
        }
        for name in [
            "silver.t_things", "silver.t_things_current", "silver.t_things_asof", "bronze.t_things", "t.things",
        ] {
            #expect(find(name) == "silver.t_things")
        }
        #expect(find("t.thinsg") == "no table 't.thinsg' in the metadata; did you mean 't.things'?")
        #expect(find("silver.t_thing") == "no table 'silver.t_thing' in the metadata; did you mean 'silver.t_things'?")
        #expect(find("?").hasSuffix("a table is named silver.TABLE or system.entity, see medallion status"))
    }

    @Test("keeps personal data to itself unless it is asked for")
    func personal() async throws {
        let warehouse = try await TestWarehouse(
            TestEntity(
                columns: "id int key, mail text, street text path=/home/street, home json, seen text scd=1 path=/log/a"
            ))
        try await warehouse.load(#"{"id":1,"mail":"a@b","home":{"street":"S 1","zip":1},"log":{"a":"x","b":"y"}}"#)
        try await warehouse.load(#"{"id":1,"mail":null,"home":{"street":"S 2","zip":1},"log":{"a":"z","b":"y"}}"#)
        try await warehouse.load(#"{"id":1,"mail":null,"home":{"street":"S 2","zip":1},"log":{"a":"w","b":"y"}}"#)
        let marks: @Sendable (inout Entity) -> Void = { entity in
            for index in entity.columns.indices where ["mail", "street", "seen"].contains(entity.columns[index].name) {
                entity.columns[index].pii = .mask
            }
        }
        expect(
            try await warehouse.trace("id=1", changing: marks),
            equals: """
                1 d1..d2
                  d1 upsert opened 1/1 {"id":1,"mail":"***","home":{"street":"***","zip":1},"log":{"a":"***","b":"y"}}
                2 d2..
                  mail *** → NULL
                  street *** → ***
                  home *** → ***
                  seen *** → ***
                  d2 upsert opened 1/1 {"id":1,"mail":null,"home":{"street":"***","zip":1},"log":{"a":"***","b":"y"}}
                  d3 upsert overwrote 1/1 {"id":1,"mail":null,"home":{"street":"***","zip":1},"log":{"a":"***","b":"y"}}
                    seen *** → ***
                """)
        let all = try await warehouse.trace("id=1", changing: marks, isRaw: true)
        #expect(all.contains("street S 1 → S 2") && all.contains("seen z → w") && !all.contains("***"))
    }
}
