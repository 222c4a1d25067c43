internal import Primitives
internal import Synchronization
#if canImport(Glibc)
    internal import Glibc
#endif

/// The files that this process has landed or proved itself, as they were then. As long as nobody has touched one since, the
/// next layer need not compute its SHA-256 again; a fingerprint (XXH3) shows what a disk may have done to it.
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

    private let files = Mutex<[Identity: UUIDValue]>([:])

    /// Notes a file whose bytes were just hashed and made durable.
    func add(_ path: String, _ fingerprint: UUIDValue) {
        var status = stat()
        if stat(path, &status) == 0 { add(Identity(status), fingerprint) }
    }

    /// Notes an open file whose checksum was just proved.
    func add(_ descriptor: Int32, _ fingerprint: UUIDValue) {
        var status = stat()
        if fstat(descriptor, &status) == 0 { add(Identity(status), fingerprint) }
    }

    private func add(_ identity: Identity, _ fingerprint: UUIDValue) {
        files.withLock { files in
            if files.count >= Self.capacity { files.removeAll() }
            files[identity] = fingerprint
        }
    }

    /// XXH3 of what the open file holds; nil where it is none of them, or was touched.
    func fingerprint(of descriptor: Int32) -> UUIDValue? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        let identity = Identity(status)
        return files.withLock { $0[identity] }
    }
}
