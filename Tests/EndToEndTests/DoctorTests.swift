import Foundation
import JSON
import Postgres
import TestKit
import Testing

@Suite("The doctor")
struct DoctorTests {
    @Test("finds nothing wrong after two runs, changes nothing, and ends with a count")
    func healthy() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run").status == 0)
        try project.writePeople(1...4)
        #expect(try await project.medallion("run").status == 0)
        let doctor = try await project.medallion("doctor", "--deep")
        #expect(doctor.status == 0 && !doctor.output.contains("FAIL"), "\(doctor)")
        #expect(doctor.output.contains(" 0 failed"), "\(doctor.output)")
        #expect(doctor.output.contains("4 open of 9 rows"), "\(doctor.output)")
    }

    @Test("says what is missing before the first run")
    func empty() async throws {
        let project = try await OperatorProject()
        let findings = try await failures(project)
        #expect(findings.count == 1 && findings[0].contains("medallion deploy"), "\(findings)")
    }

    /// What somebody did by hand, and what the doctor says of it.
    static let damages: [(damage: String, complaint: String)] = [
        ("DROP INDEX silver.example_people_open", "lacks its index example_people_open"),
        ("ALTER TABLE silver.example_people ADD COLUMN extra text", "has column extra"),
        (
            "UPDATE bronze.example_people SET _change = 'delete' WHERE _key_hash = "
                + "(SELECT _key_hash FROM silver.example_people WHERE id = 1)",
            "1 open rows whose key is not live in bronze"
        ),
        ("DELETE FROM silver.example_people WHERE id = 1", "1 keys that are live in bronze without an open row"),
        (
            "INSERT INTO silver.example_people (id, name, _key_hash, _scd1_hash, _scd2_hash, _valid_from, _valid_to, "
                + "_is_deleted, _run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at) SELECT id, name, "
                + "_key_hash, _scd1_hash, _scd2_hash, _valid_from - interval '1 day', _valid_from + interval '1 day', "
                + "false, _run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at "
                + "FROM silver.example_people WHERE id = 1",
            "1 rows that overlap the next one of their key"
        ),
        (
            "UPDATE audit.raw_batch SET nr_records = nr_records + 1 WHERE entity_name = 'people'",
            "not so: the files of each batch add up to the batch (1)"
        ),
        (
            "UPDATE audit.system_run SET status = 'running', finished_at = NULL WHERE system_id = 'example'",
            "not so: every run under way holds its system's lock (1)"
        ),
        (
            "UPDATE audit.entity_layer_run SET status = 'running', finished_at = NULL "
                + "WHERE layer = 'raw' AND entity_name = 'people'",
            "not so: every layer and step of a finished run is finished (1)"
        ),
        (
            "INSERT INTO audit.load_cursor SELECT system_id, entity_name, run_id, run_timestamp, '2099-01-01', false, "
                + "'run', landed_at FROM audit.raw_batch WHERE entity_name = 'people'",
            "is not what that run landed"
        ),
        ("UPDATE platform.migration SET checksum = 'x'", "was applied here with another text"),
        ("DELETE FROM platform.migration", "is not applied"),
    ]

    @Test("names what somebody broke in the database", arguments: damages)
    func damaged(damage: String, complaint: String) async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run").status == 0)
        try await project.sql(damage)
        let findings = try await failures(project)
        #expect(findings.contains { $0.contains(complaint) }, "\(findings)")
    }

    @Test("names raw files that are missing, cut or changed, and manifests that nobody knows")
    func rawFiles() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run").status == 0)
        let run = try await project.peopleBatch().run
        let folder = "raw/example/people/\(run)"
        let name = try #require(try project.folder.names(in: folder).first { $0.hasPrefix("0") })
        var bytes = try project.folder.bytes(of: "\(folder)/\(name)")
        bytes[8] ^= 1
        try project.folder.write(bytes, to: "\(folder)/\(name)")
        #expect(try await project.medallion("doctor").status == 0)
        let deep = try await failures(project, "--deep")
        #expect(deep.count == 1 && deep[0].contains("another checksum"), "\(deep)")
        try project.folder.write(Array(bytes.dropLast()), to: "\(folder)/\(name)")
        let cut = try await failures(project)
        #expect(cut.count == 1 && cut[0].contains("bytes"), "\(cut)")
        try FileManager.default.removeItem(atPath: project.folder.path(of: "\(folder)/_manifest.json"))
        let gone = try await failures(project)
        #expect(gone.count == 1 && gone[0].contains("has no manifest"), "\(gone)")

        try await project.sql("DELETE FROM audit.raw_file WHERE entity_name = 'contacts'")
        try await project.sql("DELETE FROM audit.raw_batch WHERE entity_name = 'contacts'")
        let findings = try await project.json("doctor", status: 1).arrayValue ?? []
        #expect(findings.contains { $0["detail"]?.stringValue?.contains("the audit does not know 1") == true })
    }

    @Test("lists every problem of the metadata")
    func invalidMetadata() async throws {
        let project = try await OperatorProject()
        let systems = try project.folder.text(of: "metadata/systems.json")
        try project.folder.write(systems.replacing("\"type\"", with: "\"typ\""), to: "metadata/systems.json")
        let findings = try await failures(project)
        #expect(findings.contains { $0.contains("typ") }, "\(findings)")
    }

    @Test("lists tables that no entity owns any more, without complaint")
    func orphans() async throws {
        let project = try await OperatorProject()
        #expect(try await project.medallion("run").status == 0)
        try await project.sql("CREATE TABLE silver.example_former (id int)")
        let doctor = try await project.medallion("doctor")
        #expect(doctor.status == 0 && doctor.output.contains("no entity owns silver.example_former"), "\(doctor)")
    }

    private func failures(_ project: OperatorProject, _ option: String? = nil) async throws -> [String] {
        let run = try await Binary.run(
            ["doctor", "--json"] + (option.map { [$0] } ?? []), in: project.folder.path,
            environment: ["MEDALLION_DATABASE_URL": project.database.url])
        try #require(run.status == 1, "\(run.output)\(run.errors)")
        let findings = try JSONReader.parse(Array(run.output.utf8)).arrayValue ?? []
        return findings.filter { $0["level"]?.stringValue == "FAIL" }.map {
            "\($0["what"]?.stringValue ?? ""): \($0["detail"]?.stringValue ?? "")"
        }
    }
}
