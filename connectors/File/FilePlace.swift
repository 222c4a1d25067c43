import ConnectorKit
import Primitives

/// Where files lie: lists them, and brings one at a time.
protocol FilePlace: Sendable {
    /// The place in a word, as in `s3://bucket/prefix` or a folder: for messages and the manifest.
    var title: String { get }

    /// The files that match, each once, in any order.
    /// - Parameter detailed: True where modification times are needed, which may cost a request each.
    /// - Throws: `ConnectorError` where the place refuses.
    func files(matching pattern: FilePattern, detailed: Bool) async throws -> [PlacedFile]

    /// Makes a file readable on this machine; nil where the place itself says that it is still as `known`.
    /// - Parameters:
    ///   - path: Where a copy may be put; nothing is there yet, and the caller removes it.
    ///   - limit: Bytes that it may have.
    /// - Throws: `ConnectorError` where the place refuses, and for a cut copy.
    func fetch(_ file: PlacedFile, known: FileStamp?, to path: String, limit: Int) async throws -> FetchedFile?

    /// Says what there is instead of what the pattern asks for.
    func nothingFound(_ pattern: FilePattern) throws -> ConnectorError

    /// The error, made safe to show.
    func masked(_ error: ConnectorError) -> ConnectorError
}

extension FilePlace {
    func nothingFound(_ pattern: FilePattern) throws -> ConnectorError {
        ConnectorError("no file matches '\(pattern.text)' at \(title)", hint: "check source.path")
    }

    func masked(_ error: ConnectorError) -> ConnectorError { error }
}

/// What a place says of a file without its content.
struct FileStamp: Sendable, Hashable {
    /// Bytes as they lie there; nil where the place does not say.
    var size: Int?
    /// When it last changed; nil where the place does not say.
    var modified: Instant?
    /// What the place gives a new value with each content, as HTTP's ETag.
    var tag: String?

    /// True where the place says enough to tell that the file is the same.
    func proves(_ other: FileStamp) -> Bool {
        guard size == other.size else { return false }
        if let tag, let known = other.tag { return tag == known }
        return modified != nil && modified == other.modified
    }
}

/// A file at its place.
struct PlacedFile: Sendable, Hashable {
    /// Below the place's root, with `/` between folders.
    var path: String
    /// What the place says of it.
    var stamp: FileStamp
}

/// A path as its bytes: two names that only Unicode takes for the same are two files.
struct PathBytes: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ path: String) { bytes = Array(path.utf8) }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A file that can be read on this machine.
struct FetchedFile: Sendable {
    /// Where it can be read.
    var localPath: String
    /// What the place said of what it gave.
    var stamp: FileStamp
    /// The compression that the place says, where it knows better than the name.
    var compression: FileEnding.Compression?
}
