import Foundation
import JSON
import Postgres
import TestKit
import Testing

@Suite("The quarantine and the checks, by the program")
struct QuarantineTests {
    @Test("a rejected record is listed, shown, mended and retried")
    func retry() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("quarantine", "list").output.contains("nothing is in quarantine"))
        try project.folder.write(
            "{\"id\": 1, \"name\": \"A\", \"born\": \"1815-12-10\"}\n{ \"id\": 2, \"name\": \"B\", \"born\": \"-\" }\n",
            to: "data/people.jsonl")
        #expect(try await project.medallion("run").status == 0)
        let run = try await project.lastRun()
        let listed = try await project.json("quarantine", "list", "--entity", "example.people")
        #expect(listed.arrayValue?.map { $0["record_no"]?.intValue } == [2])
        #expect(listed.arrayValue?.first?["column_name"]?.stringValue == "born")
        let shown = try await project.medallion(
            "quarantine", "show", run, "example.people", "--file", "1", "--record", "2")
        #expect(shown.status == 0 && shown.output.contains(#"{ "id": 2, "name": "B", "born": "-" }"#), "\(shown)")
        let none = try await project.medallion("quarantine", "show", run, "example.people", "--record", "1")
        #expect(none.status == 2 && none.errors.contains("no such rejected record"), "\(none)")
        #expect(try await project.medallion("status").output.contains("In quarantine: example.people 1"))

        let same = try await project.medallion("quarantine", "retry", "example.people")
        #expect(
            same.status == 0 && same.output.contains("0 accepted, 0 superseded by something newer, 1 still"), "\(same)")
        let entities = try project.folder.text(of: "metadata/entities.json")
        let changed = entities.replacing(
            #"{"name": "born", "type": "date"}"#, with: #"{"name": "born", "null_values": ["-"], "type": "date"}"#)
        try #require(changed != entities, "\(entities)")
        try project.folder.write(changed, to: "metadata/entities.json")
        let retried = try await project.medallion("quarantine", "retry", "example.people")
        #expect(retried.status == 0 && retried.output.contains("example.people: 1 accepted"), "\(retried)")
        let people = try await project.sql("SELECT id, name, born::text FROM silver.example_people_current ORDER BY id")
        #expect(try people.map { try $0.get(1, as: String.self) } == ["A", "B"])
        #expect(try people[1].get(2, as: String?.self) == nil)
        let gold = try await project.sql("SELECT sum(nr_people)::int FROM gold.people_by_city")
        #expect(try gold[0].get(0, as: Int.self) == 2)
        let all = try await project.json("quarantine", "list", "--all")
        #expect(all.arrayValue?.map { $0["resolution"]?.stringValue } == ["retried"])
        #expect(try await project.medallion("quarantine", "retry").output.contains("nothing to retry"))
        #expect(try await project.medallion("doctor").status == 0)
        let typo = try await project.medallion("quarantine", "retry", "example.poeple")
        #expect(typo.status == 2 && typo.errors.contains("did you mean 'example.people'?"), "\(typo)")
    }

    @Test("a failed check ends a run with 1 and says what to do; --accept-checks does it")
    func checks() async throws {
        let project = try await OperatorProject()
        let entities = try project.folder.text(of: "metadata/entities.json")
        let changed = entities.replacing(
            #""source": {"path": "people.jsonl"}"#,
            with: #""source": {"path": "people.jsonl"}, "checks": [{"type": "min_rows", "min": 6}]"#)
        try #require(changed != entities)
        try project.folder.write(changed, to: "metadata/entities.json")
        #expect(try await project.medallion("validate").status == 0)
        let failed = try await project.medallion("run")
        #expect(
            failed.status == 1 && failed.output.contains("check 'min_rows' failed: min_rows 6: 1 rows too few"),
            "\(failed)")
        let status = try await project.medallion("status")
        #expect(status.output.contains("check example.people.min_rows failed"), "\(status)")
        let accepted = try await project.medallion("run", "--entity", "example.people", "--accept-checks")
        #expect(accepted.status == 0 && accepted.output.contains("failed, accepted by an operator"), "\(accepted)")
        let doctor = try await project.medallion("doctor")
        #expect(doctor.output.contains("check example.people.min_rows"), "\(doctor)")
    }
}
