internal import CSpawn
internal import Glibc

extension ProgramStart {
    /// Starts the program as the leader of a process group of its own, with the two descriptors and no input.
    func spawn(output: Int32, complaints: Int32) throws(ProgramError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addchdir_np(&actions, folder)
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, complaints, 2)
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        // What we ignore or block it must not.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        unsafe sigfillset(&defaults)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        // The limit is in force before the program's first instruction: prlimit(1) of util-linux sets it on itself and
        // becomes the program. Set from outside, by prlimit(2), it would come after that instruction.
        var (started, words) = (path, arguments)
        if let memoryBytes {
            guard unsafe access(path, X_OK) == 0 else { throw ProgramError("cannot run \(path)", errno) }
            (started, words) = (
                "/usr/bin/prlimit", ["prlimit", "--as=\(memoryBytes)", "--", path] + arguments.dropFirst()
            )
        }
        var child: pid_t = 0
        let failure = unsafe withCStrings(words) { argv in
            unsafe withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { envp in
                unsafe posix_spawn(&child, started, &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else { throw ProgramError("cannot run \(started)", failure) }
        return child
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
