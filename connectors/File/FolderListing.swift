import ConnectorKit

/// An entry of a folder at a place that has folders.
struct FolderEntry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case file
        case folder
        /// Either: a link's target is not seen.
        case link
    }

    var name: String
    var kind: Kind
    var stamp: FileStamp
}

/// A place that is listed folder by folder.
protocol FolderListing: Sendable {
    /// What is in a folder below the root; "" is the root.
    /// - Throws: `ConnectorError` where it cannot be listed.
    func entries(of folder: String) async throws -> [FolderEntry]
}

extension FolderListing {
    /// The files that match, found by listing the folders that the pattern leads through.
    func search(_ pattern: FilePattern) async throws -> [PlacedFile] {
        var found: [PathBytes: PlacedFile] = [:]
        try await search("", pattern.segments[...], depth: 0, &found)
        return Array(found.values)
    }

    private func search(
        _ folder: String, _ segments: ArraySlice<FilePattern.Segment>, depth: Int,
        _ found: inout [PathBytes: PlacedFile]
    ) async throws {
        try Task.checkCancellation()
        guard let segment = segments.first else { return }
        // Links may lead in a circle, which cannot be seen from here.
        guard depth <= 32 else {
            throw ConnectorError(
                "\(folder): folders are nested more than 32 deep", hint: "write a pattern without ** for this place")
        }
        let rest = segments.dropFirst()
        if case .name(let name) = segment, !rest.isEmpty {
            return try await search(join(folder, name), rest, depth: depth + 1, &found)
        }
        for entry in try await entries(of: folder) where !["", ".", ".."].contains(entry.name) {
            let path = join(folder, entry.name)
            switch segment {
            case .name(let name):
                if entry.name.utf8.elementsEqual(name.utf8) { take(entry, path, &found) }
            case .wildcard(let wildcard):
                guard wildcard.matches(entry.name) else { continue }
                if rest.isEmpty {
                    take(entry, path, &found)
                } else if entry.kind != .file {
                    try await search(path, rest, depth: depth + 1, &found)
                }
            case .anyFolders:
                if entry.kind == .folder, !entry.name.hasPrefix(".") {
                    try await search(path, segments, depth: depth + 1, &found)
                }
            }
        }
        if case .anyFolders = segment { try await search(folder, rest, depth: depth, &found) }
    }

    private func take(_ entry: FolderEntry, _ path: String, _ found: inout [PathBytes: PlacedFile]) {
        guard entry.kind != .folder else { return }
        found[PathBytes(path)] = PlacedFile(path: path, stamp: entry.stamp)
    }

    private func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : "\(folder)/\(name)" }
}
