import Foundation

/// One run of a program that belongs to the server, as the server's user, without our environment.
struct ServerCommand {
    private let process = Process()
    private let program: String

    init(_ program: String, _ arguments: [String], user: ServerUser?) {
        self.program = program
        if let user {
            // setpriv (util-linux): another user without a login session, https://man7.org/linux/man-pages/man1/setpriv.1.html
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups", "--", program] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
        }
        // PGDATA, PGPORT and the like of the caller must not reach the server; its locale is the cluster's.
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = FileHandle.nullDevice
    }

    /// Runs the program to its end.
    /// - Throws: PostgresError.usage with `attempt` and the program's last lines when it fails.
    @discardableResult
    func succeed(_ attempt: String, hint: String? = nil) async throws -> String {
        // A file, not a pipe: the server that pg_ctl leaves behind may keep it open.
        var template = Array("\(NSTemporaryDirectory())/medallion-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else { throw systemError("cannot create a temporary file") }
        unsafe unlink(template)
        let output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        process.standardOutput = output
        process.standardError = output
        let status = try await run(attempt)
        try output.seek(toOffset: 0)
        let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
        guard status == 0 else {
            let lines = text.split(separator: "\n").suffix(3).joined(separator: " ")
            throw PostgresError(.usage, "\(attempt): \(lines.isEmpty ? "exit status \(status)" : lines)", hint: hint)
        }
        return text
    }

    private func run(_ attempt: String) async throws -> Int32 {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(
                    throwing: PostgresError(.usage, "\(attempt): cannot run \(program): \(error.localizedDescription)"))
            }
        }
    }
}
