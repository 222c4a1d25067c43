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

    /// With a descriptor of its own, for the file may be closed before.
    private typealias Piece = (descriptor: Int32, from: Int, count: Int, path: String)
    private var pieces: [Piece] = []
    private var pending = 0
    private var written = 0
    private var left = 0
    /// How long the disk was waited for; nil where it does not keep up.
    private var waited: Duration? = .zero
    /// What the disk could not write: it tells that only once.
    private var failure: DurableFileError?

    deinit { giveUp() }

    /// Has the disk begin with what was just written, so that the sync at the end has less to wait for.
    /// - Throws: `DurableFileError` naming the file of which the disk could not write something, now or before.
    func add(_ descriptor: Int32, from: Int, count: Int, path: String) throws {
        try check()
        // Only a hint.
        _ = sync_file_range(descriptor, from, count, UInt32(MEDALLION_SYNC_FILE_RANGE_WRITE))
        var place = from + max(0, min(count, Self.kept - written))
        written += count
        while waited != nil, place < from + count {
            let length = min(Self.step, from + count - place)
            let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            guard own >= 0 else { return }
            pieces.append((own, place, length, path))
            pending += length
            place += length
            while waited != nil, pending > Self.window.bytes || pieces.count > Self.window.pieces { try passOn() }
        }
    }

    /// - Throws: What the disk could not write.
    func check() throws { if let failure { throw failure } }

    /// Takes the oldest piece out of the page cache.
    private func passOn() throws {
        let (descriptor, from, count, path) = pieces.removeFirst()
        pending -= count
        defer { close(descriptor) }
        let start = ContinuousClock.now
        guard sync_file_range(descriptor, from, count, UInt32(MEDALLION_SYNC_FILE_RANGE_WRITE_AND_WAIT)) == 0 else {
            if ![EINVAL, ENOSYS, ESPIPE, EOPNOTSUPP].contains(errno) { failure = DurableFileError("write", path) }
            // Or the file system cannot do it.
            giveUp()
            return try check()
        }
        posix_fadvise(descriptor, off_t(from), off_t(count), POSIX_FADV_DONTNEED)
        left += count
        // A gigabyte a second, and a hiccup or two.
        let limit: Duration = .milliseconds(50 + left >> 20)
        waited = waited.map { $0 + (ContinuousClock.now - start) }
        if let waited, waited > limit { giveUp() }
    }

    /// What is still in the cache stays there.
    private func giveUp() {
        waited = nil
        for piece in pieces { close(piece.descriptor) }
        pieces.removeAll()
        pending = 0
    }
}
