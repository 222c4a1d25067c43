internal import CSync

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A file that exists under its name only when it is complete: written as `<name>.part`, synced, then named.
///
/// Never overwrites unless told to, never writes through a symbolic link. Source: open(2), fsync(2), sync_file_range(2),
/// posix_fadvise(2), link(2), rename(2).
public struct DurableFile: ~Copyable {
    private let path: String
    private var descriptor: Int32
    private var written = 0
    /// Up to here the disk was asked to begin.
    private var begun = 0
    private let passing: PassingWrites
    /// True where other files follow.
    private let isOneOfMany: Bool

    /// Where the file lies as long as it is not complete.
    package static func unfinished(_ path: String) -> String { path + ".part" }

    /// Creates `<path>.part`. A `.part` that a killed process left is removed first.
    /// - Throws: `DurableFileError` when the folder is missing, not writable, or the file exists.
    public init(creating path: String, mode: UInt32 = 0o640) throws {
        try self.init(creating: path, mode: mode, passing: nil)
    }

    /// One of the files of a batch, which pass through the page cache together.
    init(creating path: String, mode: UInt32 = 0o640, passing: PassingWrites?) throws {
        self.path = path
        self.passing = passing ?? PassingWrites()
        isOneOfMany = passing != nil
        unlink(Self.unfinished(path))
        descriptor = open(Self.unfinished(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw DurableFileError("create", path) }
    }

    deinit {
        // Still open: the write failed or was cancelled; nothing of it stays.
        if descriptor >= 0 {
            close(descriptor)
            unlink(Self.unfinished(path))
        }
    }

    /// Appends bytes.
    public mutating func write(_ bytes: Span<UInt8>) throws {
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0, errno == EINTR { continue }
                guard written >= 0 else { throw DurableFileError("write", path) }
                rest = rest.dropFirst(written)
            }
        }
        written += bytes.count
        if written - begun >= PassingWrites.step { try passOn() }
    }

    private mutating func passOn() throws {
        try passing.add(descriptor, from: begun, count: written - begun, path: path)
        begun = written
    }

    /// Syncs the content and puts it in the place of the file that may have the name; then syncs the folder.
    ///
    /// Whoever opens the name meanwhile reads the old content or the new one, never a part.
    public mutating func publishReplacing() throws {
        try closeFile(syncs: true)
        guard rename(Self.unfinished(path), path) == 0 else { throw DurableFileError("name", path) }
        try Self.syncFolder(path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
    }

    private mutating func closeFile(syncs: Bool) throws {
        if isOneOfMany, written - begun >= PassingWrites.smallest { try passOn() }
        guard !syncs || fsync(descriptor) == 0 else { throw DurableFileError("sync", path) }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw DurableFileError("close", path) }
    }

    /// Syncs the content and gives the file its name; the folder is synced by `syncFolder` once per batch.
    /// - Parameter syncs: False where `syncFiles` follows for many files at once.
    public mutating func publish(syncs: Bool = true) throws {
        try closeFile(syncs: syncs)
        // rename(2) would replace an existing file; link(2) refuses to.
        guard link(Self.unfinished(path), path) == 0 else {
            let failure = DurableFileError("name", path)
            unlink(Self.unfinished(path))
            throw failure
        }
        unlink(Self.unfinished(path))
    }

    /// Makes the content of files durable that were published without: one by one where they are few, else with all that
    /// their file system has to write, for a journal's commit a file is what takes the time. Source: syncfs(2).
    public static func syncFiles(_ names: [String], in folder: String) throws {
        let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw DurableFileError("open folder", folder) }
        defer { close(opened) }
        guard names.count <= 8 else {
            guard syncfs(opened) == 0 else { throw DurableFileError("sync files of", folder) }
            return
        }
        for name in names {
            let file = openat(opened, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else { throw DurableFileError("open", "\(folder)/\(name)") }
            defer { close(file) }
            guard fsync(file) == 0 else { throw DurableFileError("sync", "\(folder)/\(name)") }
        }
    }

    /// Makes the names within the folder durable.
    public static func syncFolder(_ path: String) throws {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw DurableFileError("open folder", path) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw DurableFileError("sync folder", path) }
    }
}

/// A file operation that the system refused: what was attempted, on which path, and why.
public struct DurableFileError: Error, Sendable, CustomStringConvertible {
    /// The system's error number.
    public let code: Int32
    /// One line.
    public let description: String

    init(_ attempt: String, _ path: String) {
        code = errno
        let hint =
            switch code {
            case ENOSPC: "; free space on that disk, then run again"
            case EACCES, EPERM: "; give the user that runs medallion write access to the folder"
            case EEXIST: "; it exists already and raw files are never overwritten"
            case ELOOP: "; it is a symbolic link, through which raw files are never written"
            default: ""
            }
        description = "cannot \(attempt) \(path): \(String(cString: strerror(code)))\(hint)"
    }
}
