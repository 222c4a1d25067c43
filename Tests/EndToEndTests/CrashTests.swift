import Foundation
import Postgres
import TestKit
import Testing

@Suite("A crash of the server", .timeLimit(.minutes(2)))
struct CrashTests {
    @Test("takes the last changes; bronze's log tells them to the doctor and to the next run")
    func lastChanges() async throws {
        let cluster = TestServers.cluster(in: try TestServers.makeProjectFolder())
        let before = try await cluster.acquire()
        let project = try await OperatorProject(on: before.configuration)
        try project.writePeople(1...30)
        #expect(try await project.medallion("run").status == 0)
        try project.writePeople(2...31)
        #expect(try await project.medallion("run").status == 0)
        // After a rebuild they are kept.
        #expect(try await project.medallion("rebuild", "example.people", "--from", "raw").status == 0)
        try project.writePeople(1...31)
        #expect(try await project.medallion("run").status == 0)
        let last = "SELECT count(*) FROM bronze.example_people__last"
        #expect(try await project.sql(last)[0].get(0, as: Int.self) == 31)
        // This server does not wait for its disk.
        try await project.sql("CHECKPOINT")
        kill(try #require(try await cluster.status().pid), SIGKILL)
        #expect(try await eventually { try await !cluster.status().isRunning })
        let after = try await cluster.acquire()
        #expect(try await project.sql(last)[0].get(0, as: Int.self) == 0)

        let doctor = try await project.medallion("doctor", "--deep")
        #expect(doctor.status == 0 && doctor.output.contains("31 open of 32 rows"), "\(doctor)")
        try project.writePeople(3...31)
        let run = try await project.medallion("run")
        #expect(run.status == 0, "\(run)")
        let open = "SELECT count(*) FROM silver.example_people WHERE _valid_to IS NULL"
        #expect(try await project.sql(open)[0].get(0, as: Int.self) == 29)
        let all = "SELECT count(*) FROM silver.example_people"
        #expect(try await project.sql(all)[0].get(0, as: Int.self) == 32)
        let again = try await project.medallion("doctor", "--deep")
        #expect(again.status == 0 && again.output.contains("29 open of 32 rows"), "\(again)")
        for lease in [before, after] { await lease.release() }
        try await cluster.stop()
    }
}
