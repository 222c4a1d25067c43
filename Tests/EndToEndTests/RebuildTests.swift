import JSON
import Postgres
import TestKit
import Testing

@Suite("Preview and rebuild by command")
struct RebuildTests {
    @Test("plan --data shows what a landed batch would change, and the run then changes that")
    func preview() async throws {
        let project = try await OperatorProject()
        try project.writePeople(1...3)
        #expect(try await project.medallion("run").status == 0)
        let none = try await project.medallion("plan", "--data", "example.people")
        #expect(none.status == 0 && none.output.contains("no batch of example.people is waiting"), "\(none)")
        try project.writePeople(2...4, city: "Graz")
        #expect(try await project.medallion("run", "--entity", "example.people", "--layer", "raw").status == 0)
        let shown = try await project.medallion("plan", "--data", "example.people")
        #expect(shown.status == 0, "\(shown)")
        for line in [
            "bronze  3 in, 1 inserted, 2 updated, 1 deleted", "silver  4 in, 1 inserted, 2 updated, 1 deleted",
            "Nothing was changed.",
        ] {
            #expect(shown.output.contains(line), "\(shown.output)")
        }
        let rows = "SELECT count(*) FROM silver.example_people WHERE _valid_to IS NULL AND city = 'Graz'"
        #expect(try await project.sql(rows)[0].get(0, as: Int.self) == 0)
        #expect(try await project.medallion("run", "--layer", "bronze", "--layer", "silver").status == 0)
        #expect(try await project.sql(rows)[0].get(0, as: Int.self) == 3)
        let wrong = try await project.medallion("plan", "--data", "example.pepole")
        #expect(wrong.status == 2 && wrong.errors.contains("did you mean 'example.people'"), "\(wrong)")
    }

    @Test("rebuild --verify exits 1 on a spoiled table, and a rebuild mends it and what reads it")
    func rebuild() async throws {
        let project = try await OperatorProject()
        try project.writePeople(1...3)
        #expect(try await project.medallion("run").status == 0)
        let right = try await project.medallion("rebuild", "example.people", "--verify")
        #expect(right.status == 0 && right.output.contains("all 3 rows are what the replay gives"), "\(right)")
        try await project.sql("UPDATE silver.example_people SET city = 'Rome' WHERE id = 2")
        let wrong = try await project.medallion("rebuild", "example.people", "--verify", "--from", "raw")
        #expect(wrong.status == 1, "\(wrong)")
        #expect(wrong.output.contains("city is Rome, should be Bern"), "\(wrong.output)")
        #expect(wrong.output.contains("2 rows are right, 0 missing, 1 different, 0 too many"), "\(wrong.output)")
        let mended = try await project.medallion("rebuild", "example.people")
        #expect(mended.status == 0 && mended.output.contains("1 different, 0 too many: mended"), "\(mended)")
        let cities = try await project.sql("SELECT city FROM gold.people_by_city")
        #expect(try cities.map { try $0.get(0, as: String.self) } == ["Bern"])
        #expect(try await project.medallion("doctor").status == 0)
    }
}
