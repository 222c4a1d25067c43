import CLibPQ
import Dispatch
import Foundation
import Glibc

/// One run of a program that belongs to the server, as the server's user, without our environment.
///
/// By posix_spawn(3) and waitpid(2): Foundation's `Process` waits until every descendant has closed a descriptor that
/// it hands down, which for `pg_ctl start` is the life of the server.
struct ServerCommand {
    private let program: String
    private let arguments: [String]

    init(_ program: String, _ arguments: [String], user: ServerUser?) {
        if let user {
            // setpriv (util-linux): another user without a login session, https://man7.org/linux/man-pages/man1/setpriv.1.html
            self.program = "/usr/bin/setpriv"
            self.arguments =
                ["--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups", "--", program] + arguments
        } else {
            self.program = program
            self.arguments = arguments
        }
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
        let child = try spawn(attempt, output: descriptor)
        let status = await ended(child)
        try output.seek(toOffset: 0)
        let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
        guard status == 0 else {
            let lines = text.split(separator: "\n").suffix(3).joined(separator: " ")
            throw PostgresError(.usage, "\(attempt): \(lines.isEmpty ? "exit status \(status)" : lines)", hint: hint)
        }
        return text
    }

    /// POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module map hides behind _GNU_SOURCE.
    private static let setSession: Int16 = 0x80

    private func spawn(_ attempt: String, output: Int32) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)
        // Nothing else: whoever reads a pipe of ours to its end would wait for the server's end.
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        // Ctrl-C in our terminal is not for the server, and what we ignore it must not.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        unsafe sigfillset(&defaults)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | ServerCommand.setSession)
        // PGDATA, PGPORT and the like of the caller must not reach the server; its locale is the cluster's.
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]
        var child: pid_t = 0
        // From the root folder: the server's user may not be allowed into ours.
        let failure = unsafe withCStrings(["env", "--chdir=/", program] + arguments) { argv in
            unsafe withCStrings(environment) { envp in
                unsafe posix_spawn(&child, "/usr/bin/env", &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else {
            throw PostgresError(
                .usage, "\(attempt): cannot run \(program): \(unsafe String(cString: strerror(failure)))")
        }
        return child
    }

    private func ended(_ child: pid_t) async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
                // WEXITSTATUS, or 128 and the signal's number, as a shell says it.
                continuation.resume(returning: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
            }
        }
    }
}

/// Lends a NULL-terminated array of C strings.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe texts.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { preconditionFailure("an array with its end mark is not empty") }
        return unsafe body(start)
    }
}
