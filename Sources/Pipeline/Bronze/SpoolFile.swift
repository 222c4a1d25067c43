internal import Foundation
#if canImport(Glibc)
    internal import Glibc
#endif

/// A temporary file without a name, for what memory should not hold. Source: mkstemp(3), pwrite(2), pread(2).
final class SpoolFile: Sendable {
    private let descriptor: Int32

    /// Makes it in the system's temporary folder (TMPDIR).
    init() throws {
        let folder = FileManager.default.temporaryDirectory.path
        var template = Array((folder + "/medallion-XXXXXX").utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw SpoolFile.failure("make") }
        unlink(template)
        // Nothing that this process starts has any business with it.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Writes all bytes.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try transfer(bytes.count, "write to") { done in
            pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
        }
    }

    /// Fills the buffer.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        try transfer(buffer.count, "read") { done in
            pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
        }
    }

    /// Goes on until all is done: the system may do less at once.
    private func transfer(_ size: Int, _ attempt: String, _ move: (_ done: Int) -> Int) throws {
        var done = 0
        while done < size {
            let count = move(done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SpoolFile.failure(attempt) }
            done += count
        }
    }

    private static func failure(_ attempt: String) -> StepError {
        let reason = String(cString: strerror(errno))
        return StepError(
            .internal,
            "cannot \(attempt) a temporary file in \(FileManager.default.temporaryDirectory.path): \(reason); free space "
                + "there, or set TMPDIR to a folder on a larger disk")
    }
}

/// Pieces of bytes that are written one after the other and read again later, in a temporary file.
struct ByteSpool: Sendable {
    /// Where the pieces stand, in the order in which they came.
    private(set) var pieces: [Range<Int>] = []
    private let file: SpoolFile

    /// Bytes of all pieces.
    var byteCount: Int { pieces.last?.upperBound ?? 0 }

    init() throws { file = try SpoolFile() }

    /// Adds a piece, where it is not empty.
    mutating func append(_ bytes: [UInt8]) throws {
        guard !bytes.isEmpty else { return }
        let start = byteCount
        try bytes.withUnsafeBytes { try file.write($0, at: start) }
        pieces.append(start..<start + bytes.count)
    }

    /// Reads a piece again.
    func read(_ piece: Range<Int>) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: piece.count) { buffer, count in
            try file.read(UnsafeMutableRawBufferPointer(buffer), at: piece.lowerBound)
            count = piece.count
        }
    }
}
