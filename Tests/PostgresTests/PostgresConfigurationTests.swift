import Postgres
import Testing

@Suite("Database URLs")
struct PostgresConfigurationTests {
    @Test("A password is in no description of a configuration")
    func passwordIsMasked() throws {
        let configuration = try PostgresConfiguration(
            url: "postgresql://me:top%20secret@db.example:6432/shop?sslmode=require")
        #expect(configuration.maskedDescription == "postgresql://me@db.example:6432/shop?sslmode=require")
        var dumped = ""
        dump(configuration, to: &dumped)
        let texts = ["\(configuration)", String(reflecting: configuration), dumped, "\([configuration])"]
        for text in texts { #expect(!text.contains("secret")) }
    }

    @Test("Key-value connection strings are read as well")
    func keyValues() throws {
        let configuration = try PostgresConfiguration(url: "host=/run/x port=5433 dbname='my db' user=me password=p")
        #expect(configuration.url == "postgresql:///my%20db?host=/run/x&port=5433&user=me")
        #expect(configuration.database == "my db")
        #expect(configuration.database("other").url == "postgresql:///other?host=/run/x&port=5433&user=me")
    }

    @Test(
        "A malformed URL is refused without quoting it",
        arguments: ["postgresql://me:hunter2@[::1/shop", "hunter2", "postgresql://me:hunter2%zz@h/d", "nokey=hunter2"])
    func malformed(url: String) async throws {
        let error = await postgresError { _ = try PostgresConfiguration(url: url) }
        #expect(error?.kind == .usage)
        #expect(error.map { "\($0)".contains("hunter2") || $0.debugDescription.contains("hunter2") } == false)
    }

    @Test("The URL of a configuration reads back as the same configuration")
    func roundTrip() throws {
        let socket = PostgresConfiguration(socketFolder: "/run/med allion", user: "me", database: "a/b")
        #expect(try PostgresConfiguration(url: socket.url) == socket)
    }
}
