#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A raw file on its way that may turn out to repeat one of an earlier batch.
///
/// As long as its bytes are those of the earlier file, nothing is written: a batch that brings the same again keeps no files,
/// and to write them only to remove them would be most of its cost. With the first byte that differs, what came before it is
/// copied from the earlier file. Source: pread(2).
struct RepeatedFile: ~Copyable {
    private let path: String
    private var known: KnownFile?
    /// What is written; nil as long as all bytes are the known ones.
    private var file: DurableFile?
    private let passing: PassingWrites

    /// Begins a file.
    /// - Parameters:
    ///   - known: The earlier file; nil, or one that cannot be read, where everything is to be written.
    ///   - count: Bytes of the batch that came before it.
    /// - Throws: `DurableFileError` when the folder is missing, not writable, or the file exists.
    init(creating path: String, repeating known: String?, behind count: Int, passing: PassingWrites) throws {
        self.path = path
        self.passing = passing
        if let known { self.known = KnownFile(known, behind: count) }
        if self.known == nil { file = try DurableFile(creating: path, passing: passing) }
    }

    /// True as long as all bytes are the known ones.
    var isRepeated: Bool { known != nil }

    /// Appends bytes.
    mutating func write(_ bytes: Span<UInt8>) throws {
        if known?.goesOn(with: bytes) == true { return }
        try writeOut()
        try file?.write(bytes)
    }

    /// Gives the file its name.
    /// - Returns: False where it is the earlier file from beginning to end, and was not written.
    mutating func publish() throws -> Bool {
        if let known, known.isAtEnd { return false }
        try writeOut()
        try file?.publish(syncs: false)
        return true
    }

    /// From here on the bytes are other ones.
    private mutating func writeOut() throws {
        guard let known else { return }
        self.known = nil
        var file = try DurableFile(creating: path, passing: passing)
        try known.copy(known.count, into: &file)
        self.file = consume file
    }

    /// Writes a file after all that was found to repeat the one at `known`.
    static func copy(_ known: String, to path: String, _ passing: PassingWrites) throws {
        guard let source = KnownFile(known, behind: 0) else { throw DurableFileError("read again", known) }
        var file = try DurableFile(creating: path, passing: passing)
        try source.copy(source.size, into: &file)
        try file.publish(syncs: false)
    }
}

/// A file that is there, and how much of it has come again.
private final class KnownFile {
    private static let step = 256 << 10

    private let path: String
    private let descriptor: Int32
    let size: Int
    /// Bytes that have come again.
    private(set) var count = 0
    private var buffer: [UInt8] = []
    private var passing: PassingFile

    /// nil where there is no such file.
    init?(_ path: String, behind before: Int) {
        let opened = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            close(opened)
            return nil
        }
        self.path = path
        descriptor = opened
        size = Int(status.st_size)
        passing = PassingFile(opened, of: before + size)
    }

    deinit { close(descriptor) }

    /// True where all of it has come.
    var isAtEnd: Bool { count == size }

    /// True where these bytes are the next ones; they then count as come.
    func goesOn(with bytes: Span<UInt8>) -> Bool {
        guard count + bytes.count <= size else { return false }
        var place = 0
        while place < bytes.count {
            let length = min(Self.step, bytes.count - place)
            guard read(length, at: count + place) else { return false }
            let isSame = bytes.extracting(place..<place + length).withUnsafeBytes { new in
                buffer.withUnsafeBytes { old in
                    guard let new = new.baseAddress, let old = old.baseAddress else { return true }
                    return memcmp(new, old, length) == 0
                }
            }
            guard isSame else { return false }
            place += length
        }
        count += bytes.count
        passing.passed(count)
        if isAtEnd { passing.ended() }
        return true
    }

    /// Writes its first bytes.
    func copy(_ count: Int, into file: inout DurableFile) throws {
        var place = 0
        while place < count {
            let length = min(Self.step, count - place)
            guard read(length, at: place) else {
                throw ConnectorError(
                    "raw file \(path) cannot be read again, or changed while it was compared with what has come",
                    hint: "let nobody touch raw files; the next run compares anew", isTransient: true)
            }
            let bytes = Array(buffer[..<length])
            try file.write(bytes.span)
            place += length
        }
    }

    private func read(_ length: Int, at place: Int) -> Bool {
        if buffer.count < length { buffer = [UInt8](repeating: 0, count: min(Self.step, max(size, length))) }
        var count = -1
        repeat {
            count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, length, off_t(place)) }
        } while count < 0 && errno == EINTR
        return count == length
    }
}
