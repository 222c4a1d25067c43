#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Keeps a file that is read from its beginning to its end out of the system's page cache, unless it was there before.
///
/// What passes through once would take the place of pages that are asked for again, the database server's above all, and to
/// fill fresh memory may cost more than to read a disk. Source: posix_fadvise(2), mincore(2); ADR 0032.
public struct PassingFile {
    /// Smaller files are not worth it.
    static let smallest = 48 << 20
    private static let step = 4 << 20

    private let descriptor: Int32
    private let passes: Bool
    private var left = 0

    /// Looks whether the open file is in the cache; it is not read.
    /// - Parameter total: Bytes of all files that are read one after the other, this one among them.
    public init(_ descriptor: Int32, of total: Int = 0) {
        self.descriptor = descriptor
        var status = stat()
        passes =
            fstat(descriptor, &status) == 0 && max(total, Int(status.st_size)) >= Self.smallest
            && status.st_size >= PassingWrites.smallest && !Self.isCached(descriptor, at: Int(status.st_size) / 2)
        if passes { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
    }

    /// A file that still grows: of a batch's first one its writer leaves the beginning in the cache, see `PassingWrites`.
    package init(growing descriptor: Int32) {
        self.descriptor = descriptor
        passes = true
        left = PassingWrites.kept
    }

    /// Called when everything up to `place` has been read.
    public mutating func passed(_ place: Int) {
        guard passes, place - left >= Self.step else { return }
        let length = (place - left) / Self.step * Self.step
        posix_fadvise(descriptor, off_t(left), off_t(length), POSIX_FADV_DONTNEED)
        left += length
    }

    /// Called when all of it has been read.
    public func ended() {
        if passes { posix_fadvise(descriptor, off_t(left), 0, POSIX_FADV_DONTNEED) }
    }

    /// True also where the system does not tell, as of files that belong to others.
    ///
    /// To try and read without waiting (preadv2(2)) would tell it, too, but makes the system begin to read.
    static func isCached(_ descriptor: Int32, at place: Int) -> Bool {
        let size = sysconf(Int32(_SC_PAGESIZE))
        let page = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, off_t(place / size * size))
        guard let page, page != MAP_FAILED else { return true }
        defer { munmap(page, size) }
        var state: UInt8 = 0
        return mincore(page, size, &state) != 0 || state & 1 != 0
    }
}
