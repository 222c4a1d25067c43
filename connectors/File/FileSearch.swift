import ConnectorKit
import Foundation
import Glibc
import Primitives

extension FilePattern {
    /// The files that match, as absolute paths in byte order, read through symbolic links.
    /// - Throws: `ConnectorError` when something that is no readable file stands in the way.
    func matches(below root: String) throws -> [String] {
        switch try FileKind(of: root) {
        case .folder: break
        case .missing:
            throw ConnectorError("the folder \(root) does not exist", hint: "check the system's connection.root")
        case .file, .other:
            throw ConnectorError("\(root) is not a folder", hint: "check the system's connection.root")
        }
        var search = FileSearch()
        try search.collect(below: root, segments[...])
        return search.found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.map(\.text)
    }

    /// Says what there is instead: the nearest name, or some names of the deepest folder that the path names.
    func nothingFound(below root: String) throws -> ConnectorError {
        var folder = root
        for segment in segments {
            guard case .name(let name) = segment, case .folder = try FileKind(of: folder + "/" + name) else { break }
            folder += "/" + name
        }
        let known = try names(in: folder).filter { !$0.hasPrefix(".") }
        let wanted = text.split(separator: "/").dropFirst(folder.dropFirst(root.count).split(separator: "/").count)
            .first
        let hint =
            if known.isEmpty {
                "\(folder) is empty"
            } else if let wanted, let nearest = nearestName(to: String(wanted), among: known) {
                "did you mean '\(nearest)'?"
            } else {
                "\(folder) holds " + known.prefix(5).joined(separator: ", ")
                    + (known.count > 5 ? " and \(known.count - 5) more" : "")
            }
        return ConnectorError("no file matches '\(text)' below \(root)", hint: hint)
    }
}

/// Collects the files of one pattern.
private struct FileSearch {
    private(set) var found: Set<PathBytes> = []
    /// The folders that `**` is inside of, so that a link to one of them ends the descent.
    private var ancestors: [FileKind.Identity] = []

    mutating func collect(below folder: String, _ segments: ArraySlice<FilePattern.Segment>) throws {
        guard let segment = segments.first else { return }
        let rest = segments.dropFirst()
        switch segment {
        case .name(let name): try visit(folder + "/" + name, rest, isNamed: true)
        case .wildcard(let pattern):
            for name in try names(in: folder) where pattern.matches(name) {
                try visit(folder + "/" + name, rest, isNamed: false)
            }
        case .anyFolders:
            try collect(below: folder, rest)
            guard case .folder(let identity) = try FileKind(of: folder), !ancestors.contains(identity) else { return }
            ancestors.append(identity)
            defer { ancestors.removeLast() }
            for name in try names(in: folder) where !name.hasPrefix(".") {
                let path = folder + "/" + name
                if case .folder = try FileKind(of: path) { try collect(below: path, segments) }
            }
        }
    }

    /// Descends into a folder while the pattern goes on; at its end takes the file.
    private mutating func visit(
        _ path: String, _ rest: ArraySlice<FilePattern.Segment>, isNamed: Bool
    ) throws {
        switch (try FileKind(of: path), isLast: rest.isEmpty) {
        case (.folder, isLast: false): try collect(below: path, rest)
        case (.file, isLast: true): found.insert(PathBytes(path))
        case (.file, isLast: false), (.other, isLast: false): break
        case (.missing, _):
            // A listed name that leads nowhere is a link whose target is gone.
            guard isNamed else {
                throw ConnectorError("\(path) points to nothing", hint: "repair or remove the link")
            }
        case (.folder, isLast: true):
            // A wildcard may meet folders beside the files; one that is called like a file is a mistake.
            guard isNamed || FileEnding(path).format != nil else { return }
            throw ConnectorError(
                "\(path) is a folder", hint: "write \(path.split(separator: "/").last ?? "")/* for its files")
        case (.other, isLast: true):
            throw ConnectorError("\(path) is not a regular file", hint: "name a file, not a pipe, socket or device")
        }
    }
}

/// What stands at a path, seen through symbolic links.
enum FileKind {
    /// A folder's place in the file system.
    struct Identity: Equatable {
        var device: dev_t
        var number: ino_t
    }

    case missing
    case file
    case folder(Identity)
    case other

    /// - Throws: `ConnectorError` when the system does not let us look.
    init(of path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw systemError("cannot look at \(path)") }
            self = .missing
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .folder(Identity(device: status.st_dev, number: status.st_ino))
        default: self = .other
        }
    }
}

/// The names in a folder, in byte order.
private func names(in folder: String) throws -> [String] {
    do {
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch {
        throw ConnectorError(
            "cannot list the folder \(folder)", hint: "make it readable for the user that runs medallion")
    }
}

/// The failure that `errno` tells of.
func systemError(_ attempt: String) -> ConnectorError {
    let code = errno
    let hint =
        switch code {
        case EACCES, EPERM: "make it readable for the user that runs medallion"
        case ELOOP: "its symbolic links lead in a circle"
        default: ""
        }
    return ConnectorError("\(attempt): \(String(cString: strerror(code)))", hint: hint)
}
