import Foundation
import Synchronization

/// An advisory lock on a file, shared or exclusive, between processes and within one (flock(2)).
///
/// The kernel frees it when the process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Mutex<Int32>

    /// Opens the lock's file, which stays for ever: removing it would split the lock in two.
    init(_ path: String) throws {
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw systemError("cannot open the lock file \(path)") }
        descriptor = Mutex(opened)
    }

    deinit { unlock() }

    /// Takes the lock if nobody stands against it.
    func tryLock(exclusively: Bool) -> Bool {
        descriptor.withLock { $0 >= 0 && flock($0, (exclusively ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 }
    }

    /// Waits for the lock; asks again every 10 ms, so that no thread is held.
    /// - Throws: CancellationError, unless `uncancellably`.
    func lock(exclusively: Bool, uncancellably: Bool = false) async throws {
        while !tryLock(exclusively: exclusively) {
            if !uncancellably { try Task.checkCancellation() }
            await pause(milliseconds: 10)
        }
    }

    /// Gives the lock back and closes the file; the lock cannot be taken again.
    func unlock() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }
}

/// Lets time pass, also in a cancelled task, where `Task.sleep` would return at once and make a loop spin.
func pause(milliseconds: Int) async {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { continuation.resume() }
    }
}

/// A failed system call as an error of this room.
func systemError(_ attempt: String, code: Int32 = errno, hint: String? = nil) -> PostgresError {
    PostgresError(.usage, "\(attempt): \(unsafe String(cString: strerror(code)))", hint: hint)
}

/// True when something is there; else `errno` says why not.
func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
