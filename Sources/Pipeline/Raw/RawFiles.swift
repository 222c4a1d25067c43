internal import ConnectorKit

/// The files that a `BatchReader` reads, one after the other.
enum RawFiles {
    /// Those of a batch that is there.
    case landed([Manifest.File], bytes: Int, folder: String, LandedFiles?)
    /// Those of a landing, as they come: see `LandingFollower`.
    case arriving(ArrivingFiles)

    /// Those of the batch with this manifest.
    static func landed(_ manifest: Manifest, folder: String, _ landed: LandedFiles? = nil) -> RawFiles {
        .landed(manifest.files, bytes: manifest.byteCount, folder: folder, landed)
    }

    /// Opens the file at this place, from 0; nil behind the last one.
    /// - Throws: `StepError` naming a missing file.
    func reader(at place: Int) throws -> RawFileReader? {
        switch self {
        case .landed(let files, let bytes, let folder, let landed):
            guard place < files.count else { return nil }
            return try RawFileReader(files[place], of: bytes, folder: folder, landed: landed)
        case .arriving(let files):
            guard let file = files.progress.file(at: place) else { return nil }
            return try RawFileReader(arriving: file, at: place, of: files)
        }
    }

    /// The row of `for_each` that the records of the file at this place belong to.
    func parent(at place: Int) -> String? {
        guard case .landed(let files, _, _, _) = self else { return nil }
        return files[place].parent
    }

    /// The path of the file at this place, for people.
    func path(at place: Int) -> String {
        switch self {
        case .landed(let files, _, let folder, _): "\(folder)/\(files[place].name)"
        case .arriving(let files): files.progress.file(at: place).map(files.path) ?? files.folder
        }
    }

    /// True for the last file of a batch that is there.
    func isLast(_ place: Int) -> Bool {
        guard case .landed(let files, _, _, _) = self else { return false }
        return place == files.count - 1
    }
}
