internal import Synchronization
#if canImport(Glibc)
    internal import Glibc
#endif

/// The files that this process has landed itself, as they were when they became durable. As long as nobody has touched one
/// since, what its bytes hash to is known, and the next layer need not compute it again.
///
/// A file is known by its inode, its size and the time of its last change, which nothing but the system can set.
final class LandedFiles: Sendable {
    private struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let changedSeconds: Int
        let changedNanoseconds: Int

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            changedSeconds = Int(status.st_ctim.tv_sec)
            changedNanoseconds = Int(status.st_ctim.tv_nsec)
        }
    }

    /// More are not worth their memory: all are forgotten then, and read as any other file is.
    private static let capacity = 10_000

    private let files = Mutex<Set<Identity>>([])

    /// Notes a file whose bytes were just hashed and made durable.
    func add(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let identity = Identity(status)
        files.withLock { files in
            if files.count >= Self.capacity { files.removeAll() }
            files.insert(identity)
        }
    }

    /// True where the open file is one of them, untouched.
    func contains(_ descriptor: Int32) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        let identity = Identity(status)
        return files.withLock { $0.contains(identity) }
    }
}
