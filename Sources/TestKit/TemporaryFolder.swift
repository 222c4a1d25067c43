import Foundation

/// A new, empty folder that is removed when nothing refers to it any more.
public final class TemporaryFolder: Sendable {
    /// The folder's absolute path.
    public let path: String

    /// Makes a folder below the system's folder for temporary files.
    public init() throws {
        path = FileManager.default.temporaryDirectory.path + "/medallion-test-" + UUID().uuidString.lowercased()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { remove() }

    /// Removes the folder at once.
    public func remove() {
        // It may be gone already; what cannot be removed lies among temporary files anyway.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The absolute path of something within.
    public func path(of name: String) -> String { path + "/" + name }

    /// Makes a folder within, and those above it.
    @discardableResult
    public func makeFolder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: path(of: name), withIntermediateDirectories: true)
        return path(of: name)
    }

    /// Writes a file, with the folders above it; its absolute path.
    @discardableResult
    public func write(_ bytes: [UInt8], to name: String) throws -> String {
        let folder = (name as NSString).deletingLastPathComponent
        if !folder.isEmpty { try makeFolder(folder) }
        try Data(bytes).write(to: URL(fileURLWithPath: path(of: name)))
        return path(of: name)
    }

    /// Writes a text as a file; its absolute path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

    /// Makes a symbolic link.
    public func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path(of: name), withDestinationPath: target)
    }

    /// A file's bytes.
    public func bytes(of name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path(of: name))))
    }

    /// A file's text.
    public func text(of name: String) throws -> String { String(decoding: try bytes(of: name), as: UTF8.self) }

    /// What the folder or one within holds, in byte order.
    public func names(in folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(of: folder))
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
