internal import CSync

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Takes what is written out of the page cache as soon as the disk has it: see `PassingFile`.
///
/// The files of a batch share one, so that a thousand pages of an API pass like one large file. A disk that keeps up with what
/// is written gives it back as fast; where it does not, the rest stays in memory for whoever reads it next. Source:
/// sync_file_range(2), posix_fadvise(2); ADR 0032.
final class PassingWrites: @unchecked Sendable {  // whoever writes the files touches it alone
    /// So much is asked of the disk at once.
    static let step = 4 << 20
    /// Smaller files are not worth it.
    static let smallest = 64 << 10
    /// What came first stays in the page cache: to read back so little from the disk does not pay.
    static let kept = 32 << 20
    /// So much, in so many pieces, is on its way to the disk before it is waited for.
    private static let window = (bytes: 12 << 20, pieces: 32)

    /// A descriptor of its own, for the file may be closed before.
    private typealias Piece = (descriptor: Int32, from: Int, count: Int)
    private var pieces: [Piece] = []
    private var pending = 0
    private var written = 0
    private var left = 0
    /// How long the disk was waited for; nil where it does not keep up.
    private var waited: Duration? = .zero

    deinit { for piece in pieces { close(piece.descriptor) } }

    /// Has the disk begin with what was just written, so that the sync at the end has less to wait for.
    /// - Throws: `DurableFileError` naming `path`, where the disk could not write what came before.
    func add(_ descriptor: Int32, from: Int, count: Int, path: String) throws {
        // Only a hint.
        _ = sync_file_range(descriptor, from, count, UInt32(MEDALLION_SYNC_FILE_RANGE_WRITE))
        written += count
        guard waited != nil, written > Self.kept else { return }
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else { return }
        pieces.append((own, from, count))
        pending += count
        while waited != nil, pending > Self.window.bytes || pieces.count > Self.window.pieces { try passOn(path) }
    }

    /// Takes the oldest piece out of the page cache.
    private func passOn(_ path: String) throws {
        let (descriptor, from, count) = pieces.removeFirst()
        pending -= count
        defer { close(descriptor) }
        let start = ContinuousClock.now
        guard sync_file_range(descriptor, from, count, UInt32(MEDALLION_SYNC_FILE_RANGE_WRITE_AND_WAIT)) == 0 else {
            // The file system cannot do it; but what it could not write is told only once.
            guard [EINVAL, ENOSYS, ESPIPE, EOPNOTSUPP].contains(errno) else { throw DurableFileError("write", path) }
            waited = nil
            return
        }
        posix_fadvise(descriptor, off_t(from), off_t(count), POSIX_FADV_DONTNEED)
        left += count
        // A gigabyte a second, and a hiccup or two.
        let limit: Duration = .milliseconds(50 + left >> 20)
        waited = waited.map { $0 + (ContinuousClock.now - start) }.flatMap { $0 > limit ? nil : $0 }
    }
}
