import ConnectorKit
import Glibc
import Primitives

/// A folder of this machine.
struct LocalPlace: FilePlace {
    let root: String

    var title: String { root }

    func files(matching pattern: FilePattern, detailed: Bool) async throws -> [PlacedFile] {
        try pattern.matches(below: root).map { path in
            PlacedFile(path: String(path.dropFirst(root == "/" ? 1 : root.count + 1)), stamp: try stamp(of: path))
        }
    }

    func nothingFound(_ pattern: FilePattern) throws -> ConnectorError { try pattern.nothingFound(below: root) }

    func fetch(_ file: PlacedFile, known: FileStamp?, to path: String, limit: Int) async throws -> FetchedFile? {
        FetchedFile(localPath: "\(root)/\(file.path)", stamp: file.stamp)
    }

    /// Seen through symbolic links.
    private func stamp(of path: String) throws -> FileStamp {
        var status = stat()
        guard stat(path, &status) == 0 else { throw systemError("cannot look at \(path)") }
        let time = status.st_mtim
        return FileStamp(
            size: Int(status.st_size),
            modified: Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000))
    }
}
