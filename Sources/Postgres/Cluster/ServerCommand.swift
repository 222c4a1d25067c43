import Foundation

/// One run of a program that belongs to the server, as the server's user, without our environment.
///
/// Not Foundation's `Process`: that learns of the end through a socket which the server that pg_ctl leaves behind
/// keeps open, and so never learns of it.
struct ServerCommand {
    private let program: String
    private let arguments: [String]

    init(_ program: String, _ arguments: [String], user: ServerUser?) {
        self.program = program
        var words = [program] + arguments
        if let user {
            // Another user without a login session: https://man7.org/linux/man-pages/man1/setpriv.1.html
            words = ["setpriv", "--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups", "--"] + words
        }
        // The server's user may not be able to enter our folder.
        self.arguments = ["sh", "-c", "cd / && exec \"$@\"", "sh"] + words
    }

    /// PGDATA, PGPORT and the like of the caller must not reach the server; its locale is the cluster's.
    private static let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]

    /// POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module map hides behind _GNU_SOURCE.
    private static let setSession: Int16 = 0x80

    /// Runs the program to its end and returns what it wrote.
    /// - Throws: PostgresError.usage with `attempt` and the program's last lines when it fails.
    @discardableResult
    func succeed(_ attempt: String, hint: String? = nil) async throws -> String {
        // A file, not a pipe: the server that pg_ctl leaves behind may keep it open.
        var template = Array("\(NSTemporaryDirectory())/medallion-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&template)
        guard descriptor >= 0 else { throw systemError("cannot create a temporary file") }
        unsafe unlink(template)
        let output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let status = await exitStatus(of: try spawn(attempt, output: descriptor))
        try output.seek(toOffset: 0)
        let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
        guard status == 0 else {
            let lines = text.split(separator: "\n").suffix(3).joined(separator: " ")
            throw PostgresError(.usage, "\(attempt): \(lines.isEmpty ? "exit status \(status)" : lines)", hint: hint)
        }
        return text
    }

    /// https://man7.org/linux/man-pages/man3/posix_spawn.3.html
    private func spawn(_ attempt: String, output: Int32) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)
        // A pipe that the server inherited would never end for who reads it.
        for descriptor in Int32(3)..<1024 { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
        // Ctrl-C in our terminal is not for the server; what we ignore or block must reach it all the same.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | Self.setSession)
        var pid: pid_t = 0
        let failure = unsafe withCStrings(arguments) { words in
            unsafe withCStrings(Self.environment) { variables in
                unsafe posix_spawn(
                    &pid, "/bin/sh", &actions, &attributes, UnsafeMutablePointer(mutating: mutable(words)),
                    UnsafeMutablePointer(mutating: mutable(variables)))
            }
        }
        if failure != 0 { throw systemError("\(attempt): cannot run \(program)", code: failure) }
        return pid
    }

    /// Waits on a thread of its own: seconds for initdb.
    private func exitStatus(of pid: pid_t) async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "medallion.postgres.command").async {
                var status: Int32 = 0
                while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
                // The exit status, or 128 and the signal's number, as a shell says it.
                continuation.resume(returning: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
            }
        }
    }
}

/// C declares the words of a new process as mutable, and mutates none.
private func mutable(
    _ words: UnsafePointer<UnsafePointer<CChar>?>
) -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
    unsafe UnsafeRawPointer(words).assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self)
}
