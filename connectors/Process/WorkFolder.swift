import ConnectorKit
import Foundation
import Glibc

/// The folder that one landing's programs work in: theirs alone (0700), removed with everything in it.
///
/// It is locked for as long as its owner lives, so that one which a killed owner left, secrets and all, is known as
/// such and removed by the next landing. Source: mkdtemp(3), flock(2).
struct WorkFolder: Sendable {
    /// The folder's absolute path.
    let path: String
    private let lock: Int32

    private static let prefix = "medallion-process-"
    private static let lockName = ".lock"

    /// - Throws: `ConnectorError` when the folder cannot be made.
    init(below parent: String, project: String) throws {
        Self.removeLeftovers(in: parent)
        var template = Array("\(parent)/\(Self.prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ConnectorError(
                "cannot make a working folder below \(parent): \(String(cString: strerror(errno)))",
                hint: "make it writable, or set TMPDIR to a folder that is")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Locked before it has its name: a folder with a lock that nobody holds is always a leftover.
        let lock = open("\(path)/.new", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0, rename("\(path)/.new", "\(path)/\(Self.lockName)") == 0,
            symlink(project, "\(path)/project") == 0
        else {
            let reason = String(cString: strerror(errno))
            if lock >= 0 { close(lock) }
            // It holds no secret yet.
            try? FileManager.default.removeItem(atPath: path)
            throw ConnectorError("cannot prepare the working folder \(path): \(reason)")
        }
        self.lock = lock
    }

    /// Writes a file that only this user may read.
    func write(_ bytes: [UInt8], to name: String) throws {
        unlink("\(path)/\(name)")
        let file = open("\(path)/\(name)", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw systemError("cannot write \(path)/\(name)") }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw systemError("cannot write \(path)/\(name)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Removes the folder with everything in it.
    func remove() {
        Self.clear(path)
        close(lock)
    }

    private static func removeLeftovers(in parent: String) {
        // A folder that cannot be listed cannot be cleared either; mkdtemp then says why.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            let lock = open("\(path)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { clear(path) }
            close(lock)
        }
    }

    private static func clear(_ path: String) {
        if (try? FileManager.default.removeItem(atPath: path)) != nil { return }
        unlock(path)
        // What is left now lies in a folder that nobody else may enter.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The program may have made folders that even their owner cannot enter. Links are not followed.
    private static func unlock(_ folder: String) {
        var status = stat()
        guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        chmod(folder, 0o700)
        // A folder that still cannot be listed cannot be removed either.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] { unlock("\(folder)/\(name)") }
    }
}
