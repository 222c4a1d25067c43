import Foundation

/// What a running server says of itself in `postmaster.pid` in its data folder: process, port, socket folder
/// (https://www.postgresql.org/docs/current/storage-file-layout.html).
struct PostmasterFile: Sendable {
    let pid: pid_t
    let socketFolder: String

    /// nil when there is no such file, or it is not complete yet.
    init?(dataFolder: String) throws {
        let path = Self.path(dataFolder)
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            return nil
        } catch {
            throw PostgresError(
                .usage, "cannot read \(path): \(error.localizedDescription)",
                hint: "the private cluster belongs to another user; run as that user, or use --database-url")
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let pid = pid_t(first) else { return nil }
        self.pid = pid
        socketFolder = lines.count > 4 ? String(lines[4]) : ""
    }

    static func path(_ dataFolder: String) -> String { "\(dataFolder)/postmaster.pid" }

    /// True when a process has the number.
    var processExists: Bool { kill(pid, 0) == 0 || errno == EPERM }

    /// True when the process exists and is a PostgreSQL server: after a crash its number may be another program's.
    var isAlive: Bool {
        guard processExists else { return false }
        // Without /proc the signal's answer stands.
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
            return !fileExists("/proc/self/stat")
        }
        let parts = text.split(separator: ")", maxSplits: 1)
        guard parts.count == 2 else { return false }
        return parts[0].hasSuffix("(postgres") && !parts[1].hasPrefix(" Z")
    }
}
