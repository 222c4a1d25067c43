import Foundation
import JSON
import Metadata
import Postgres
import Primitives
import TestKit
import Testing

@testable import Pipeline
@testable import medallion

@Suite("medallion trace")
struct TraceReportTests {
    /// Three people over six days: an overwrite, the same files again, an absence, a return, a reject.
    private func warehouse() async throws -> TestWarehouse {
        let warehouse = try await TestWarehouse(
            TestEntity(
                "people", columns: "number int key, name text, fee numeric(6,2), seen date scd=1",
                #"{"source": {"path": "people/*.csv"}}"#))
        for rows in [
            "7,Ada,12.5,2026-01-01\n8,Bob,1,", "7,Ada,12.50,2026-01-02\n8,Bob,1,", "7,Ada,12.50,2026-01-02\n8,Bob,1,",
            "8,Bob,1,", "8,Bob,1,\n7,\"Ada \"\"L\"\"\",13,2026-01-05", "8,Bob,1,\n7,Ada,much,2026-01-06",
        ] {
            warehouse.clock.advance(seconds: 86_400)
            try warehouse.put(texts: ["number,name,fee,seen\n\(rows)\n"], ending: "csv")
            try await warehouse.run()
        }
        return warehouse
    }

    /// The report with run ids replaced by their days.
    private func report(
        _ key: String, _ warehouse: TestWarehouse, at instant: String? = nil, width: Int? = 100
    ) async throws -> String {
        let workspace = warehouse.workspace
        let table = try NamedTable("t.people", in: workspace.catalog, gold: workspace.gold)
        let trace = try await TraceQuery(table, store: workspace.store, pool: workspace.pool).trace([key])
        var text = TraceReport(
            trace: trace, instant: try instant.map { try readInstant($0, of: "--at") }, folder: workspace.projectFolder,
            width: width
        ).text
        let runs = try await warehouse.rows(
            "SELECT run_id FROM audit.system_run WHERE system_id = 't' ORDER BY run_timestamp")
        text = text.replacing(try Regex("_key_hash [0-9a-f-]{36}"), with: "_key_hash ‹hash›")
        for (day, run) in runs.enumerated() { text = text.replacing(run, with: "‹run \(day + 1)›") }
        return text
    }

    @Test("tells the whole story of a key")
    func story() async throws {
        let warehouse = try await warehouse()
        #expect(
            try await report("number=7", warehouse) == #"""
                t.people, number = 7
                silver.t_people, _key_hash ‹hash›
                2 versions, current

                version 1   2026-01-01 00:00:00Z → 2026-01-04 00:00:00Z, deleted
                  run       ‹run 1›, 2026-01-01 00:00:00Z, manual
                  upsert    made this version
                            raw/t/people/‹run 1›/00001.csv, record 1
                            7,Ada,12.5,2026-01-01
                  upsert    overwrote columns in place
                            run ‹run 2›, 2026-01-02 00:00:00Z, manual
                            seen: 2026-01-01 → 2026-01-02
                            raw/t/people/‹run 2›/00001.csv, record 1
                            7,Ada,12.50,2026-01-02
                  delete    ended this version: absent from a full batch
                            run ‹run 4›, 2026-01-04 00:00:00Z, manual

                version 2   2026-01-05 00:00:00Z → …, current
                  run       ‹run 5›, 2026-01-05 00:00:00Z, manual
                  changed   name: Ada → Ada "L"
                            fee: 12.50 → 13.00
                            seen: 2026-01-02 → 2026-01-05
                  restore   made this version
                            raw/t/people/‹run 5›/00001.csv, record 2
                            7,"Ada ""L""",13,2026-01-05

                rejected    column fee is not a number
                  run       ‹run 6›, 2026-01-06 00:00:00Z, manual
                            raw/t/people/‹run 6›/00001.csv, record 2
                            7,Ada,much,2026-01-06
                """#)
    }

    @Test("tells what was true at an instant, or what stands around it")
    func instant() async throws {
        let warehouse = try await warehouse()
        #expect(
            try await report("number=7", warehouse, at: "2026-01-03T12:00:00Z", width: 40) == """
                t.people, number = 7
                silver.t_people, _key_hash ‹hash›
                at 2026-01-03 12:00:00Z: version 1 of 2

                version 1   2026-01-01 00:00:00Z → 2026-01-04 00:00:00Z, deleted
                  run       ‹run 1›, 2026-01-01 00:00:00Z, manual
                  number  7
                  name    Ada
                  fee     12.50
                  seen    2026-01-02
                  upsert    made this version
                            raw/t/people/‹run 1›/00001.csv, record 1
                            7,Ada,12.5,2026-01-01
                  upsert    overwrote columns in place
                            run ‹run 2›, 2026-01-02 00:00:00Z, manual
                            seen: 2026-01-01 → 2026-01-02
                            raw/t/people/‹run 2›/00001.csv, record 1
                            7,Ada,12.50,2026-01-02
                  delete    ended this version: absent from a full batch
                            run ‹run 4›, 2026-01-04 00:00:00Z, manual
                """)
        #expect(
            try await report("number=7", warehouse, at: "2026-01-04") == """
                t.people, number = 7
                silver.t_people, _key_hash ‹hash›
                at 2026-01-04 00:00:00Z: nothing was true; version 1 ended 2026-01-04 00:00:00Z, deleted, version 2 begins \
                2026-01-05 00:00:00Z
                """)
        #expect(
            try await report("number=9", warehouse) == """
                t.people, number = 9
                silver.t_people, _key_hash ‹hash›
                no version
                  bronze does not know it: no accepted record ever had this key
                  the key is number (int): spelling, case and leading zeros of texts count
                """)
    }

    @Test("cuts what is long, hides what would move the cursor, and shows what is empty")
    func shape() throws {
        let run = Trace.Run(id: .zero, timestamp: Instant(microseconds: 1))
        var version = Trace.Version(
            number: 2, validFrom: .oldest, validTo: nil, isDeleted: false, recordedAt: Instant(microseconds: 0),
            supersededAt: Instant(microseconds: 1_500_000), run: run, updatedBy: .zero, values: [])
        version.differences = [
            Trace.Difference(column: "a", old: nil, new: ""),
            Trace.Difference(column: "b", old: "NULL", new: "\u{1B}[2J "),
            Trace.Difference(column: "c", old: String(repeating: "é", count: 99), new: "x"),
        ]
        version.changes = [
            Trace.Change(
                change: "upsert", effect: .rejected("a fixed column changed"), run: run, effectiveAt: .oldest,
                origin: Trace.Origin(file: 1, record: 2, text: String(repeating: "ü", count: 99))),
            Trace.Change(
                change: "upsert", effect: .corrected, run: run,
                origin: Trace.Origin(file: 1, record: 3, path: "/p/raw/1", problem: "it is gone")),
        ]
        var trace = Trace(
            entity: EntityID(system: SystemID(rawValue: "s"), name: "e"), table: "silver.s_e", key: [("k", "")],
            keyHash: .zero)
        trace.versions = [version]
        trace.filesNotSearched = 1234
        func text(_ width: Int?) -> String {
            TraceReport(trace: trace, instant: nil, folder: "/p", width: width).text
        }
        #expect(
            text(40) == """
                s.e, k = ''
                silver.s_e, _key_hash 00000000-0000-0000-0000-000000000000
                1 version, ended
                  1,234 older files with rejected records were not searched for the key

                version 2   0001-01-01 00:00:00Z → …
                  recorded  1970-01-01 00:00:00Z, superseded 1970-01-01 00:00:01.500000Z
                  run       00000000-0000-0000-0000-000000000000, 1970-01-01 00:00:00.000001Z, not in the audit
                  changed   a: NULL → ''
                            b: 'NULL' → '\u{FFFD}[2J '
                            c: \(String(repeating: "é", count: 59))… → x
                  upsert    rejected: a fixed column changed, effective 0001-01-01 00:00:00Z
                            raw file 1, record 2
                            \(String(repeating: "ü", count: 27))…
                  upsert    corrected this version
                            raw/1, record 3
                            it is gone
                """)
        #expect(text(nil).contains(String(repeating: "ü", count: 99)))
        #expect(text(nil).contains(String(repeating: "é", count: 99)))
    }

    @Test("runs as a program, as text and as JSON, and sql prints what a gold script runs")
    func program() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run").status == 0)
        try project.writePeople(1...2)
        #expect(try await project.medallion("run").status == 0)
        let text = try await project.medallion("trace", "silver.example_people", "--key", "id=1")
        #expect(text.status == 0 && text.output.contains("2 versions, current"), "\(text)")
        #expect(text.output.contains("city: London → Bern"), "\(text.output)")
        #expect(text.output.contains(#"{"id": 1, "name": "Person 1", "address": {"city": "Bern"}}"#), "\(text.output)")
        let json = try await project.json("trace", "example.people", "--key", "id=1")
        let versions = json["versions"]?.arrayValue ?? []
        #expect(versions.map { $0["values"]?["city"]?.stringValue } == ["London", "Bern"])
        #expect(versions.map { $0["is_current"]?.boolValue } == [false, true])
        let change = versions.last?["changes"]?.arrayValue?.first
        #expect(change?["effect"]?.stringValue == "opened" && change?["record_no"]?.intValue == 1)
        let path = try #require(change?["path"]?.stringValue)
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(change?["run"]?["trigger_type"]?.stringValue == "manual")
        let gone = try await project.json("trace", "example.people", "--key", "id=3", "--at", "2000-01-01")
        #expect(gone["versions"]?.arrayValue?.isEmpty == true && gone["nr_versions"]?.intValue == 1)

        for (arguments, complaint) in [
            (["trace", "example.poeple", "--key", "id=1"], "did you mean 'example.people'?"),
            (["trace", "example.people", "--key", "idd=1"], "did you mean 'id'?"),
            (["trace", "example.people", "--key", "id=one"], "'one' is not a whole number"),
            (["trace", "example.people", "--key", "id=1", "--at", "soon"], "--at takes an instant"),
            (["sql", "asof", "example.people", "--at", "0001-01-01T00:00:00+01:00"], "of the years 1 to 9999"),
            (["trace", "gold.people_by_city", "--key", "id=1"], "silver.example_people; name one of these"),
            (["sql", "temporal-join", "example.people", "example.people"], "say which belong together"),
        ] {
            let run = try await Binary.run(
                arguments, in: project.folder.path, environment: ["MEDALLION_DATABASE_URL": project.database.url])
            #expect(run.status == 2 && run.errors.contains(complaint), "\(arguments): \(run)")
        }

        // A shell makes the file of "> sql/gold/…" before the program starts: it is empty then.
        try project.folder.write("", to: "sql/gold/people_over_time.sql")
        let words = try await project.medallion(
            "---completion", "trace", "--", "positional@0", "2", "0", "medallion", "trace", "")
        #expect(words.output.contains("silver.example_people\nexample.people"), "\(words)")
        let join = try await project.medallion(
            "sql", "temporal-join", "example.people", "silver.example_contacts", "--on", "id=id", "--outer")
        try project.folder.write(join.output, to: "sql/gold/people_over_time.sql")
        let built = try await project.medallion("run")
        #expect(built.status == 0, "\(built)")
        let rows = try await project.sql(
            "SELECT id, city, contacts_email FROM gold.people_over_time WHERE id = 1 ORDER BY valid_from")
        #expect(try rows.map { try $0.get(1, as: String.self) } == ["London", "Bern"])
        for arguments in [["current", "example.people"], ["asof", "example.people", "--at", "2100-01-01"]] {
            let sql = try await Binary.run(["sql"] + arguments, in: project.folder.path)
            #expect(try await project.sql(sql.output).count == 2, "\(sql)")
        }
    }
}
