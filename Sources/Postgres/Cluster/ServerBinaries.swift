import Foundation

/// The folder of one installed PostgreSQL server: `initdb`, `pg_ctl`, `postgres`, `psql`.
struct ServerBinaries: Sendable {
    let folder: String
    let majorVersion: Int

    func path(_ program: String) -> String { "\(folder)/\(program)" }

    /// The newest server of version 14 or later, or the one that made an existing cluster.
    ///
    /// Looks where Debian and Red Hat put them, then in PATH.
    static func find(majorVersion wanted: Int?, path: String) async throws -> ServerBinaries {
        var found: [ServerBinaries] = []
        for (parent, prefix, suffix) in [("/usr/lib/postgresql", "", "/bin"), ("/usr", "pgsql-", "/bin")] {
            // An unreadable or missing folder holds no server for us.
            for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
                guard name.hasPrefix(prefix), let version = Int(name.dropFirst(prefix.count)) else { continue }
                found.append(ServerBinaries(folder: "\(parent)/\(name)\(suffix)", majorVersion: version))
            }
        }
        found = found.filter(\.isComplete).sorted { $0.majorVersion > $1.majorVersion }
        if let match = found.first(where: { wanted == nil ? $0.majorVersion >= 14 : $0.majorVersion == wanted }) {
            return match
        }
        for folder in path.split(separator: ":") {
            guard let here = try await inFolder(String(folder)) else { continue }
            if wanted == nil ? here.majorVersion >= 14 : here.majorVersion == wanted { return here }
        }
        throw missing(wanted)
    }

    private var isComplete: Bool {
        ["initdb", "pg_ctl", "postgres"].allSatisfy { FileManager.default.isExecutableFile(atPath: path($0)) }
    }

    private static func inFolder(_ folder: String) async throws -> ServerBinaries? {
        let link = "\(folder)/postgres"
        guard FileManager.default.isExecutableFile(atPath: link) else { return nil }
        let target = URL(fileURLWithPath: link).resolvingSymlinksInPath().deletingLastPathComponent().path
        // "postgres (PostgreSQL) 15.20 (Debian …)", "postgres (PostgreSQL) 18beta1"
        let text = try await ServerCommand(link, ["--version"], user: nil).succeed("cannot ask the server's version")
        let words = text.split(separator: " ")
        guard words.count > 2, let version = Int(words[2].prefix { $0.isASCII && $0.isNumber }) else { return nil }
        let binaries = ServerBinaries(folder: target, majorVersion: version)
        return binaries.isComplete ? binaries : nil
    }

    private static func missing(_ wanted: Int?) -> PostgresError {
        guard let wanted else {
            return PostgresError(
                .usage, "no PostgreSQL server of version 14 or later is installed",
                hint: "install it (sudo apt-get install postgresql), or name a running server with --database-url")
        }
        return PostgresError(
            .usage, "the private cluster was made by PostgreSQL \(wanted), which is not installed any more",
            hint: "install it again: sudo apt-get install postgresql-\(wanted)")
    }
}
