internal import Foundation
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// Bytes for what memory should not hold: the first few are held all the same, so that a small batch needs no file; more goes
/// to a temporary file without a name. Source: mkstemp(3), pwrite(2), pread(2).
final class SpoolFile: Sendable {
    /// So many bytes are held, as long as there are not more.
    static let mostHeld = 256 << 10

    private struct State {
        /// All bytes, as long as there is no file.
        var held: [UInt8] = []
        /// -1 where there is none.
        var descriptor: Int32 = -1
        var count = 0
    }

    private let folder: String
    private let state = Mutex(State())

    /// - Parameter folder: Where a file would be: the system's temporary folder (TMPDIR).
    init(in folder: String = FileManager.default.temporaryDirectory.path) { self.folder = folder }

    deinit {
        let descriptor = state.withLock(\.descriptor)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Adds the bytes.
    /// - Returns: Where they stand.
    func append(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        try state.withLock { state in
            let place = state.count
            if state.descriptor < 0, place + bytes.count <= Self.mostHeld {
                if place == 0 { state.held.reserveCapacity(Self.mostHeld) }
                state.held.append(contentsOf: bytes)
            } else {
                if state.descriptor < 0 {
                    state.descriptor = try state.held.withUnsafeBytes { try make(of: $0) }
                    state.held = []
                }
                try write(bytes, to: state.descriptor, at: place)
            }
            state.count += bytes.count
            return place
        }
    }

    /// Fills the buffer with what stands there.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at place: Int) throws {
        try state.withLock { state in
            guard state.descriptor >= 0 else {
                return state.held.withUnsafeBytes {
                    buffer.copyMemory(from: .init(rebasing: $0[place..<place + buffer.count]))
                }
            }
            try transfer(buffer.count, "read") { done in
                pread(state.descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(place + done))
            }
        }
    }

    /// Makes the file, with these bytes or not at all.
    private func make(of bytes: UnsafeRawBufferPointer) throws -> Int32 {
        var template = Array((folder + "/medallion-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failure("make") }
        unlink(template)
        // Nothing that this process starts has any business with it.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        do { try write(bytes, to: descriptor, at: 0) } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) throws {
        try transfer(bytes.count, "write to") { done in
            pwrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
        }
    }

    /// Goes on until all is done: the system may do less at once.
    private func transfer(_ size: Int, _ attempt: String, _ move: (_ done: Int) -> Int) throws {
        var done = 0
        while done < size {
            let count = move(done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(attempt) }
            done += count
        }
    }

    private func failure(_ attempt: String) -> StepError {
        let reason = String(cString: strerror(errno))
        return StepError(
            .internal,
            "cannot \(attempt) a temporary file in \(folder): \(reason); free space "
                + "there, or set TMPDIR to a folder on a larger disk", isInfrastructure: true)
    }
}

/// Pieces of bytes that are written one after the other and read again later.
struct ByteSpool: Sendable {
    /// Where the pieces stand, in the order in which they came.
    private(set) var pieces: [Range<Int>] = []
    private let file: SpoolFile

    /// - Parameter folder: See `SpoolFile`.
    init(in folder: String = FileManager.default.temporaryDirectory.path) { file = SpoolFile(in: folder) }

    /// Bytes of all pieces.
    var byteCount: Int { pieces.last?.upperBound ?? 0 }

    /// Adds a piece, where it is not empty.
    /// - Returns: Where it stands.
    @discardableResult
    mutating func append(_ bytes: [UInt8]) throws -> Range<Int> {
        guard !bytes.isEmpty else { return byteCount..<byteCount }
        let start = try bytes.withUnsafeBytes { try file.append($0) }
        pieces.append(start..<start + bytes.count)
        return start..<start + bytes.count
    }

    /// Reads a piece again.
    func read(_ piece: Range<Int>) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: piece.count) { buffer, count in
            try file.read(UnsafeMutableRawBufferPointer(buffer), at: piece.lowerBound)
            count = piece.count
        }
    }
}
