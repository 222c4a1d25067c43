import Foundation
import JSON
import Postgres
import TestKit
import Testing

@Suite("The example of a connector of one's own: calendars")
struct CalendarExampleTests {
    /// A copy of the example, so that nothing is left in the source tree.
    private func example() throws -> AuthorProject {
        let project = try AuthorProject(systems: "[]")
        project.folder.remove()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try FileManager.default.copyItem(
            atPath: root.appendingPathComponent("examples/calendar").path, toPath: project.folder.path)
        return project
    }

    @Test("it keeps the contract of every connector")
    func contract() async throws {
        let project = try example()
        let checked = try await project.medallion("check", "calendar", "--entity", "events")
        #expect(checked.status == 0, "\(checked)")
        let held = try await project.medallion("connectors", "test", "calendar")
        #expect(held.status == 0 && held.output.contains("it lands: 4 records"), "\(held)")
        #expect(held.output.contains("it goes on from its state: 0 records more"), "\(held)")
        try project.expectNothingLeft()
    }

    @Test("a moved appointment keeps its old time")
    func history() async throws {
        let project = try example()
        let database = try await TestCluster.shared.database()
        let environment = ["MEDALLION_DATABASE_URL": database.url]
        let first = try await project.medallion("run", environment: environment)
        try #require(first.status == 0, "\(first)")
        let calendar = try project.folder.text(of: "data/team.ics")
        try project.folder.write(
            calendar.replacing("DTSTART:20260714T100000", with: "DTSTART:20260714T110000"), to: "data/team.ics")
        let second = try await project.medallion("run", environment: environment)
        try #require(second.status == 0, "\(second)")
        let connection = try await PostgresConnection.connect(database, applicationName: "test")
        let versions = try await connection.query(
            SQLText(
                verbatim: """
                    SELECT to_char(starts_at AT TIME ZONE 'UTC', 'HH24:MI') FROM silver.calendar_events
                    WHERE uid = 'summer@example.org' ORDER BY _valid_from
                    """))
        let all = try await connection.query(
            SQLText(
                verbatim: """
                    SELECT summary || ' ' || organizer FROM silver.calendar_events_current
                    WHERE organizer IS NOT NULL
                    """))
        await connection.close()
        // Berlin is two hours ahead in summer.
        #expect(try versions.map { try $0.get(0, as: String.self) } == ["08:00", "09:00"])
        #expect(try all.map { try $0.get(0, as: String.self) } == ["Stand-up emmy@example.org"])
    }

    @Test(
        "a calendar that was cut or is none lands nothing, and says where",
        arguments: [
            ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n", "VEVENT is never ended"),
            ("hello\n", "bad.ics, line 1: no content line"),
            (
                "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Mars/Base:20260101T000000\nEND:VEVENT\n",
                "line 3: unknown time zone 'Mars/Base'"
            ),
        ])
    func broken(text: String, reason: String) async throws {
        let project = try example()
        try project.folder.write(text, to: "data/bad.ics")
        let read = try await project.medallion("read", "calendar.events", "--limit", "100")
        #expect(read.status == 2 && read.errors.contains(reason), "\(read)")
    }
}
